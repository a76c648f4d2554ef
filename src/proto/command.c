/*
 * command: the table of commands, and their encoding.  Runs in the worker; the
 * words are hostile.
 */

#include <string.h>

#include "common/counters.h"
#include "common/number.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/schema.h"
#include "proto/words.h"

/* For words_max: any number of words. */
#define ANY SIZE_MAX

/*
 * The commands that are used most come first.  A name may have several rows; the
 * first that fits the words is taken.
 */
static const struct command commands[] = {
	{ "GET", "bucket key", "the value of a key, or an empty line",
	    .request = MESSAGE_GET },
	{ "PUT", "bucket key value [EX seconds]",
	    "set a value, for ever or with a time to live",
	    .request = MESSAGE_PUT },
	{ "PUT", NULL, NULL, .request = MESSAGE_PUT_EX, .keyword = "EX" },
	{ "DELETE", "bucket key", "remove a key", .request = MESSAGE_DELETE },
	{ "INCR", "bucket key [number]", "add to a value, and show the result",
	    .request = MESSAGE_INCR, .last = "1" },
	{ "EXISTS", "bucket key", "OK if there is such a key",
	    .request = MESSAGE_EXISTS },
	{ "ADD", "bucket key value", "set a value if there is none",
	    .request = MESSAGE_ADD },
	{ "CAS", "bucket key old new", "replace a value, if it is old",
	    .request = MESSAGE_CAS },
	{ "EXPIRE", "bucket key seconds", "set a time to live",
	    .request = MESSAGE_EXPIRE },
	{ "PERSIST", "bucket key", "remove the time to live",
	    .request = MESSAGE_PERSIST },
	{ "TTL", "bucket key", "the seconds left to live, or an empty line",
	    .request = MESSAGE_TTL },
	{ "COUNT", "bucket", "the number of keys", .request = MESSAGE_COUNT },
	{ "CREATE", "bucket", "create a bucket", .request = MESSAGE_CREATE },
	{ "DROP", "bucket", "remove a bucket and all in it",
	    .request = MESSAGE_DROP },
	{ "BUCKETS", "[PREFIX prefix] [AFTER bucket] [LIMIT number]",
	    "the names of buckets, in order", COMMAND_BUCKETS,
	    .words_max = ANY },
	{ "KEYS", "bucket [PREFIX prefix] [AFTER key] [LIMIT number]",
	    "the keys of a bucket, in order", COMMAND_KEYS, .words_min = 1,
	    .words_max = ANY },
	{ "ENTRIES", "bucket [PREFIX prefix] [AFTER key] [LIMIT number]",
	    "keys and their values, in order", COMMAND_ENTRIES, .words_min = 1,
	    .words_max = ANY },
	{ "SUBSCRIBE", "bucket", "report each change",
	    .request = MESSAGE_SUBSCRIBE },
	{ "UNSUBSCRIBE", "bucket", "stop reporting changes",
	    .request = MESSAGE_UNSUBSCRIBE },
	{ "BEGIN", "", "queue the commands that follow", COMMAND_BEGIN,
	    .words_max = 0 },
	{ "COMMIT", "", "execute all queued commands, or none", COMMAND_COMMIT,
	    .words_max = 0 },
	{ "ABORT", "", "drop the queued commands", COMMAND_ABORT,
	    .words_max = 0 },
	{ "PING", "", "OK if the server works", .request = MESSAGE_PING },
	{ "ECHO", "word ...", "the words", COMMAND_ECHO, .words_min = 1,
	    .words_max = ANY },
	{ "STATS", "", "statistics of the server", .request = MESSAGE_STATS },
	{ "HELP", "[command]", "list the commands", COMMAND_HELP,
	    .words_max = 1 },
	{ "QUIT", "", "close the connection", COMMAND_QUIT, .words_max = 0 },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
_Static_assert(COMMANDS < COUNTERS_COMMANDS, "each has a number");

/* Does the command take these words, of which the name is not one? */
static bool
takes(const struct command *c, const struct bytes *words, size_t n)
{
	size_t want;

	if (c->local != COMMAND_REMOTE)
		return n >= c->words_min && n <= c->words_max;
	want = schema_count(schema_find((uint16_t)c->request));
	if (c->keyword != NULL)
		return n == want + 1 && words_equal(words[n - 2], c->keyword);
	return n == want || (c->last != NULL && n == want - 1);
}

const struct command *
command_find(const struct bytes *words, size_t n)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (words_equal(words[0], commands[i].name) &&
		    takes(&commands[i], words + 1, n - 1))
			return &commands[i];
	return NULL;
}

