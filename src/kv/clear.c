/*
 * clear: removes the keys of a bucket, some at a time, so that others do not
 * wait for long.
 */

#include <err.h>
#include <inttypes.h>

#include "common/number.h"
#include "kv/bar.h"
#include "kv/clear.h"
#include "kv/kv.h"

struct clear {
	struct kv *kv;
	struct bytes bucket;
	uint64_t removed;
	uint64_t total; /* for the bar; 0: not known */
	struct bar bar;
};

static void
say_removed(struct clear *c)
{
	bar_clear(&c->bar);
	if (c->removed > 0)
		warnx("%" PRIu64 " keys were removed before", c->removed);
}

/* Waits for the next line of the reply, as kv_next() does. */
static bool
next(struct clear *c, struct reply_line *line)
{
	enum kv_conn_result result = kv_conn_next(&c->kv->conn, line);

	if (result == KV_CONN_LOST) {
		say_removed(c);
		kv_lost(c->kv);
	}
	return result == KV_CONN_DATA;
}

/* Asks for a number.  Returns false if the status is not OK. */
static bool
ask(struct clear *c, const struct kv_request *request, struct reply_line *line,
    int64_t *number)
{
	const struct bytes *words;
	size_t n;

	kv_ask(c->kv, request);
	if (!next(c, line)) {
		if (line->status == REPLY_OK)
			kv_nonsense(c->kv);
		return false;
	}
	words = kv_words(c->kv, 1, 1, &n);
	if (number_parse(words[0], number) != NUMBER_OK || *number < 0 ||
	    next(c, line))
		kv_nonsense(c->kv);
	return line->status == REPLY_OK;
}

/* How many keys there are.  With a prefix nobody counts them. */
static void
ask_total(struct clear *c)
{
	struct kv_request request = { .n = 0 };
	struct reply_line line;
	int64_t total;

	if (!c->bar.progress.on || c->kv->options.prefix != NULL)
		return;
	kv_add_command(&request, "COUNT", &c->bucket, 1);
	if (ask(c, &request, &line, &total))
		c->total = (uint64_t)total;
}

static enum kv_status
run(struct clear *c)
{
	struct kv_request request = { .n = 0 };
	struct reply_line line;
	int64_t removed;

	kv_add_command(&request, "CLEAR", &c->bucket, 1);
	kv_add_option(c->kv, &request, "PREFIX", c->kv->options.prefix);
	do {
		if (!ask(c, &request, &line, &removed)) {
			say_removed(c);
			return kv_finish(c->kv, &line);
		}
		c->removed += (uint64_t)removed;
		bar_show(&c->bar, c->removed, c->total, c->removed);
	} while (removed > 0);
	return KV_DONE;
}

enum kv_status
clear_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct clear c = { .kv = kv, .bucket = args[0] };
	char text[NUMBER_SIZE];
	enum kv_status status;

	(void)n;
	bar_init(&c.bar, "keys", !kv->options.quiet);
	ask_total(&c);
	status = run(&c);
	bar_clear(&c.bar);
	if (status != KV_DONE)
		return status;
	buf_append(&kv->out.buf, text, number_format((int64_t)c.removed, text));
	buf_append_byte(&kv->out.buf, '\n');
	output_flush(&kv->out);
	return KV_DONE;
}
