/*
 * kv: what the commands share.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/startup.h"
#include "kv/kv.h"
#include "proto/format.h"

void
kv_start(void)
{
	/* A standard input that is closed must not pass for an empty value.
	 * One that is only open for writing cannot be read. */
	if (fcntl(STDIN_FILENO, F_GETFD) == -1)
		(void)open(_PATH_DEVNULL, O_WRONLY);
	startup_descriptors();
	startup_unblock();
	/* SIGPIPE ends kv when nobody reads its output any more.  If SIGCHLD
	 * were ignored, kv could not wait for its child (common/resolve.h). */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
}

void
kv_init(struct kv *kv)
{
	memset(kv, 0, sizeof(*kv));
	kv_options_init(&kv->options);
	kv_conn_init(&kv->conn, 0);
	output_init(&kv->out);
	buf_init(&kv->raw);
	buf_init(&kv->value);
}

void
kv_clear(struct kv *kv)
{
	kv_conn_clear(&kv->conn);
	buf_clear(&kv->out.buf);
	buf_clear(&kv->raw);
	buf_clear(&kv->value);
}

void
kv_add(struct kv_request *request, struct bytes word)
{
	request->words[request->n++] = word;
}

void
kv_add_text(struct kv_request *request, const char *text)
{
	kv_add(request, bytes_from_text(text));
}

void
kv_add_command(struct kv_request *request, const char *command,
    const struct bytes *words, size_t n)
{
	size_t i;

	kv_add_text(request, command);
	for (i = 0; i < n; i++)
		kv_add(request, words[i]);
}

void
kv_add_option(struct kv *kv, struct kv_request *request, const char *keyword,
    char *arg)
{
	if (arg == NULL)
		return;
	kv_add_text(request, keyword);
	kv_add(request, kv_word(kv, arg));
}

struct bytes
kv_word(struct kv *kv, char *arg)
{
	struct buf words;
	struct bytes word = bytes_from_text(arg);

	if (!kv->options.unquote || arg[0] != '"')
		return word;
	buf_init(&words);
	if (words_split((uint8_t *)arg, word.size, &words) != WORDS_OK ||
	    words_count(&words) != 1)
		errx(KV_USAGE, "-w: the argument is not one quoted word");
	if (buf_failed(&words))
		err(KV_FAILED, NULL);
	word = words_get(&words)[0];
	buf_clear(&words);
	return word;
}

/* As read(2), but it waits even if standard input is non-blocking, as another
 * process may have made it. */
static ssize_t
read_input(void *to, size_t size)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;

	do
		n = read(STDIN_FILENO, to, size);
	while (n == -1 &&
	    (errno == EINTR ||
		(errno == EAGAIN && io_poll(&pfd, 1, CLOCK_NEVER) > 0)));
	return n;
}

/* Reads all of standard input as a value. */
static struct bytes
read_value(struct kv *kv)
{
	uint8_t *to;
	ssize_t n;

	do {
		to = buf_reserve(&kv->value, 65536);
		if (to == NULL)
			err(KV_FAILED, NULL);
		n = read_input(to, 65536);
		if (n > 0)
			buf_commit(&kv->value, (size_t)n);
		if (buf_size(&kv->value) > KV_CONN_VALUE_MAX)
			errx(KV_REFUSED,
			    "standard input: the value is too long");
	} while (n > 0);
	if (n == -1)
		err(KV_FAILED, "standard input");
	return buf_bytes(&kv->value);
}

struct bytes
kv_value(struct kv *kv, char *arg)
{
	if (strcmp(arg, "-") != 0)
		return kv_word(kv, arg);
	if (kv->value.base != NULL)
		errx(KV_USAGE, "only one value can come from standard input");
	return read_value(kv);
}

const char *
kv_words_error(enum words_result result)
{
	switch (result) {
	case WORDS_UNBALANCED:
		return "unbalanced quotes";
	case WORDS_BAD_ESCAPE:
		return "bad escape";
	default:
		return "too many words";
	}
}

void
kv_connect(struct kv *kv)
{
	char where[TARGET_TEXT_SIZE];

	if (kv->conn.fd != -1)
		return;
	kv->conn.timeout_ms = kv->options.timeout_ms;
	if (kv_conn_open(&kv->conn, &kv->target))
		return;
	target_print(&kv->target, where);
	errx(KV_UNREACHABLE, "cannot reach %s: %s", where, kv->conn.error);
}

void
kv_lost(struct kv *kv)
{
	char where[TARGET_TEXT_SIZE];

	target_print(&kv->target, where);
	errx(KV_UNREACHABLE, "%s: %s", where, kv->conn.error);
}

void
kv_nonsense(struct kv *kv)
{
	(void)kv_conn_give_up(&kv->conn,
	    "the answer of the server makes no sense");
	kv_lost(kv);
}

void
kv_ask(struct kv *kv, const struct kv_request *request)
{
	kv_connect(kv);
	kv_conn_request(&kv->conn, request->words, request->n);
	if (!kv_conn_flush(&kv->conn))
		kv_lost(kv);
}

bool
kv_next(struct kv *kv, struct reply_line *line)
{
	switch (kv_conn_next(&kv->conn, line)) {
	case KV_CONN_DATA:
		return true;
	case KV_CONN_STATUS:
		return false;
	default:
		kv_lost(kv);
	}
}

const struct bytes *
kv_words(struct kv *kv, size_t min, size_t max, size_t *n)
{
	const struct bytes *words;

	if (!reply_words(&kv->conn.in, &words, n) || *n < min || *n > max)
		kv_nonsense(kv);
	return words;
}

const struct bytes *
kv_raw_words(struct kv *kv, const struct reply_line *line, size_t n)
{
	if (!format_is_safe(line->text) ||
	    words_split_raw(line->text.data, line->text.size, &kv->raw) !=
		WORDS_OK ||
	    buf_failed(&kv->raw) || words_count(&kv->raw) != n)
		return NULL;
	return words_get(&kv->raw);
}

enum kv_status
kv_finish(struct kv *kv, const struct reply_line *line)
{
	const char *missing = kv->command->missing;

	switch (line->status) {
	case REPLY_NOT_FOUND:
		if (missing != NULL)
			warnx("%s", missing);
		break;
	case REPLY_ERROR:
		warnx("%.*s", (int)line->reason.size,
		    (const char *)line->reason.data);
		break;
	case REPLY_UNKNOWN_COMMAND:
		warnx("the server does not know %s", kv->command->word);
		break;
	case REPLY_OK:
	case REPLY_CONFLICT:
	case REPLY_QUEUED:
		break;
	}
	return kv_status_of(line);
}
