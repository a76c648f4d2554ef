/*
 * One request of the client.
 */

#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "worker/state.h"

/*
 * Answers the request that these words (at least one) make, or hands it to
 * the registry, whose reply replies_drain() takes.  False: this client is
 * not to be served any more.
 */
bool request_run(struct worker *, const struct bytes *words, size_t n);

#endif
