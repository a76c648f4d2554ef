/*
 * command: the table of commands.  Runs in the worker; the words are
 * hostile.
 */

#include <string.h>

#include "common/number.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/words.h"

/*
 * In the order in which clients use them most.  A name may have several rows;
 * the first that fits the words is taken.
 */
static const struct command commands[] = {
	{ "GET", "bk", MESSAGE_GET, COMMAND_REMOTE, true, "bucket key",
	    "the value of a key, or an empty line" },
	{ "PUT", "bkv", MESSAGE_PUT, COMMAND_REMOTE, true,
	    "bucket key value [EX seconds]",
	    "set a value, for ever or with a time to live" },
	{ "PUT", "bkvxs", MESSAGE_PUT_EX, COMMAND_REMOTE, true, NULL, NULL },
	{ "DELETE", "bk", MESSAGE_DELETE, COMMAND_REMOTE, true, "bucket key",
	    "remove a key" },
	{ "INCR", "bk?n", MESSAGE_INCR, COMMAND_REMOTE, true,
	    "bucket key [number]", "add to a value, and print it" },
	{ "EXISTS", "bk", MESSAGE_EXISTS, COMMAND_REMOTE, true, "bucket key",
	    "OK if there is such a key" },
	{ "ADD", "bkv", MESSAGE_ADD, COMMAND_REMOTE, true, "bucket key value",
	    "set a value if there is none" },
	{ "CAS", "bkov", MESSAGE_CAS, COMMAND_REMOTE, true,
	    "bucket key old new", "set a value if it is old" },
	{ "EXPIRE", "bks", MESSAGE_EXPIRE, COMMAND_REMOTE, true,
	    "bucket key seconds", "set a time to live" },
	{ "PERSIST", "bk", MESSAGE_PERSIST, COMMAND_REMOTE, true, "bucket key",
	    "remove the time to live" },
	{ "TTL", "bk", MESSAGE_TTL, COMMAND_REMOTE, true, "bucket key",
	    "the seconds left to live, or an empty line" },
	{ "COUNT", "b", MESSAGE_COUNT, COMMAND_REMOTE, true, "bucket",
	    "the number of keys" },
	{ "CREATE", "b", MESSAGE_CREATE, COMMAND_REMOTE, true, "bucket",
	    "make a bucket" },
	{ "DROP", "b", MESSAGE_DROP, COMMAND_REMOTE, true, "bucket",
	    "remove a bucket and all in it" },
	{ "BUCKETS", "*", 0, COMMAND_BUCKETS, false,
	    "[PREFIX prefix] [AFTER bucket] [LIMIT number]",
	    "the names of buckets, in order" },
	{ "KEYS", "b*", 0, COMMAND_KEYS, false,
	    "bucket [PREFIX prefix] [AFTER key] [LIMIT number]",
	    "the keys of a bucket, in order" },
	{ "ENTRIES", "b*", 0, COMMAND_ENTRIES, false,
	    "bucket [PREFIX prefix] [AFTER key] [LIMIT number]",
	    "keys and their values, in order" },
	{ "SUBSCRIBE", "b", MESSAGE_SUBSCRIBE, COMMAND_REMOTE, false, "bucket",
	    "be told of changes" },
	{ "UNSUBSCRIBE", "b", MESSAGE_UNSUBSCRIBE, COMMAND_REMOTE, false,
	    "bucket", "be told no more" },
	{ "BEGIN", "", 0, COMMAND_BEGIN, false, "",
	    "queue the commands that follow" },
	{ "COMMIT", "", 0, COMMAND_COMMIT, false, "",
	    "do all that is queued, or nothing" },
	{ "ABORT", "", 0, COMMAND_ABORT, false, "", "forget what is queued" },
	{ "PING", "", MESSAGE_PING, COMMAND_REMOTE, false, "",
	    "OK when the registry answers" },
	{ "ECHO", "+", 0, COMMAND_ECHO, false, "word ...", "the words" },
	{ "STATS", "", MESSAGE_STATS, COMMAND_REMOTE, false, "",
	    "numbers about the server" },
	{ "HELP", "?w", 0, COMMAND_HELP, false, "[command]",
	    "what the commands are" },
	{ "QUIT", "", 0, COMMAND_QUIT, false, "", "close the connection" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Are these the words that the arguments want? */
static bool
takes(const char *args, const struct bytes *words, size_t n)
{
	bool optional = false;
	size_t i = 0;

	if (args[0] == '+')
		return n > 0;
	for (; *args != '\0'; args++) {
		if (*args == '*')
			return true;
		if (*args == '?') {
			optional = true;
			continue;
		}
		if (i == n)
			return optional;
		if (*args == 'x' && !words_equal(words[i], "EX"))
			return false;
		i++;
	}
	return i == n;
}

const struct command *
command_find(const struct bytes *words, size_t n)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (words_equal(words[0], commands[i].name) &&
		    takes(commands[i].args, words + 1, n - 1))
			return &commands[i];
	return NULL;
}

bool
command_exists(struct bytes name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (words_equal(name, commands[i].name))
			return true;
	return false;
}

/* A line of a command: more words than any has. */
#define HELP_WORDS 32

static size_t
split_text(const char *text, struct bytes *words, size_t n)
{
	size_t size;

	for (; n < HELP_WORDS && *text != '\0'; n++) {
		size = strcspn(text, " ");
		words[n] = (struct bytes){ text, size };
		text += size;
		text += *text == ' ';
	}
	return n;
}

void
command_help(struct bytes name, struct buf *b)
{
	struct bytes words[HELP_WORDS];
	size_t i, n;

	for (i = 0; i < COMMANDS; i++) {
		if (commands[i].usage == NULL ||
		    (name.size > 0 && !words_equal(name, commands[i].name)))
			continue;
		n = split_text(commands[i].name, words, 0);
		n = split_text(commands[i].usage, words, n);
		n = split_text("-", words, n);
		n = split_text(commands[i].help, words, n);
		format_line(b, words, n);
	}
}

static enum status
check_name(struct bytes name, enum status empty, enum status too_long)
{
	if (name.size == 0)
		return empty;
	return name.size > UINT8_MAX ? too_long : STATUS_OK;
}

static enum status
check_number(struct bytes word, int64_t *number)
{
	switch (number_parse(word, number)) {
	case NUMBER_OK:
		return STATUS_OK;
	case NUMBER_RANGE:
		return STATUS_OUT_OF_RANGE;
	default:
		return STATUS_NOT_A_NUMBER;
	}
}

static enum status
put_name(struct buf *b, struct bytes name, enum status check)
{
	if (check == STATUS_OK)
		message_put_name(b, name);
	return check;
}

static enum status
put_number(struct buf *b, struct bytes word)
{
	int64_t number = 0;
	enum status status = check_number(word, &number);

	if (status == STATUS_OK)
		message_put_u64(b, (uint64_t)number);
	return status;
}

static enum status
put_seconds(struct buf *b, struct bytes word)
{
	int64_t seconds = 0;
	enum status status = check_number(word, &seconds);

	if (status != STATUS_OK)
		return status;
	if (seconds < 1 || seconds > MESSAGE_SECONDS_MAX)
		return STATUS_OUT_OF_RANGE;
	message_put_u64(b, (uint64_t)seconds);
	return STATUS_OK;
}

static enum status
put_value(struct buf *b, struct bytes value, size_t value_max)
{
	if (value.size > value_max)
		return STATUS_VALUE_TOO_LONG;
	message_put_value(b, value);
	return STATUS_OK;
}

static enum status
put_arg(struct buf *b, char kind, struct bytes word, size_t value_max)
{
	switch (kind) {
	case 'b':
		return put_name(b, word,
		    check_name(word, STATUS_BUCKET_EMPTY,
			STATUS_BUCKET_TOO_LONG));
	case 'k':
		return put_name(b, word,
		    check_name(word, STATUS_KEY_EMPTY, STATUS_KEY_TOO_LONG));
	case 'n':
		return put_number(b, word);
	case 's':
		return put_seconds(b, word);
	case 'x':
		return STATUS_OK; /* in the message's type */
	default:
		return put_value(b, word, value_max);
	}
}

/* What an argument that was left out stands for. */
static struct bytes
default_word(char kind)
{
	return kind == 'n' ? (struct bytes){ "1", 1 } : (struct bytes){ "", 0 };
}

enum status
command_encode(const struct command *command, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *b)
{
	size_t position = message_begin(b, command->request, sequence), i = 1;
	enum status status = STATUS_OK;
	const char *kind;

	for (kind = command->args; *kind != '\0'; kind++) {
		if (*kind == '?')
			continue;
		status = put_arg(b, *kind,
		    i < n ? words[i] : default_word(*kind), value_max);
		if (status != STATUS_OK) {
			buf_truncate(b, position);
			return status;
		}
		i++;
	}
	message_end(b, position);
	return STATUS_OK;
}
