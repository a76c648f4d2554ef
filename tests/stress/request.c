/*
 * request: see request.h.
 */

#include "common/number.h"
#include "stress/request.h"
#include "stress/value.h"

static const char *const buckets[CELL_KINDS] = {
	[CELL_SINGLE] = "single",
	[CELL_GROUP] = "group",
	[CELL_DROPPED] = "dropped",
	[CELL_EXPIRING] = "expiring",
};

static void
append_number(struct buf *b, uint32_t number)
{
	char text[NUMBER_SIZE];

	buf_append(b, text, number_format(number, text));
}

void
request_begin(struct buf *b, const char *command, const struct cell *c)
{
	buf_append_text(b, command);
	buf_append_byte(b, ' ');
	buf_append_text(b, buckets[c->kind]);
	if (c->kind == CELL_DROPPED)
		append_number(b, c->number);
}

void
request_key(struct buf *b, const struct cell *c, unsigned int key)
{
	buf_append_byte(b, ' ');
	append_number(b, c->number);
	buf_append_byte(b, (uint8_t)('a' + key));
}

void
request_value(struct buf *b, const struct cell *c, unsigned int key,
    uint32_t step)
{
	struct value_key k = { .cell = c->number, .key = (uint8_t)key };

	buf_append_byte(b, ' ');
	value_put(b, k, step);
}

void
request_end(struct buf *b, const char *text)
{
	buf_append_text(b, text);
	buf_append_byte(b, '\n');
}
