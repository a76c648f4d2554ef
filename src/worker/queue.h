/*
 * A client's open transaction: the requests that it has queued, encoded.  When
 * it commits, they are sent to the registry as one message.  Until then only the
 * worker has them, and if it ends they are lost.
 */

#ifndef WORKER_QUEUE_H
#define WORKER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/command.h"

struct queue {
	bool open; /* request.c sets it at BEGIN */
	struct buf requests; /* their frames */
	size_t n; /* number of requests, as MESSAGE_TRANSACTION_REQUESTS
		   * counts them */
};

/* Adds a request.  Returns STATUS_QUEUED, or the error to answer with, and then
 * has added nothing. */
enum status queue_add(struct queue *, const struct command *,
    const struct bytes *words, size_t n, size_t value_max);
/* Appends all requests to `out` as one, and closes the transaction. */
void queue_send(struct queue *, uint64_t sequence, struct buf *out);
/* Drops all requests, and closes the transaction. */
void queue_close(struct queue *);

#endif
