/*
 * config: keywords and their values.  The master reads the administrator's
 * file; the children read what the master prints.
 */

#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libutil.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/roster.h"

#define BLANKS " \t\r"
/* As much of a file's name as leaves room for what is wrong in it. */
#define FILE_NAME_MAX 250

/* Values and names have to fit a worker's memory twice over. */
#define MAX_VALUE_LIMIT ((int64_t)64 << 20)
#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)

enum keyword_type {
	KEYWORD_COUNT,
	KEYWORD_LISTEN,
	KEYWORD_PATH,
	KEYWORD_RESTART_LIMIT,
	KEYWORD_SIZE,
	KEYWORD_SYNC,
	KEYWORD_TIME,
};

struct keyword {
	const char *name;
	enum keyword_type type;
	size_t offset; /* of the field in struct config */
	int64_t min, max;
	const char *initial;
	bool fixed; /* while kvd runs */
};

#define FIELD(name) offsetof(struct config, name)

/* What a worker was forked with, and the registry has to agree with, is
 * fixed: max-value, registry-timeout. */
static const struct keyword keywords[] = {
	{ "listen", KEYWORD_LISTEN, FIELD(listens), 0, 0, "127.0.0.1:4040",
	    false },
	{ "data", KEYWORD_PATH, FIELD(data), 0, 0, KVD_LOCALSTATEDIR "/lib/kvd",
	    true },
	{ "runtime", KEYWORD_PATH, FIELD(runtime), 0, 0, KVD_RUNSTATEDIR "/kvd",
	    true },
	{ "libexec", KEYWORD_PATH, FIELD(libexec), 0, 0, KVD_LIBEXECDIR, true },
	{ "sync", KEYWORD_SYNC, FIELD(sync_ms), 1, WEEK_MS, "always", false },
	{ "max-value", KEYWORD_SIZE, FIELD(max_value), 1, MAX_VALUE_LIMIT, "1M",
	    true },
	{ "acceptors", KEYWORD_COUNT, FIELD(acceptors), 1, CONFIG_ACCEPTORS_MAX,
	    "1", false },
	{ "max-clients", KEYWORD_COUNT, FIELD(max_clients), 1, ROSTER_MAX,
	    "1000", false },
	{ "max-clients-per-source", KEYWORD_COUNT,
	    FIELD(max_clients_per_source), 0, ROSTER_MAX, "0", false },
	{ "first-command-timeout", KEYWORD_TIME,
	    FIELD(first_command_timeout_ms), 0, WEEK_MS, "5m", false },
	{ "idle-timeout", KEYWORD_TIME, FIELD(idle_timeout_ms), 0, WEEK_MS,
	    "1h", false },
	{ "write-timeout", KEYWORD_TIME, FIELD(write_timeout_ms), 1, WEEK_MS,
	    "60s", false },
	{ "registry-timeout", KEYWORD_TIME, FIELD(registry_timeout_ms), 1,
	    WEEK_MS, "10s", true },
	{ "listing-timeout", KEYWORD_TIME, FIELD(listing_timeout_ms), 1,
	    WEEK_MS, "1m", false },
	{ "shutdown-timeout", KEYWORD_TIME, FIELD(shutdown_timeout_ms), 1,
	    WEEK_MS, "10s", false },
	{ "heartbeat-timeout", KEYWORD_TIME, FIELD(heartbeat_timeout_ms), 0,
	    WEEK_MS, "1m", false },
	{ "restart-limit", KEYWORD_RESTART_LIMIT, FIELD(restart_limit), 1,
	    CONFIG_RESTARTS_MAX, "3 in 5s", false },
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

struct unit {
	const char *name; /* NULL ends a list */
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

static char **
path_field(struct config *c, const struct keyword *k)
{
	return (char **)(void *)((char *)c + k->offset);
}

__attribute__((format(printf, 2, 3))) static int
config_error(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, CONFIG_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

/* Decimal digits and a unit; returns -1 for anything else, or above `max`. */
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

/* No time needs no unit. */
static int
set_time(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	const char *number = strcmp(value, "0") == 0 ? "0s" : value;

	if (set_number(c, k, time_units, number) == 0)
		return 0;
	return config_error(error,
	    "%s: \"%s\" is not a time of %s to 7 days, such as 50ms, 10s, 5m "
	    "or 1h",
	    k->name, value, k->min == 0 ? "0" : "1ms");
}

/* What could not be told from a comment when it is printed again. */
static int
check_path(const char *name, const char *path, char *error)
{
	if (path[0] != '/')
		return config_error(error, "%s: \"%s\" is not an absolute path",
		    name, path);
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

/* N in TIME, and perhaps exit. */
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
		limit.restarts = parse_number(number, plain_units, k->max);
		limit.period_ms = parse_number(time, time_units, WEEK_MS);
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

	if (check_path(k->name, value, error) == -1)
		return -1;
	if ((copy = strdup(value)) == NULL)
		return config_error(error, "out of memory");
	free(*path_field(c, k));
	*path_field(c, k) = copy;
	return 0;
}

static int
listen_unix(struct config_listen *l, const char *path, char *error)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)(void *)&l->addr;

	if (check_path("listen", path, error) == -1)
		return -1;
	if (strlcpy(sun->sun_path, path, sizeof(sun->sun_path)) >=
	    sizeof(sun->sun_path))
		return config_error(error,
		    "listen: path of a Unix socket is longer than %zu bytes",
		    sizeof(sun->sun_path) - 1);
	sun->sun_family = AF_UNIX;
	l->addr_size = sizeof(*sun);
	return 0;
}

static int
listen_error(const char *value, char *error)
{
	return config_error(error,
	    "listen: \"%s\" is not ADDRESS:PORT, [IPv6-ADDRESS]:PORT or "
	    "unix PATH",
	    value);
}

/* ADDRESS:PORT or [IPv6-ADDRESS]:PORT. */
static int
listen_inet(struct config_listen *l, const char *value, char *error)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)(void *)&l->addr;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)&l->addr;
	char host[sizeof(l->text)], *end;
	bool bracketed = value[0] == '[';
	int64_t port;

	(void)strlcpy(host, value, sizeof(host));
	end = bracketed ? strstr(host, "]:") : strrchr(host, ':');
	if (end == NULL)
		return listen_error(value, error);
	*end = '\0';
	end += bracketed ? 2 : 1;
	if ((port = parse_number(end, plain_units, 65535)) == -1)
		return config_error(error,
		    "listen: \"%s\" is not a port (0 to 65535)", end);
	if (!bracketed && inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)port);
		l->addr_size = sizeof(*sin);
		return 0;
	}
	if (!bracketed || inet_pton(AF_INET6, host + 1, &sin6->sin6_addr) != 1)
		return listen_error(value, error);
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons((uint16_t)port);
	l->addr_size = sizeof(*sin6);
	return 0;
}

