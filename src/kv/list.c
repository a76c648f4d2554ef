/*
 * list: replies of any length, printed while they come in.
 */

#include "kv/json.h"
#include "kv/list.h"

static void
ask(struct kv *kv, const struct bytes *args, size_t n)
{
	struct kv_request request = { .n = 0 };

	kv_add_command(&request, kv->command->word, args, n);
	kv_add_option(kv, &request, "PREFIX", kv->options.prefix);
	kv_add_option(kv, &request, "AFTER", kv->options.after);
	kv_add_option(kv, &request, "LIMIT", kv->options.limit);
	kv_ask(kv, &request);
}

typedef void print_line(struct kv *, const struct bytes *words);

/* Without options a line is printed as the server sends it, which quotes what
 * has to be. */
static bool
print_raw(struct kv *kv, const struct reply_line *line, size_t width)
{
	if (kv->options.json || kv->options.nul ||
	    kv_raw_words(kv, line, width) == NULL)
		return false;
	buf_append(&kv->out.buf, line->text.data, line->text.size);
	buf_append_byte(&kv->out.buf, '\n');
	output_added(&kv->out);
	return true;
}

/* With -j, prints an array or an object, as the brackets say, with each
 * element on a line. */
static enum kv_status
run(struct kv *kv, size_t width, const char *brackets, print_line *print)
{
	struct buf *b = &kv->out.buf;
	const struct bytes *words;
	struct reply_line line;
	size_t n, lines = 0;

	while (kv_next(kv, &line)) {
		if (print_raw(kv, &line, width))
			continue;
		words = kv_words(kv, width, width, &n);
		if (kv->options.json)
			buf_append_text(b, lines == 0 ? "" : ",\n");
		if (kv->options.json && lines == 0)
			buf_append_byte(b, (uint8_t)brackets[0]);
		lines++;
		print(kv, words);
		output_added(&kv->out);
	}
	if (kv->options.json && line.status == REPLY_OK) {
		if (lines == 0)
			buf_append_byte(b, (uint8_t)brackets[0]);
		buf_append_byte(b, (uint8_t)brackets[1]);
		buf_append_byte(b, '\n');
	}
	output_flush(&kv->out);
	return kv_finish(kv, &line);
}

static void
print_name(struct kv *kv, const struct bytes *words)
{
	if (kv->options.json)
		json_string(&kv->out.buf, words[0]);
	else if (kv->options.nul) {
		buf_append(&kv->out.buf, words[0].data, words[0].size);
		buf_append_byte(&kv->out.buf, '\0');
	} else
		output_line(&kv->out, words, 1);
}

enum kv_status
list_names(struct kv *kv, const struct bytes *args, size_t n)
{
	ask(kv, args, n);
	return run(kv, 1, "[]", print_name);
}

static void
print_entry(struct kv *kv, const struct bytes *words)
{
	struct buf *b = &kv->out.buf;

	if (!kv->options.json) {
		output_line(&kv->out, words, 2);
		return;
	}
	buf_append_text(b, "{\"key\":");
	json_string(b, words[0]);
	buf_append_text(b, ",\"value\":");
	json_string(b, words[1]);
	buf_append_byte(b, '}');
}

static void
print_stat(struct kv *kv, const struct bytes *words)
{
	struct buf *b = &kv->out.buf;

	if (!kv->options.json) {
		output_line(&kv->out, words, 2);
		return;
	}
	json_string(b, words[0]);
	buf_append_byte(b, ':');
	json_number(b, words[1]);
}

enum kv_status
list_pairs(struct kv *kv, const struct bytes *args, size_t n)
{
	ask(kv, args, n);
	/* STATS takes no bucket.  Its names are plain, so they can be the
	 * member names of an object. */
	if (n == 0)
		return run(kv, 2, "{}", print_stat);
	return run(kv, 2, "[]", print_entry);
}

enum kv_status
list_pop(struct kv *kv, const struct bytes *args, size_t n)
{
	const struct bytes *words;
	struct reply_line line;
	bool any = false;

	ask(kv, args, n);
	if (kv_next(kv, &line)) {
		words = kv_words(kv, 0, 2, &n);
		if (n == 1)
			kv_nonsense(kv);
		any = n == 2;
		if (any)
			print_entry(kv, words);
		if (any && kv->options.json)
			buf_append_byte(&kv->out.buf, '\n');
		if (kv_next(kv, &line))
			kv_nonsense(kv);
	}
	if (line.status != REPLY_OK)
		return kv_finish(kv, &line);
	output_flush(&kv->out);
	return any ? KV_DONE : KV_NOT_FOUND;
}