const struct command *
command_get(size_t i)
{
	return i < COMMANDS ? &commands[i] : NULL;
}

/* Rows of the same name but the first have no usage. */
size_t
command_number(const struct command *c)
{
	while (c->usage == NULL)
		c--;
	return (size_t)(c - commands) + 1;
}

/* All that the worker does not ask the registry for have no request, which is
 * 0. */
size_t
command_number_of(uint16_t request)
{
	bool is_commit = request == MESSAGE_TRANSACTION;
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (is_commit ? commands[i].local == COMMAND_COMMIT :
				commands[i].request == request)
			return command_number(&commands[i]);
	return COUNTERS_NO_COMMAND;
}

const char *
command_counted(size_t number)
{
	if (number == COUNTERS_NO_COMMAND)
		return "other";
	if (number > COMMANDS || commands[number - 1].usage == NULL)
		return NULL;
	return commands[number - 1].name;
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

/* More words than any line of HELP has. */
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

bool
command_is_queued(const struct command *c)
{
	return c->local == COMMAND_REMOTE &&
	    (schema_find((uint16_t)c->request)->flags & SCHEMA_QUEUED) != 0;
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
check_seconds(struct bytes word, int64_t *seconds)
{
	enum status status = check_number(word, seconds);

	if (status == STATUS_OK &&
	    (*seconds < 1 || *seconds > MESSAGE_SECONDS_MAX))
		return STATUS_OUT_OF_RANGE;
	return status;
}

static enum status
check_value(struct bytes value, size_t value_max)
{
	return value.size > value_max ? STATUS_VALUE_TOO_LONG : STATUS_OK;
}

/* Checks a word and sets the field that it stands for. */
static enum status
set_field(struct fields *f, uint8_t field, struct bytes word, size_t value_max)
{
	switch (field) {
	case FIELD_BUCKET:
		f->bucket = word;
		return check_name(word, STATUS_BUCKET_EMPTY,
		    STATUS_BUCKET_TOO_LONG);
	case FIELD_KEY:
		f->key = word;
		return check_name(word, STATUS_KEY_EMPTY, STATUS_KEY_TOO_LONG);
	case FIELD_NUMBER:
		return check_number(word, &f->number);
	case FIELD_SECONDS:
		return check_seconds(word, &f->number);
	case FIELD_OLD:
		f->old = word;
		return check_value(word, value_max);
	case FIELD_VALUE:
		f->value = word;
		return check_value(word, value_max);
	default: /* no command has such a field */
		return STATUS_UNKNOWN_COMMAND;
	}
}

/* Sets all fields.  The words are those behind the command's name. */
static enum status
set_fields(struct fields *f, const struct command *c, const struct bytes *words,
    size_t n, size_t value_max)
{
	const uint8_t *p = schema_find((uint16_t)c->request)->fields;
	enum status status = STATUS_OK;
	struct bytes word;

	for (; *p != FIELD_END && status == STATUS_OK; p++) {
		if (p[1] == FIELD_END && c->keyword != NULL) {
			words++;
			n--;
		}
		if (n > 0) {
			word = *words++;
			n--;
		} else
			word = bytes_from_text(c->last);
		status = set_field(f, *p, word, value_max);
	}
	return status;
}

enum status
command_encode(const struct command *command, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *b)
{
	enum status status;
	struct fields f;

	status = set_fields(&f, command, words + 1, n - 1, value_max);
	if (status == STATUS_OK)
		schema_put(b, command->request, sequence, &f);
	return status;
}
