/*
 * config: the table of keywords, and configurations as a whole.  The master
 * reads the administrator's file, and its children read what the master prints
 * (config_print()).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/config_value.h"
#include "common/scoreboard.h"

/* A worker must have memory for two values of this size. */
#define MAX_VALUE_LIMIT ((int64_t)64 << 20)

#define CACHE_LIMIT ((int64_t)1 << 30)

/* Offsets in a segment of the log have 32 bits. */
#define LOG_LEAST ((int64_t)1 << 20)
#define LOG_LIMIT ((int64_t)2 << 30)

#define FIELD(name) offsetof(struct config, name)

/* A fixed keyword cannot change while kvd runs.  max-value and registry-timeout
 * are fixed because a worker keeps the values that it was forked with, and the
 * registry has to use the same. */
static const struct keyword keywords[] = {
	{ "listen", KEYWORD_LISTEN, FIELD(listens), 0, 0, "127.0.0.1:4040",
	    false },
	{ "data", KEYWORD_PATH, FIELD(data), 0, 0, KVD_LOCALSTATEDIR "/lib/kvd",
	    true },
	{ "runtime", KEYWORD_PATH, FIELD(runtime), 0, 0, KVD_RUNSTATEDIR "/kvd",
	    true },
	{ "libexec", KEYWORD_PATH, FIELD(libexec), 0, 0, KVD_LIBEXECDIR, true },
	{ "user", KEYWORD_USER, FIELD(user), 0, 0, "-", true },
	{ "registry-user", KEYWORD_USER, FIELD(registry_user), 0, 0, "-",
	    true },
	{ "core-dumps", KEYWORD_YES, FIELD(core_dumps), 0, 0, "no", true },
	{ "sync", KEYWORD_SYNC, FIELD(sync_ms), 1, CONFIG_WEEK_MS, "always",
	    false },
	{ "max-value", KEYWORD_SIZE, FIELD(max_value), 1, MAX_VALUE_LIMIT, "1M",
	    true },
	{ "log-size", KEYWORD_SIZE, FIELD(log_size), LOG_LEAST, LOG_LIMIT,
	    "32M", true },
	{ "cache", KEYWORD_SIZE, FIELD(cache), 0, CACHE_LIMIT, "128M", false },
	{ "acceptors", KEYWORD_COUNT, FIELD(acceptors), 1, CONFIG_ACCEPTORS_MAX,
	    "1", false },
	{ "max-clients", KEYWORD_COUNT, FIELD(max_clients), 1, SCOREBOARD_MAX,
	    "1000", false },
	{ "max-clients-per-source", KEYWORD_COUNT,
	    FIELD(max_clients_per_source), 0, SCOREBOARD_MAX, "0", false },
	{ "first-command-timeout", KEYWORD_TIME,
	    FIELD(first_command_timeout_ms), 0, CONFIG_WEEK_MS, "5m", false },
	{ "idle-timeout", KEYWORD_TIME, FIELD(idle_timeout_ms), 0,
	    CONFIG_WEEK_MS, "1h", false },
	{ "keepalive", KEYWORD_TIME, FIELD(keepalive_ms), 0, CONFIG_WEEK_MS,
	    "5m", false },
	{ "write-timeout", KEYWORD_TIME, FIELD(write_timeout_ms), 1,
	    CONFIG_WEEK_MS, "60s", false },
	{ "registry-timeout", KEYWORD_TIME, FIELD(registry_timeout_ms), 1,
	    CONFIG_WEEK_MS, "10s", true },
	{ "listing-timeout", KEYWORD_TIME, FIELD(listing_timeout_ms), 1,
	    CONFIG_WEEK_MS, "1m", false },
	{ "shutdown-timeout", KEYWORD_TIME, FIELD(shutdown_timeout_ms), 1,
	    CONFIG_WEEK_MS, "10s", false },
	{ "heartbeat-timeout", KEYWORD_TIME, FIELD(heartbeat_timeout_ms), 0,
	    CONFIG_WEEK_MS, "1m", false },
	{ "restart-limit", KEYWORD_RESTART_LIMIT, FIELD(restart_limit), 1,
	    CONFIG_RESTARTS_MAX, "3 in 5s", false },
	{ "control", KEYWORD_CONTROL, FIELD(control), 0, 0, "mode 0660",
	    false },
	{ "log", KEYWORD_LOG, FIELD(log_connections), 0, 0, "connections no",
	    false },
	{ "slow-command", KEYWORD_TIME, FIELD(slow_command_ms), 0,
	    CONFIG_WEEK_MS, "0", false },
	{ "scrub", KEYWORD_TIME, FIELD(scrub_ms), 0, CONFIG_YEAR_MS, "0",
	    false },
	{ "sandbox", KEYWORD_YES, FIELD(sandbox), 0, 0, "yes", true },
	{ "insecure", KEYWORD_YES, FIELD(insecure), 0, 0, "no", false },
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static int
set_keyword(struct config *c, char *line, char *error)
{
	char *value, *end;
	size_t i;

	line += strspn(line, CONFIG_BLANKS);
	for (end = line + strlen(line);
	     end > line && strchr(CONFIG_BLANKS, end[-1]) != NULL; end--)
		end[-1] = '\0';
	if (*line == '\0')
		return 0;
	value = line + strcspn(line, CONFIG_BLANKS);
	if (*value != '\0') {
		*value++ = '\0';
		value += strspn(value, CONFIG_BLANKS);
	}
	for (i = 0; i < KEYWORDS; i++)
		if (strcmp(line, keywords[i].name) == 0)
			break;
	if (i == KEYWORDS)
		return config_error(error,
		    strcmp(line, CONFIG_INCLUDE) == 0 ?
			"\"%s\" is for files only" :
			"unknown keyword \"%s\"",
		    line);
	if (*value == '\0')
		return config_error(error, "%s: value missing", line);
	return config_set(c, &keywords[i], value, error);
}

int
config_line(struct config *c, const char *line, char *error)
{
	char *copy;
	int rc;

	if ((copy = strdup(line)) == NULL)
		return config_error(error, "out of memory");
	rc = set_keyword(c, copy, error);
	free(copy);
	return rc;
}

int
config_lines(struct config *c, const char *text, char *error)
{
	char *copy = strdup(text), *next = copy, *line;
	int rc = 0;

	if (copy == NULL)
		return config_error(error, "out of memory");
	while (rc == 0 && (line = strsep(&next, "\n")) != NULL)
		rc = set_keyword(c, line, error);
	free(copy);
	return rc;
}

void
config_move(struct config *to, struct config *from)
{
	*to = *from;
	/* Its first element points back to the head, which has moved. */
	TAILQ_INIT(&to->listens);
	TAILQ_CONCAT(&to->listens, &from->listens, entry);
}

void
config_override(struct config *c)
{
	c->listens_given = false;
}

int
config_init(struct config *c)
{
	char line[CONFIG_ERROR_SIZE], error[CONFIG_ERROR_SIZE];
	size_t i;

	memset(c, 0, sizeof(*c));
	TAILQ_INIT(&c->listens);
	for (i = 0; i < KEYWORDS; i++) {
		snprintf(line, sizeof(line), "%s %s", keywords[i].name,
		    keywords[i].initial);
		if (config_line(c, line, error) == -1)
			return -1;
	}
	config_override(c);
	return 0;
}

void
config_clear(struct config *c)
{
	config_clear_listens(c);
	free(c->data);
	free(c->runtime);
	free(c->libexec);
	memset(c, 0, sizeof(*c));
	TAILQ_INIT(&c->listens);
}

void
config_print(const struct config *c, struct buf *b)
{
	size_t i;

	for (i = 0; i < KEYWORDS; i++)
		config_print_keyword(c, &keywords[i], b);
}

/* Prints the keyword's lines of both, each with a NUL behind them.  Returns 1
 * if they differ, 0 if not, and -1 when there is no memory. */
static int
compare_keyword(const struct config *running, const struct config *fresh,
    const struct keyword *k, struct buf *old, struct buf *new)
{
	config_print_keyword(running, k, old);
	config_print_keyword(fresh, k, new);
	buf_append_byte(old, '\0');
	buf_append_byte(new, '\0');
	if (buf_failed(old) || buf_failed(new))
		return -1;
	return buf_size(old) != buf_size(new) ||
	    memcmp(buf_data(old), buf_data(new), buf_size(new)) != 0;
}

/* Sets one keyword to the value that `running` has.  Returns 1 if it had
 * another value, 0 if it had the same, and -1 when there is no memory. */
static int
keep_keyword(struct config *fresh, const struct keyword *k,
    const struct config *running)
{
	char error[CONFIG_ERROR_SIZE];
	struct buf old, new;
	int rc;

	buf_init(&old);
	buf_init(&new);
	rc = compare_keyword(running, fresh, k, &old, &new);
	if (rc == 1) {
		*strchr((char *)buf_data(&old), '\n') = '\0';
		if (config_line(fresh, (char *)buf_data(&old), error) == -1)
			rc = -1;
	}
	buf_clear(&old);
	buf_clear(&new);
	return rc;
}

int
config_keep_fixed(struct config *fresh, const struct config *running,
    struct buf *names)
{
	size_t i;

	for (i = 0; i < KEYWORDS; i++) {
		if (!keywords[i].fixed)
			continue;
		switch (keep_keyword(fresh, &keywords[i], running)) {
		case -1:
			return -1;
		case 1:
			if (buf_size(names) > 0)
				buf_append_text(names, ", ");
			buf_append_text(names, keywords[i].name);
		}
	}
	return buf_failed(names) ? -1 : 0;
}

void
config_print_changes(const struct config *running, const struct config *fresh,
    const char *reload, const char *restart, struct buf *out)
{
	struct buf old, new;
	char *line, *next;
	size_t i;

	for (i = 0; i < KEYWORDS; i++) {
		buf_init(&old);
		buf_init(&new);
		if (compare_keyword(running, fresh, &keywords[i], &old, &new) ==
		    1) {
			next = (char *)buf_data(&new);
			while (*(line = strsep(&next, "\n")) != '\0') {
				buf_append_text(out,
				    keywords[i].fixed ? restart : reload);
				buf_append_text(out, line);
				buf_append_byte(out, '\n');
			}
		}
		buf_clear(&old);
		buf_clear(&new);
	}
}

/*
 * A commit may have a quarter of the log's segment, and one request half of
 * that: a transaction has up to 1 MiB, and two values of which each may be the
 * longest.
 */
int64_t
config_log_size_min(int64_t max_value)
{
	return 8 * (((int64_t)1 << 20) + 2 * max_value + ((int64_t)64 << 10));
}

/* Without memory, sending it says so. */
static int
check_lines(const struct config *c, struct buf *errors)
{
	struct buf lines;
	size_t size;

	buf_init(&lines);
	config_print(c, &lines);
	size = buf_size(&lines);
	buf_clear(&lines);
	if (size <= CONFIG_LINES_MAX)
		return 0;
	return config_mistake(errors,
	    "the configuration has %zu bytes, of which %d are allowed: use "
	    "fewer listen",
	    size, CONFIG_LINES_MAX);
}

static int
check_log_size(const struct config *c, struct buf *errors)
{
	int64_t least = config_log_size_min(c->max_value);

	if (c->log_size >= least)
		return 0;
	return config_mistake(errors,
	    "log-size: a max-value of %lld needs a log-size of at least %lldM",
	    (long long)c->max_value,
	    (long long)((least + ((int64_t)1 << 20) - 1) >> 20));
}

int
config_check_sizes(const struct config *c, struct buf *errors)
{
	int rc = check_log_size(c, errors);

	return check_lines(c, errors) == -1 ? -1 : rc;
}
