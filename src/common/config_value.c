/*
 * config_value: parses and prints the values of keywords, by their types.  Runs
 * in the master and its children.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_value.h"

/* Any number with its unit. */
#define NUMBER_TEXT_SIZE 32

struct unit {
	const char *name; /* NULL: the end of the list */
	int64_t factor;
};

static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit size_units[] = {
	{ "", 1 },
	{ "k", 1 << 10 },
	{ "K", 1 << 10 },
	{ "m", 1 << 20 },
	{ "M", 1 << 20 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", CONFIG_DAY_MS },
	{ NULL, 0 },
};

static int64_t *
number_field(struct config *c, const struct keyword *k)
{
	return (int64_t *)(void *)((char *)c + k->offset);
}

static struct config_restart_limit *
restart_limit_field(struct config *c, const struct keyword *k)
{
	return (struct config_restart_limit *)(void *)((char *)c + k->offset);
}

static bool *
flag_field(struct config *c, const struct keyword *k)
{
	return (bool *)(void *)((char *)c + k->offset);
}

static char **
path_field(struct config *c, const struct keyword *k)
{
	return (char **)(void *)((char *)c + k->offset);
}

static char *
user_field(struct config *c, const struct keyword *k)
{
	return (char *)c + k->offset;
}

int
config_error(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, CONFIG_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

int
config_mistake(struct buf *errors, const char *format, ...)
{
	char line[CONFIG_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_append_text(errors, line);
	buf_append_byte(errors, '\n');
	return -1;
}

/* Parses decimal digits and a unit.  Returns -1 for anything else, and for more
 * than `max`. */
static int64_t
parse_number(const char *value, const struct unit *units, int64_t max)
{
	size_t digits = strspn(value, "0123456789"), i;
	int64_t n = 0;

	while (units->name != NULL && strcmp(value + digits, units->name) != 0)
		units++;
	if (digits == 0 || units->name == NULL)
		return -1;
	for (i = 0; i < digits; i++) {
		n = n * 10 + (value[i] - '0');
		if (n > max / units->factor)
			return -1;
	}
	return n * units->factor;
}

int64_t
config_parse_count(const char *value, int64_t max)
{
	return parse_number(value, plain_units, max);
}

static int
set_number(struct config *c, const struct keyword *k, const struct unit *units,
    const char *value)
{
	int64_t n = parse_number(value, units, k->max);

	if (n < k->min)
		return -1;
	*number_field(c, k) = n;
	return 0;
}

static int
set_count(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	if (set_number(c, k, plain_units, value) == 0)
		return 0;
	return config_error(error,
	    "%s: \"%s\" is not a number from %" PRId64 " to %" PRId64, k->name,
	    value, k->min, k->max);
}

static int
set_size(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	if (set_number(c, k, size_units, value) == 0)
		return 0;
	return config_error(error,
	    "%s: \"%s\" is not a size from %" PRId64 " to %" PRId64
	    " bytes, such as 512k or 1M",
	    k->name, value, k->min, k->max);
}

/* 0 needs no unit. */
static int
set_time(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	const char *number = strcmp(value, "0") == 0 ? "0s" : value;

	if (set_number(c, k, time_units, number) == 0)
		return 0;
	return config_error(error,
	    "%s: \"%s\" is not a time of %s to %d days, such as 50ms, 10s, "
	    "5m or 1h",
	    k->name, value, k->min == 0 ? "0" : "1ms",
	    (int)(k->max / CONFIG_DAY_MS));
}

int
config_check_path(const char *name, const char *path, char *error)
{
	if (path[0] != '/')
		return config_error(error, "%s: \"%s\" is not an absolute path",
		    name, path);
	/* These begin a comment, continue a line and end it. */
	if (strpbrk(path, "#\\\n") != NULL)
		return config_error(error, "%s: \"%s\" has a # or a \\ in it",
		    name, path);
	return 0;
}

static int
set_sync(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	if (strcmp(value, "always") == 0)
		c->sync_ms = CONFIG_SYNC_ALWAYS;
	else if (strcmp(value, "never") == 0)
		c->sync_ms = CONFIG_SYNC_NEVER;
	else if (set_time(c, k, value, error) == -1)
		return config_error(error,
		    "sync: \"%s\" is not always, never or a time of 1ms to "
		    "7 days, such as 50ms",
		    value);
	return 0;
}

/* Parses "NUMBER in TIME", which "exit" may follow. */
static int
set_restart_limit(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	struct config_restart_limit limit = { 0, 0, false };
	char number[32], time[32], last[8] = "";
	int n, end = 0;

	n = sscanf(value, "%31[0-9] in %31[0-9a-z]%n %7s%n", number, time, &end,
	    last, &end);
	limit.exits = n == 3 && strcmp(last, "exit") == 0;
	if (n >= 2) {
		limit.restarts = config_parse_count(number, k->max);
		limit.period_ms =
		    parse_number(time, time_units, CONFIG_WEEK_MS);
	}
	if (n < 2 || value[end] != '\0' || (n == 3 && !limit.exits) ||
	    limit.restarts < k->min || limit.period_ms < 1)
		return config_error(error,
		    "restart-limit: \"%s\" is not NUMBER in TIME, or NUMBER "
		    "in TIME exit, such as 3 in 5s; the number is 1 to %d",
		    value, CONFIG_RESTARTS_MAX);
	*restart_limit_field(c, k) = limit;
	return 0;
}

static int
set_path(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	char *copy;

	if (config_check_path(k->name, value, error) == -1)
		return -1;
	if ((copy = strdup(value)) == NULL)
		return config_error(error, "out of memory");
	free(*path_field(c, k));
	*path_field(c, k) = copy;
	return 0;
}

/* Whether there is such a user is checked when kvd starts. */
static int
set_user(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	if (strlen(value) >= CONFIG_USER_SIZE ||
	    strpbrk(value, CONFIG_BLANKS "#\\:/\n") != NULL)
		return config_error(error,
		    "%s: \"%s\" is not the name or the number of a user",
		    k->name, value);
	(void)strcpy(user_field(c, k), value);
	return 0;
}

/* Parses yes or no, with something before it that is only for messages. */
static int
set_flag(struct config *c, const struct keyword *k, const char *before,
    const char *value, char *error)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return config_error(error, "%s: \"%s\" is not %syes or %sno",
		    k->name, value, before, before);
	*flag_field(c, k) = strcmp(value, "yes") == 0;
	return 0;
}

static int
set_yes(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	return set_flag(c, k, "", value, error);
}

/* Parses "connections yes" or "connections no". */
static int
set_log(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	static const char connections[] = "connections";
	const char *rest = value + strlen(connections);

	if (strncmp(value, connections, strlen(connections)) != 0 ||
	    *rest == '\0' || strchr(CONFIG_BLANKS, *rest) == NULL)
		return config_error(error,
		    "%s: \"%s\" is not connections yes or connections no",
		    k->name, value);
	return set_flag(c, k, "connections ",
	    rest + strspn(rest, CONFIG_BLANKS), error);
}

static int (*const setters[])(struct config *, const struct keyword *,
    const char *, char *) = {
	[KEYWORD_CONTROL] = config_set_control,
	[KEYWORD_COUNT] = set_count,
	[KEYWORD_LISTEN] = config_add_listen,
	[KEYWORD_LOG] = set_log,
	[KEYWORD_PATH] = set_path,
	[KEYWORD_RESTART_LIMIT] = set_restart_limit,
	[KEYWORD_SIZE] = set_size,
	[KEYWORD_SYNC] = set_sync,
	[KEYWORD_TIME] = set_time,
	[KEYWORD_USER] = set_user,
	[KEYWORD_YES] = set_yes,
};

int
config_set(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	return setters[k->type](c, k, value, error);
}

static void
print_value(struct buf *b, const struct keyword *k, const char *value)
{
	buf_append_text(b, k->name);
	buf_append_byte(b, ' ');
	buf_append_text(b, value);
	buf_append_byte(b, '\n');
}

/* Prints a number with the largest unit of which it is a multiple.  The units
 * ascend. */
static void
format_number(int64_t n, const struct unit *units, char *text, size_t size)
{
	const struct unit *best = units;

	for (; units->name != NULL; units++)
		if (n % units->factor == 0)
			best = units;
	if (n == 0)
		(void)strcpy(text, "0");
	else
		snprintf(text, size, "%" PRId64 "%s", n / best->factor,
		    best->name);
}

static void
print_number(struct buf *b, const struct keyword *k, const struct unit *units,
    int64_t n)
{
	char text[NUMBER_TEXT_SIZE];

	format_number(n, units, text, sizeof(text));
	print_value(b, k, text);
}

static void
print_sync(const struct config *c, const struct keyword *k, struct buf *b)
{
	if (c->sync_ms == CONFIG_SYNC_ALWAYS)
		print_value(b, k, "always");
	else if (c->sync_ms == CONFIG_SYNC_NEVER)
		print_value(b, k, "never");
	else
		print_number(b, k, time_units, c->sync_ms);
}

static void
print_restart_limit(struct buf *b, const struct keyword *k,
    const struct config_restart_limit *limit)
{
	char text[96], period[NUMBER_TEXT_SIZE];

	format_number(limit->period_ms, time_units, period, sizeof(period));
	snprintf(text, sizeof(text), "%" PRId64 " in %s%s", limit->restarts,
	    period, limit->exits ? " exit" : "");
	print_value(b, k, text);
}

void
config_print_keyword(const struct config *config, const struct keyword *k,
    struct buf *b)
{
	struct config copy = *config, *c = &copy; /* for the accessors */
	struct config_listen *l;

	switch (k->type) {
	case KEYWORD_CONTROL:
		config_print_control(c, k, b);
		return;
	case KEYWORD_LISTEN:
		TAILQ_FOREACH(l, &c->listens, entry)
			print_value(b, k, l->text);
		return;
	case KEYWORD_PATH:
		print_value(b, k, *path_field(c, k));
		return;
	case KEYWORD_RESTART_LIMIT:
		print_restart_limit(b, k, restart_limit_field(c, k));
		return;
	case KEYWORD_SYNC:
		print_sync(c, k, b);
		return;
	case KEYWORD_TIME:
		print_number(b, k, time_units, *number_field(c, k));
		return;
	case KEYWORD_COUNT:
		print_number(b, k, plain_units, *number_field(c, k));
		return;
	case KEYWORD_SIZE:
		print_number(b, k, size_units, *number_field(c, k));
		return;
	case KEYWORD_USER:
		print_value(b, k, user_field(c, k));
		return;
	case KEYWORD_LOG:
		print_value(b, k,
		    *flag_field(c, k) ? "connections yes" : "connections no");
		return;
	case KEYWORD_YES:
		print_value(b, k, *flag_field(c, k) ? "yes" : "no");
		return;
	}
}
