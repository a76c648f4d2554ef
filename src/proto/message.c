/*
 * message: frames between worker and registry.  Every length is checked:
 * the registry does not trust a worker, which reads hostile bytes.
 */

#include <string.h>

#include "proto/message.h"

#define NAME_SIZE (1 + UINT8_MAX)
/* Most a request needs besides its values: header, names, lengths. */
#define MESSAGE_OVERHEAD (MESSAGE_HEADER_SIZE + 3 * NAME_SIZE + 64)

/* CAS has two values. */
#define VALUES_MAX 2
/* Of a transaction, besides what its largest request takes.  More than
 * enough for a greeting with all its subscriptions. */
#define TRANSACTION_ROOM ((size_t)1 << 20)

size_t
message_transaction_max(size_t value_max)
{
	return TRANSACTION_ROOM + MESSAGE_OVERHEAD + VALUES_MAX * value_max;
}

size_t
message_request_max(size_t value_max)
{
	return MESSAGE_HEADER_SIZE + message_transaction_max(value_max);
}

int
message_get(const void *data, size_t size, size_t frame_max, struct message *m)
{
	const uint8_t *p = data;
	uint32_t frame_size;
	uint16_t zero;

	if (size < MESSAGE_HEADER_SIZE)
		return 0;
	memcpy(&frame_size, p, sizeof(frame_size));
	if (frame_size < MESSAGE_HEADER_SIZE || frame_size > frame_max)
		return -1;
	if (size < frame_size)
		return 0;
	memcpy(&m->type, p + 4, sizeof(m->type));
	memcpy(&zero, p + 6, sizeof(zero));
	if (zero != 0)
		return -1;
	memcpy(&m->sequence, p + 8, sizeof(m->sequence));
	m->body.data = p + MESSAGE_HEADER_SIZE;
	m->body.size = frame_size - MESSAGE_HEADER_SIZE;
	m->frame_size = frame_size;
	return 1;
}

static bool
body_take(struct bytes *body, void *to, size_t size)
{
	if (body->size < size)
		return false;
	memcpy(to, body->data, size);
	body->data = (const uint8_t *)body->data + size;
	body->size -= size;
	return true;
}

bool
message_get_u8(struct bytes *body, uint8_t *v)
{
	return body_take(body, v, sizeof(*v));
}

bool
message_get_u16(struct bytes *body, uint16_t *v)
{
	return body_take(body, v, sizeof(*v));
}

bool
message_get_u32(struct bytes *body, uint32_t *v)
{
	return body_take(body, v, sizeof(*v));
}

bool
message_get_u64(struct bytes *body, uint64_t *v)
{
	return body_take(body, v, sizeof(*v));
}

/* `size` bytes after a length field of `skip` bytes. */
static bool
body_slice(struct bytes *body, size_t skip, size_t size, struct bytes *slice)
{
	if (body->size - skip < size)
		return false;
	slice->data = (const uint8_t *)body->data + skip;
	slice->size = size;
	body->data = (const uint8_t *)slice->data + size;
	body->size -= skip + size;
	return true;
}

bool
message_get_name(struct bytes *body, struct bytes *name)
{
	struct bytes peek = *body;
	uint8_t size;

	return message_get_u8(&peek, &size) &&
	    body_slice(body, sizeof(size), size, name);
}

bool
message_get_value(struct bytes *body, struct bytes *value)
{
	struct bytes peek = *body;
	uint32_t size;

	return message_get_u32(&peek, &size) &&
	    body_slice(body, sizeof(size), size, value);
}

size_t
message_begin(struct buf *b, enum message_type type, uint64_t sequence)
{
	size_t position = buf_size(b);

	message_put_u32(b, 0); /* the size, by message_end */
	message_put_u16(b, (uint16_t)type);
	message_put_u16(b, 0);
	message_put_u64(b, sequence);
	return position;
}

void
message_end(struct buf *b, size_t position)
{
	uint32_t frame_size = (uint32_t)(buf_size(b) - position);

	if (!buf_failed(b))
		memcpy(buf_data(b) + position, &frame_size, sizeof(frame_size));
}

void
message_put_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, sizeof(v));
}

void
message_put_u16(struct buf *b, uint16_t v)
{
	buf_append(b, &v, sizeof(v));
}

void
message_put_u32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

void
message_put_u64(struct buf *b, uint64_t v)
{
	buf_append(b, &v, sizeof(v));
}

void
message_put_name(struct buf *b, struct bytes name)
{
	message_put_u8(b, (uint8_t)name.size);
	buf_append(b, name.data, name.size);
}

void
message_put_value(struct buf *b, struct bytes value)
{
	message_put_u32(b, (uint32_t)value.size);
	buf_append(b, value.data, value.size);
}

void
message_put_status_line(struct buf *b, enum status status)
{
	message_put_u16(b, MESSAGE_STATUS_LINE);
	message_put_u8(b, (uint8_t)status);
}