static void
clear_listens(struct config *c)
{
	struct config_listen *l;

	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		free(l);
	}
}

static int
add_listen(struct config *c, const struct keyword *k, const char *value,
    char *error)
{
	struct config_listen *l;
	int rc;

	(void)k;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return config_error(error, "out of memory");
	if (strlcpy(l->text, value, sizeof(l->text)) >= sizeof(l->text))
		rc = config_error(error, "listen: value too long");
	else if (strncmp(value, "unix", 4) == 0 && strchr(BLANKS, value[4]))
		rc = listen_unix(l, value + 4 + strspn(value + 4, BLANKS),
		    error);
	else
		rc = listen_inet(l, value, error);
	if (rc == -1) {
		free(l);
		return -1;
	}
	if (!c->listens_given)
		clear_listens(c);
	c->listens_given = true;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
	return 0;
}

static int (*const setters[])(struct config *, const struct keyword *,
    const char *, char *) = {
	[KEYWORD_COUNT] = set_count,
	[KEYWORD_LISTEN] = add_listen,
	[KEYWORD_PATH] = set_path,
	[KEYWORD_RESTART_LIMIT] = set_restart_limit,
	[KEYWORD_SIZE] = set_size,
	[KEYWORD_SYNC] = set_sync,
	[KEYWORD_TIME] = set_time,
};

