/*
 * A client's open transaction: the requests that it has queued, encoded.  They
 * go to the registry as one message when it commits; until then nobody else
 * knows of them, and they end with the worker.
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
	bool open;
	struct buf requests; /* frames */
	size_t n;
};

/* Adds a request.  Returns STATUS_QUEUED, or, with nothing added, the error
 * to answer. */
enum status queue_add(struct queue *, const struct command *,
    const struct bytes *words, size_t n, size_t value_max);
/* Appends all of it as one request, and closes. */
void queue_send(struct queue *, uint64_t sequence, struct buf *out);
/* Forgets all of it, and closes. */
void queue_close(struct queue *);

#endif
