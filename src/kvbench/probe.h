/*
 * Asks a server one thing before it is put under load: whether it is one of
 * the kind expected, and, where there are buckets, for a bucket.
 */

#ifndef KVBENCH_PROBE_H
#define KVBENCH_PROBE_H

#include <stddef.h>

#include "kvbench/protocol.h"
#include "kvbench/server.h"

/* Returns EX_OK, or another exit status with one line about it in `error`. */
int probe_run(const struct workload *, const struct server *, int timeout_ms,
    char *error, size_t error_size);

#endif
