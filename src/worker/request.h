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
 * Executes the request that consists of these words (at least one): answers it,
 * or appends it to those that are pending, and then replies_drain() waits for
 * the reply.  False: this client is not to be served any more.
 */
bool request_run(struct worker *, const struct bytes *words, size_t n);

#endif