static int
set_keyword(struct config *c, char *line, char *error)
{
	char *value, *end;
	size_t i;

	line += strspn(line, BLANKS);
	for (end = line + strlen(line);
	     end > line && strchr(BLANKS, end[-1]) != NULL; end--)
		end[-1] = '\0';
	if (*line == '\0')
		return 0;
	value = line + strcspn(line, BLANKS);
	if (*value != '\0') {
		*value++ = '\0';
		value += strspn(value, BLANKS);
	}
	for (i = 0; i < KEYWORDS; i++)
		if (strcmp(line, keywords[i].name) == 0)
			break;
	if (i == KEYWORDS)
		return config_error(error, "unknown keyword \"%s\"", line);
	if (*value == '\0')
		return config_error(error, "%s: value missing", line);
	return setters[keywords[i].type](c, &keywords[i], value, error);
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

static int
config_stream(struct config *c, FILE *file, const char *name, char *error)
{
	char what[CONFIG_ERROR_SIZE], *line;
	size_t number = 0, size;
	int rc = 0;

	while (rc == 0 &&
	    (line = fparseln(file, &size, &number, NULL, 0)) != NULL) {
		if (strlen(line) == size)
			rc = set_keyword(c, line, what);
		else
			rc = config_error(what, "has a NUL byte");
		free(line);
	}
	if (rc == -1)
		return config_error(error, "%.*s: line %zu: %.200s",
		    FILE_NAME_MAX, name, number, what);
	if (ferror(file))
		return config_error(error, "%.*s: %s", FILE_NAME_MAX, name,
		    strerror(errno));
	return 0;
}

int
config_file(struct config *c, const char *path, char *error)
{
	struct stat st;
	FILE *file;
	int rc;

	if ((file = fopen(path, "re")) == NULL)
		return config_error(error, "%s: %s", path, strerror(errno));
	if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode))
		rc = config_error(error, "%s: is a directory", path);
	else
		rc = config_stream(c, file, path, error);
	(void)fclose(file);
	return rc;
}

int
config_text(struct config *c, const char *text, size_t size, char *error)
{
	char *copy;
	FILE *file;
	int rc;

	/* fmemopen(3) wants memory that it could write to. */
	if (size == 0 || (copy = malloc(size)) == NULL)
		return config_error(error, "no configuration");
	memcpy(copy, text, size);
	if ((file = fmemopen(copy, size, "r")) == NULL)
		rc = config_error(error, "out of memory");
	else {
		rc = config_stream(c, file, "configuration", error);
		(void)fclose(file);
	}
	free(copy);
	return rc;
}

void
config_move(struct config *to, struct config *from)
{
	*to = *from;
	/* The head of a tail queue is part of it. */
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
	clear_listens(c);
	free(c->data);
	free(c->runtime);
	free(c->libexec);
	memset(c, 0, sizeof(*c));
	TAILQ_INIT(&c->listens);
}

static void
print_value(struct buf *b, const struct keyword *k, const char *value)
{
	buf_append_text(b, k->name);
	buf_append_byte(b, ' ');
	buf_append_text(b, value);
	buf_append_byte(b, '\n');
}

static void
print_time(struct buf *b, const struct keyword *k, int64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64 "ms", ms);
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
		print_time(b, k, c->sync_ms);
}

static void
print_restart_limit(struct buf *b, const struct keyword *k,
    const struct config_restart_limit *limit)
{
	char text[96];

	snprintf(text, sizeof(text), "%" PRId64 " in %" PRId64 "ms%s",
	    limit->restarts, limit->period_ms, limit->exits ? " exit" : "");
	print_value(b, k, text);
}

static void
print_keyword(struct config *c, const struct keyword *k, struct buf *b)
{
	struct config_listen *l;
	char text[32];

	switch (k->type) {
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
		print_time(b, k, *number_field(c, k));
		return;
	case KEYWORD_COUNT:
	case KEYWORD_SIZE:
		snprintf(text, sizeof(text), "%" PRId64, *number_field(c, k));
		print_value(b, k, text);
		return;
	}
}

void
config_print(const struct config *c, struct buf *b)
{
	struct config copy = *c; /* for the field accessors */
	size_t i;

	for (i = 0; i < KEYWORDS; i++)
		print_keyword(&copy, &keywords[i], b);
}

/* Sets one keyword to what `running` has.  Returns 1 if that is another
 * value, 0 if it is the same, -1 when there is no memory. */
static int
keep_keyword(struct config *fresh, const struct keyword *k,
    const struct config *running)
{
	struct config copy = *running;
	char error[CONFIG_ERROR_SIZE];
	struct buf old, new;
	int rc = -1;

	buf_init(&old);
	buf_init(&new);
	print_keyword(&copy, k, &old);
	print_keyword(fresh, k, &new);
	buf_append_byte(&old, '\0');
	if (!buf_failed(&old) && !buf_failed(&new))
		rc = buf_size(&old) - 1 != buf_size(&new) ||
		    memcmp(buf_data(&old), buf_data(&new), buf_size(&new)) != 0;
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
