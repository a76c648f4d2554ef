/*
 * simple: one request and one reply.
 */

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "kv/json.h"
#include "kv/kv.h"
#include "kv/simple.h"

static void
ask(struct kv *kv, const struct bytes *args, size_t n)
{
	struct kv_request request = { .n = 0 };

	kv_add_command(&request, kv->command->word, args, n);
	kv_add_option(kv, &request, "EX", kv->options.time);
	if (kv->options.value != NULL) {
		kv_add_text(&request, "IF");
		kv_add(&request, kv_value(kv, kv->options.value));
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

/* Sends a request that may have more words than a struct kv_request. */
static void
ask_values(struct kv *kv, const struct bytes *args, size_t n)
{
	struct bytes *words = calloc(n + 1, sizeof(*words));

	if (words == NULL)
		err(KV_FAILED, NULL);
	words[0] = bytes_from_text(kv->command->word);
	memcpy(words + 1, args, n * sizeof(*words));
	kv_connect(kv);
	kv_conn_request(&kv->conn, words, n + 1);
	free(words);
	if (!kv_conn_flush(&kv->conn))
		kv_lost(kv);
}

/* Prints one of several values: a line for each, which is empty if there is
 * none. */
static void
print_line(struct kv *kv, const struct bytes *words, size_t n, bool first)
{
	struct buf *b = &kv->out.buf;

	if (!kv->options.json) {
		output_line(&kv->out, words, n);
		return;
	}
	buf_append_text(b, first ? "[" : ",\n");
	if (n == 0)
		buf_append_text(b, "null");
	else
		json_string(b, words[0]);
	output_added(&kv->out);
}

static enum kv_status
get_values(struct kv *kv, const struct bytes *args, size_t n)
{
	enum kv_status status = KV_DONE;
	const struct bytes *words;
	struct reply_line line;
	size_t lines = 0, n_words;

	ask_values(kv, args, n);
	while (kv_next(kv, &line)) {
		words = kv_words(kv, 0, 1, &n_words);
		print_line(kv, words, n_words, lines++ == 0);
		if (n_words == 0)
			status = KV_NOT_FOUND;
	}
	if (line.status != REPLY_OK)
		return kv_finish(kv, &line);
	/* The first argument is the bucket. */
	if (lines != n - 1)
		kv_nonsense(kv);
	if (kv->options.json)
		buf_append_text(&kv->out.buf, "]\n");
	output_flush(&kv->out);
	return status;
}

enum kv_status
simple_get(struct kv *kv, const struct bytes *args, size_t n)
{
	return n == 2 ? run_word(kv, args, n, print_value) :
			get_values(kv, args, n);
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
