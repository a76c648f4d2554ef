/*
 * answer: replies and their lines.  Runs in the registry, which writes them,
 * and in the worker, which reads them.
 */

#include "proto/answer.h"
#include "proto/schema.h"

/* Stands where a data line has its number of words. */
#define STATUS_LINE UINT16_MAX

size_t
answer_begin(struct buf *b, uint64_t sequence, enum status status)
{
	struct fields f;

	f.status = (uint8_t)status;
	f.rest.size = 0; /* the lines follow */
	return schema_begin(b, MESSAGE_REPLY, sequence, &f);
}

void
answer_put(struct buf *b, uint64_t sequence, enum status status)
{
	message_end(b, answer_begin(b, sequence, status));
}

void
answer_put_line(struct buf *b, const struct bytes *words, uint16_t n)
{
	uint16_t i;

	message_put_u16(b, n);
	for (i = 0; i < n; i++)
		message_put_value(b, words[i]);
}

void
answer_put_status_line(struct buf *b, enum status status)
{
	message_put_u16(b, STATUS_LINE);
	message_put_u8(b, (uint8_t)status);
}

bool
answer_next(struct bytes *lines, struct answer_line *line)
{
	uint16_t i;

	if (!message_get_u16(lines, &line->n))
		return false;
	line->is_status = line->n == STATUS_LINE;
	if (line->is_status)
		return message_get_u8(lines, &line->status) &&
		    line->status < STATUS_END;
	if (line->n > ANSWER_WORDS_MAX)
		return false;
	for (i = 0; i < line->n; i++)
		if (!message_get_value(lines, &line->words[i]))
			return false;
	return true;
}
