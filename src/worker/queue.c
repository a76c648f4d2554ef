/*
 * queue: the requests between BEGIN and COMMIT or ABORT.  Runs in the worker.
 */

#include "proto/message.h"
#include "proto/schema.h"
#include "worker/queue.h"

enum status
queue_add(struct queue *q, const struct command *command,
    const struct bytes *words, size_t n, size_t value_max)
{
	size_t before = buf_size(&q->requests), weight = 1;
	enum status status;

	/* The frames in a MESSAGE_TRANSACTION need no sequence number. */
	status = command_encode(command, words, n, value_max, 0, &q->requests);
	if (status != STATUS_OK)
		return status;
	if (command->request == MESSAGE_GET_KEYS)
		weight = n - 2; /* its name and the bucket are no keys */
	if (q->n + weight > MESSAGE_TRANSACTION_REQUESTS ||
	    buf_size(&q->requests) > message_transaction_max(value_max)) {
		buf_truncate(&q->requests, before);
		return STATUS_TRANSACTION_TOO_LARGE;
	}
	q->n += weight;
	return STATUS_QUEUED;
}

void
queue_send(struct queue *q, uint64_t sequence, struct buf *out)
{
	struct fields f = { .rest = buf_bytes(&q->requests) };

	schema_put(out, MESSAGE_TRANSACTION, sequence, &f);
	queue_close(q);
}

void
queue_close(struct queue *q)
{
	buf_truncate(&q->requests, 0);
	q->n = 0;
	q->open = false;
}
