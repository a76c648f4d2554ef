/*
 * config_file: reads the administrator's file, and those that it includes.
 * Runs in the master.  The files are trusted, but they may have mistakes.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/config_value.h"

#define READ_SIZE 4096
/* How much of a file's name a message has, so that the mistake fits, too. */
#define NAME_MAX_SHOWN 250

/* A file that is being read. */
struct source {
	const char *path;
	size_t line; /* number of the line that was read last */
	const struct source *includer; /* NULL: none */
	dev_t dev;
	ino_t ino;
};

/* What all files have in common. */
struct reading {
	struct config *config;
	bool again;
	size_t left; /* so many bytes may still be read */
	struct buf *errors;
};

static int read_file(struct reading *, const char *path,
    const struct source *includer);

/* A mistake in the last line that was read of this file. */
static int
mistake(struct reading *r, const struct source *s, const char *what)
{
	return config_mistake(r->errors, "%.*s: line %zu: %.200s",
	    NAME_MAX_SHOWN, s->path, s->line, what);
}

/* A file that cannot be read. */
static int
cannot_read(struct reading *r, const struct source *includer, const char *path,
    const char *why)
{
	char what[CONFIG_ERROR_SIZE];

	if (includer == NULL)
		return config_mistake(r->errors, "%.*s: %s", NAME_MAX_SHOWN,
		    path, why);
	(void)config_error(what, CONFIG_INCLUDE ": %.150s: %s", path, why);
	return mistake(r, includer, what);
}

/* The part of the line behind the word `include`, or NULL if the line does not
 * begin with it. */
static char *
find_include(char *line)
{
	size_t size = strlen(CONFIG_INCLUDE);
	char *value;

	line += strspn(line, CONFIG_BLANKS);
	if (strncmp(line, CONFIG_INCLUDE, size) != 0)
		return NULL;
	value = line + size;
	if (*value != '\0' && strchr(CONFIG_BLANKS, *value) == NULL)
		return NULL;
	value += strspn(value, CONFIG_BLANKS);
	for (size = strlen(value);
	     size > 0 && strchr(CONFIG_BLANKS, value[size - 1]) != NULL; size--)
		value[size - 1] = '\0';
	return value;
}

/* Names are relative to the directory of the file that includes them.  To be
 * freed by the caller; NULL without memory. */
static char *
resolve(const struct source *s, const char *name)
{
	const char *slash = strrchr(s->path, '/');
	int size =
	    name[0] == '/' || slash == NULL ? 0 : (int)(slash - s->path) + 1;
	char *path;

	return asprintf(&path, "%.*s%s", size, s->path, name) == -1 ? NULL :
								      path;
}

/* Reads what the pattern matches, in the order of the names. */
static int
include_pattern(struct reading *r, const struct source *s, const char *pattern)
{
	bool plain = strpbrk(pattern, "*?[") == NULL;
	int rc = 0;
	size_t i;
	glob_t g;

	if (plain)
		return read_file(r, pattern, s);
	switch (glob(pattern, GLOB_ERR | GLOB_NOESCAPE, NULL, &g)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return 0;
	case GLOB_ABORTED:
		return cannot_read(r, s, pattern, strerror(errno));
	default:
		return cannot_read(r, s, pattern, "out of memory");
	}
	for (i = 0; i < g.gl_pathc; i++)
		if (read_file(r, g.gl_pathv[i], s) == -1)
			rc = -1;
	globfree(&g);
	return rc;
}

static int
include(struct reading *r, const struct source *s, const char *name)
{
	char *pattern;
	int rc;

	if (*name == '\0')
		return mistake(r, s, CONFIG_INCLUDE ": value missing");
	if ((pattern = resolve(s, name)) == NULL)
		return mistake(r, s, "out of memory");
	rc = include_pattern(r, s, pattern);
	free(pattern);
	return rc;
}

static int
read_line(struct reading *r, const struct source *s, char *line, size_t size)
{
	char what[CONFIG_ERROR_SIZE];
	char *name;

	if (strlen(line) != size)
		return mistake(r, s, "has a NUL byte");
	if ((name = find_include(line)) != NULL)
		return include(r, s, name);
	return config_line(r->config, line, what) == 0 ? 0 :
							 mistake(r, s, what);
}

/* Goes on after a mistake, so that all mistakes are reported at once. */
static int
read_lines(struct reading *r, FILE *file, struct source *s)
{
	char *line;
	size_t size;
	int rc = 0;

	while ((line = fparseln(file, &size, &s->line, NULL, 0)) != NULL) {
		if (read_line(r, s, line, size) == -1)
			rc = -1;
		free(line);
	}
	/* Without memory for a line, fparseln(3) returns NULL as at the end. */
	if (!feof(file)) {
		rc = cannot_read(r, s->includer, s->path, "out of memory");
		errno = ENOMEM;
	}
	return rc;
}

static int
read_text(struct reading *r, struct buf *text, struct source *s)
{
	FILE *file;
	int rc;

	if (buf_size(text) == 0)
		return 0;
	file = fmemopen(buf_data(text), buf_size(text), "r");
	if (file == NULL)
		return cannot_read(r, s->includer, s->path, strerror(errno));
	rc = read_lines(r, file, s);
	(void)fclose(file);
	return rc;
}

/* Reads all of a file.  Returns NULL, or why that is not possible, with
 * errno. */
static const char *
load(struct reading *r, int fd, struct buf *text)
{
	uint8_t *to;
	ssize_t n;

	for (;;) {
		if ((to = buf_reserve(text, READ_SIZE)) == NULL) {
			errno = ENOMEM;
			return "out of memory";
		}
		n = read(fd, to, READ_SIZE);
		if (n == 0)
			return NULL;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return strerror(errno);
		if ((size_t)n > r->left) {
			errno = EFBIG;
			return "the configuration is larger than 1M";
		}
		r->left -= (size_t)n;
		buf_commit(text, (size_t)n);
	}
}

/* Returns why this file is not read, or NULL. */
static const char *
refuse(const struct source *s, const struct stat *st, bool again)
{
	const struct source *other = s->includer;
	int depth = 0;

	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (again && !S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode))
		return "is not a regular file: it cannot be read again";
	for (; other != NULL; other = other->includer, depth++)
		if (other->dev == st->st_dev && other->ino == st->st_ino)
			return "includes itself";
	return depth > CONFIG_INCLUDES_MAX ? "is included too deep" : NULL;
}

static int
read_file(struct reading *r, const char *path, const struct source *includer)
{
	struct source s = { .path = path, .includer = includer };
	const char *why = NULL;
	struct buf text;
	struct stat st;
	int fd, rc, saved;

	buf_init(&text);
	/* Without O_NONBLOCK, open(2) of a FIFO would wait for a writer. */
	fd = open(path,
	    O_RDONLY | O_CLOEXEC | O_NOCTTY | (r->again ? O_NONBLOCK : 0));
	if (fd == -1 || fstat(fd, &st) == -1)
		why = strerror(errno);
	else if ((why = refuse(&s, &st, r->again)) == NULL)
		why = load(r, fd, &text);
	saved = errno;
	if (fd != -1)
		(void)close(fd);
	errno = saved;
	if (why != NULL)
		rc = cannot_read(r, includer, path, why);
	else {
		s.dev = st.st_dev;
		s.ino = st.st_ino;
		rc = read_text(r, &text, &s);
	}
	buf_clear(&text);
	return rc;
}

int
config_file(struct config *c, const char *path, bool again, struct buf *errors)
{
	struct reading r = { c, again, CONFIG_FILES_MAX, errors };

	return read_file(&r, path, NULL);
}
