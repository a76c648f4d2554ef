/*
 * local: answers requests without the registry.  Runs in the worker; the words
 * are hostile.
 */

#include <string.h>

#include "proto/format.h"
#include "worker/local.h"
#include "worker/state.h"
#include "worker/subscriptions.h"

/* After a batch that needed the registry the next one is likely to, too; and
 * the more so if the one that was tried before it did. */
#define WHOLE_MIN 4
#define WHOLE_MAX 64

/* Keys that are fetched at a time: what they need fits the processor's cache. */
#define FETCH_MAX 128

/* Nothing else came with this request. */
static bool
is_alone(const struct worker *w)
{
	return w->local.requests == 1 && !w->input.more;
}

static bool
may_answer(const struct worker *w)
{
	return w->local.reader->epoch != NULL && w->link.heard &&
	    buf_size(&w->link.pending) == 0 &&
	    !subscriptions_exist(&w->link.subscriptions) &&
	    (w->local.whole == 0 || is_alone(w));
}

/* Finds the first key of a GET or EXISTS of the bucket that was read last, if the
 * line is written as programs do: one blank between words, and no quotes. */
static bool
guess_key(const struct reader *r, struct bytes line, struct bytes *key)
{
	const uint8_t *p = line.data, *end = p + line.size, *blank;

	if (line.size == 0 || strchr("GgEe", *p) == NULL ||
	    (p = memchr(p, ' ', line.size)) == NULL ||
	    (size_t)(end - ++p) <= r->name_size + 1 ||
	    memcmp(p, r->name, r->name_size) != 0 || p[r->name_size] != ' ')
		return false;
	p += r->name_size + 1;
	blank = memchr(p, ' ', (size_t)(end - p));
	*key = (struct bytes){ p, (size_t)((blank != NULL ? blank : end) - p) };
	if (blank == NULL && end[-1] == '\r')
		key->size--;
	return key->size > 0 && key->size <= UINT8_MAX;
}

void
local_fetch(struct worker *w, struct bytes batch)
{
	const struct reader *r = w->local.reader;
	const uint8_t *p = batch.data, *end = p + batch.size, *newline;
	uint32_t hashes[FETCH_MAX];
	struct bytes key;
	size_t n = 0, i;

	if (w->local.whole > 0 || !reader_can_fetch(r))
		return;
	while (n < FETCH_MAX && p < end &&
	    (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		/* A request that is alone is not waited for any less. */
		if (newline + 1 == end && n == 0)
			return;
		if (guess_key(r, (struct bytes){ p, (size_t)(newline - p) },
			&key))
			hashes[n++] = reader_fetch_slots(r, key);
		p = newline + 1;
	}
	for (i = 0; i < n; i++)
		reader_fetch_record(r, hashes[i]);
}

/* Reads all keys, or none. */
static bool
read_keys(struct reader *r, struct bytes bucket, const struct bytes *keys,
    size_t n, struct bytes *values)
{
	size_t i;

	if (n > READER_KEYS || !reader_begin(r, bucket))
		return false;
	for (i = 0; i < n; i++)
		if (!reader_take(r, keys[i], &values[i]))
			return false;
	return reader_end(r);
}

static void
format_values(struct buf *out, const struct bytes *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		format_line(out, &values[i], 1);
	format_status(out, STATUS_OK);
}

static bool
answer(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	struct bytes values[READER_KEYS];

	switch (command->request) {
	case MESSAGE_GET:
	case MESSAGE_GET_KEYS:
	case MESSAGE_EXISTS:
		break;
	default:
		return false;
	}
	/* The registry's reply says what is wrong with other numbers. */
	if (n < 3 || (n > 3 && command->request != MESSAGE_GET_KEYS) ||
	    !read_keys(w->local.reader, words[1], words + 2, n - 2, values))
		return false;
	format_values(&w->client.out, values,
	    command->request == MESSAGE_EXISTS ? 0 : n - 2);
	w->account.activity->local_hits++;
	return true;
}

bool
local_answer(struct worker *w, const struct command *command,
    const struct bytes *words, size_t n)
{
	w->local.requests++;
	if (may_answer(w) && answer(w, command, words, n))
		return true;
	w->local.asked = true;
	return false;
}

/* A batch of several requests was tried. */
static void
learn(struct local *l)
{
	if (!l->asked)
		l->last_whole = 0;
	else if (l->last_whole == 0)
		l->last_whole = WHOLE_MIN;
	else if (l->last_whole < WHOLE_MAX)
		l->last_whole *= 2;
	l->whole = l->last_whole;
}

void
local_end_batch(struct worker *w)
{
	struct local *l = &w->local;

	if (l->requests > 1 && l->whole > 0)
		l->whole--;
	else if (l->requests > 1)
		learn(l);
	l->requests = 0;
	l->asked = false;
}
