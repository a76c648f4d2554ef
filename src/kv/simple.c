/*
 * simple: one request and one short reply.
 */

#include "kv/json.h"
#include "kv/kv.h"
#include "kv/simple.h"

static void
ask(struct kv *kv, const struct bytes *args, size_t n)
{
	struct kv_request request = { .n = 0 };

	kv_add_command(&request, kv->command->word, args, n);
	if (kv->options.seconds != NULL) {
		kv_add_text(&request, "EX");
		kv_add_text(&request, kv->options.seconds);
	}
	kv_ask(kv, &request);
}

enum kv_status
simple_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct reply_line line;

	ask(kv, args, n);
	if (kv_next(kv, &line))
		kv_nonsense(kv);
	return kv_finish(kv, &line);
}

typedef void print_word(struct kv *, struct bytes word);

/* Reads a reply with one line, in which an empty line means that there is
 * nothing, as for GET. */
static enum kv_status
run_word(struct kv *kv, const struct bytes *args, size_t n, print_word *print)
{
	const struct bytes *words;
	struct reply_line line = { .text = { NULL, 0 } };
	size_t n_words;

	ask(kv, args, n);
	if (!kv_next(kv, &line)) {
		if (line.status == REPLY_OK)
			kv_nonsense(kv);
		return kv_finish(kv, &line);
	}
	words = kv_words(kv, 0, 1, &n_words);
	if (n_words == 1)
		print(kv, words[0]);
	/* Print nothing before the reply is complete. */
	if (kv_next(kv, &line))
		kv_nonsense(kv);
	if (line.status != REPLY_OK)
		return kv_finish(kv, &line);
	output_flush(&kv->out);
	return n_words == 1 ? KV_DONE : KV_NOT_FOUND;
}

static void
print_value(struct kv *kv, struct bytes value)
{
	struct buf *b = &kv->out.buf;

	if (kv->options.json)
		json_string(b, value);
	else
		buf_append(b, value.data, value.size);
	if (kv->options.json || kv->out.terminal)
		buf_append_byte(b, '\n');
}

enum kv_status
simple_get(struct kv *kv, const struct bytes *args, size_t n)
{
	return run_word(kv, args, n, print_value);
}

static void
print_number(struct kv *kv, struct bytes number)
{
	json_number(&kv->out.buf, number);
	buf_append_byte(&kv->out.buf, '\n');
}

enum kv_status
simple_number(struct kv *kv, const struct bytes *args, size_t n)
{
	return run_word(kv, args, n, print_number);
}
