/*
 * The first request, before the load begins.  It finds out if the server
 * speaks the expected protocol, and creates the bucket if the protocol has
 * buckets.
 */

#ifndef KVBENCH_PROBE_H
#define KVBENCH_PROBE_H

#include <stddef.h>

#include "kvbench/protocol.h"
#include "kvbench/server.h"

/* Returns EX_OK, or another exit status with one line about the reason in
 * `error`. */
int probe_run(const struct workload *, const struct server *, int timeout_ms,
    char *error, size_t error_size);

#endif
