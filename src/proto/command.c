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
	{ "GET", "bucket key ...", "the value of each key, or an empty line",
	    .request = MESSAGE_GET },
	{ "GET", NULL, NULL, .request = MESSAGE_GET_KEYS },
	{ "PUT", "bucket key value [EX time]",
	    "set a value, for ever or with a time to live",
	    .request = MESSAGE_PUT },
	{ "PUT", NULL, NULL, .request = MESSAGE_PUT_EX,
	    .options = { { "EX", NULL } } },
	{ "DELETE", "bucket key [IF value]",
	    "remove a key, whatever its value or if it has this one",
	    .request = MESSAGE_DELETE },
	{ "DELETE", NULL, NULL, .request = MESSAGE_DELETE_IF,
	    .options = { { "IF", NULL } } },
	{ "INCR", "bucket key [number] [EX time]",
	    "add to a value, and show the result", .request = MESSAGE_INCR,
	    .last = "1" },
	{ "INCR", NULL, NULL, .request = MESSAGE_INCR_EX, .last = "1",
	    .options = { { "EX", NULL } } },
	{ "EXISTS", "bucket key", "OK if there is such a key",
	    .request = MESSAGE_EXISTS },
	{ "ADD", "bucket key value [EX time]", "set a value if there is none",
	    .request = MESSAGE_ADD },
	{ "ADD", NULL, NULL, .request = MESSAGE_ADD_EX,
	    .options = { { "EX", NULL } } },
	{ "CAS", "bucket key old new", "replace a value, if it is old",
	    .request = MESSAGE_CAS },
	{ "EXPIRE", "bucket key time", "set a time to live",
	    .request = MESSAGE_EXPIRE },
	{ "TAKE", "bucket key", "remove a key, and show its value",
	    .request = MESSAGE_TAKE },
	{ "POP", "bucket [PREFIX prefix]",
	    "remove the first key, and show it and its value",
	    .request = MESSAGE_POP, .options = { { "PREFIX", "" } } },
	{ "CLEAR", "bucket [PREFIX prefix] [LIMIT number]",
	    "remove the first keys, and show how many",
	    .request = MESSAGE_CLEAR,
	    .options = { { "PREFIX", "" }, { "LIMIT", "1000" } } },
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
	{ "SUBSCRIBE", "bucket [PREFIX prefix] [SINCE revision]",
	    "report each change", .request = MESSAGE_SUBSCRIBE,
	    .options = { { "PREFIX", "" } } },
	{ "SUBSCRIBE", NULL, NULL, .request = MESSAGE_SUBSCRIBE_SINCE,
	    .options = { { "PREFIX", "" }, { "SINCE", NULL } } },
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

static size_t
count_options(const struct command *c)
{
	size_t n = 0;

	while (n < COMMAND_OPTIONS_MAX && c->options[n].keyword != NULL)
		n++;
	return n;
}

/* Finds the words of the options, which are pairs of a keyword and a word, each
 * at most once, in any order.  False: they are something else. */
static bool
find_options(const struct command *c, const struct bytes *words, size_t n,
    struct bytes *args)
{
	size_t options = count_options(c), i, at;
	bool seen[COMMAND_OPTIONS_MAX] = { false };

	for (at = 0; at + 1 < n; at += 2) {
		for (i = 0; i < options; i++)
			if (words_equal(words[at], c->options[i].keyword))
				break;
		if (i == options || seen[i])
			return false;
		seen[i] = true;
		args[i] = words[at + 1];
	}
	for (i = 0; i < options; i++) {
		if (!seen[i] && c->options[i].absent == NULL)
			return false;
		if (!seen[i])
			args[i] = bytes_from_text(c->options[i].absent);
	}
	return true;
}

/*
 * Finds the word of each field of a COMMAND_REMOTE.  The words are those behind
 * its name.  False: the command does not take them.
 */
static bool
find_args(const struct command *c, const struct bytes *words, size_t n,
    struct bytes args[SCHEMA_FIELDS_MAX])
{
	size_t fields = schema_count(schema_find((uint16_t)c->request));
	size_t fixed = fields - count_options(c), given = fixed, i;

	if (c->request == MESSAGE_GET_KEYS) {
		/* The words behind the bucket are one field. */
		if (n > fixed)
			args[0] = words[0];
		return n > fixed;
	}
	if (c->last != NULL && (n < fixed || (n - fixed) % 2 != 0))
		args[--given] = bytes_from_text(c->last);
	if (n < given || (n - given) % 2 != 0 || (n > given && fixed == fields))
		return false;
	for (i = 0; i < given; i++)
		args[i] = words[i];
	return find_options(c, words + given, n - given, args + fixed);
}

