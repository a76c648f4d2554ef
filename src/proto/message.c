/*
 * message: frames between worker and registry.  Runs in both.  Each length is
 * checked, because the registry does not trust a worker, which reads hostile
 * bytes.
 */

#include <string.h>

#include "proto/message.h"

#define NAME_SIZE (1 + UINT8_MAX)
/* More than a request needs besides its values: header, names, sizes. */
#define MESSAGE_OVERHEAD (MESSAGE_HEADER_SIZE + 3 * NAME_SIZE + 64)

/* Most values of a request: CAS has two. */
#define VALUES_MAX 2
/* A transaction may have a request of any size, and so many bytes of others.
 * The same limit is more than enough for a HELLO with all subscriptions. */
#define TRANSACTION_OTHERS ((size_t)1 << 20)

size_t
message_transaction_max(size_t value_max)
{
	return TRANSACTION_OTHERS + MESSAGE_OVERHEAD + VALUES_MAX * value_max;
}

size_t
message_request_max(size_t value_max)
{
	return MESSAGE_HEADER_SIZE + message_transaction_max(value_max);
}

bool
message_get_header(struct bytes data, struct message *m)
{
	const uint8_t *p = data.data;
	uint32_t frame_size;

	if (data.size < MESSAGE_HEADER_SIZE)
		return false;
	memcpy(&frame_size, p, sizeof(frame_size));
	memcpy(&m->type, p + 4, sizeof(m->type));
	memcpy(&m->sequence, p + 8, sizeof(m->sequence));
	m->body.data = p + MESSAGE_HEADER_SIZE;
	m->body.size = frame_size - MESSAGE_HEADER_SIZE;
	m->frame_size = frame_size;
	return true;
}

int
message_get(const void *data, size_t size, size_t frame_max, struct message *m)
{
	uint16_t zero;

	if (!message_get_header((struct bytes){ data, size }, m))
		return 0;
	if (m->frame_size < MESSAGE_HEADER_SIZE || m->frame_size > frame_max)
		return -1;
	if (size < m->frame_size)
		return 0;
	memcpy(&zero, (const uint8_t *)data + 6, sizeof(zero));
	return zero == 0 ? 1 : -1;
}