/* Does the command take these words, of which the name is not one? */
static bool
takes(const struct command *c, const struct bytes *words, size_t n)
{
	struct bytes args[SCHEMA_FIELDS_MAX];

	if (c->local != COMMAND_REMOTE)
		return n >= c->words_min && n <= c->words_max;
	return find_args(c, words, n, args);
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

enum status
command_parse_time(struct bytes word, int64_t *time_ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 }, { "d", 24 * 60 * 60 * 1000 } };
	int64_t unit_ms = 1000;
	enum status status;
	size_t i, size;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size = strlen(units[i].name);
		if (word.size > size &&
		    memcmp((const char *)word.data + word.size - size,
			units[i].name, size) == 0) {
			unit_ms = units[i].ms;
			word.size -= size;
			break;
		}
	}
	if ((status = check_number(word, time_ms)) != STATUS_OK)
		return status;
	if (*time_ms < 1 || *time_ms > MESSAGE_TIME_MAX_MS / unit_ms)
		return STATUS_OUT_OF_RANGE;
	*time_ms *= unit_ms;
	return STATUS_OK;
}

static enum status
check_range(struct bytes word, int64_t min, int64_t max, uint64_t *to)
{
	int64_t number = 0;
	enum status status = check_number(word, &number);

	*to = (uint64_t)number;
	if (status == STATUS_OK && (number < min || number > max))
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
	case FIELD_TIME:
		return command_parse_time(word, &f->time_ms);
	case FIELD_OLD:
		f->old = word;
		return check_value(word, value_max);
	case FIELD_VALUE:
		f->value = word;
		return check_value(word, value_max);
	case FIELD_PREFIX:
		f->prefix = word;
		return check_name(word, STATUS_OK, STATUS_KEY_TOO_LONG);
	case FIELD_CLEAR_LIMIT:
		return check_range(word, 1, MESSAGE_CLEAR_MAX, &f->limit);
	case FIELD_SINCE:
		return check_range(word, 0, INT64_MAX, &f->since);
	default: /* no command has such a field */
		return STATUS_UNKNOWN_COMMAND;
	}
}

static enum status
check_keys(const struct bytes *words, size_t n)
{
	enum status status = STATUS_OK;
	size_t i;

	if (n > MESSAGE_KEYS_MAX)
		return STATUS_TOO_MANY_KEYS;
	for (i = 0; i < n && status == STATUS_OK; i++)
		status =
		    check_name(words[i], STATUS_KEY_EMPTY, STATUS_KEY_TOO_LONG);
	return status;
}

/* Sets all fields but FIELD_KEYS.  The words are those behind the command's
 * name. */
static enum status
set_fields(struct fields *f, const struct command *c, const struct bytes *words,
    size_t n, size_t value_max)
{
	const uint8_t *p = schema_find((uint16_t)c->request)->fields;
	struct bytes args[SCHEMA_FIELDS_MAX];
	enum status status = STATUS_OK;
	size_t i;

	(void)find_args(c, words, n, args); /* command_find() has checked it */
	for (i = 0; p[i] != FIELD_END && status == STATUS_OK; i++)
		status = p[i] == FIELD_KEYS ?
		    check_keys(words + i, n - i) :
		    set_field(f, p[i], args[i], value_max);
	return status;
}

/* Behind the bucket, which words[0] is. */
static void
put_keys(struct buf *b, uint64_t sequence, struct fields *f,
    const struct bytes *words, size_t n)
{
	size_t position, i;

	f->rest = (struct bytes){ NULL, 0 }; /* the keys follow */
	position = schema_begin(b, MESSAGE_GET_KEYS, sequence, f);
	for (i = 1; i < n; i++)
		message_put_name(b, words[i]);
	message_end(b, position);
}

enum status
command_encode(const struct command *command, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *b)
{
	enum status status;
	struct fields f;

	status = set_fields(&f, command, words + 1, n - 1, value_max);
	if (status != STATUS_OK)
		return status;
	if (command->request == MESSAGE_GET_KEYS)
		put_keys(b, sequence, &f, words + 1, n - 1);
	else
		schema_put(b, command->request, sequence, &f);
	return STATUS_OK;
}
