/*
 * config_file: reads the administrator's file.  Runs in the master.  The file
 * is trusted, but it may have mistakes.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/config_value.h"

/* How much of a file's name a message has, so that the mistake fits, too. */
#define NAME_MAX_SHOWN 250

/* Goes on after a mistake, so that all mistakes are reported at once. */
static int
read_lines(struct config *c, FILE *file, const char *path, struct buf *errors)
{
	char what[CONFIG_ERROR_SIZE], *line;
	size_t number = 0, size;
	int rc = 0;

	while ((line = fparseln(file, &size, &number, NULL, 0)) != NULL) {
		what[0] = '\0';
		if (strlen(line) != size)
			(void)config_error(what, "has a NUL byte");
		else
			(void)config_line(c, line, what);
		free(line);
		if (what[0] != '\0')
			rc = config_mistake(errors, "%.*s: line %zu: %.200s",
			    NAME_MAX_SHOWN, path, number, what);
	}
	if (ferror(file))
		rc = config_mistake(errors, "%.*s: %s", NAME_MAX_SHOWN, path,
		    strerror(errno));
	return rc;
}

/* Returns why this file is not read, or NULL. */
static const char *
refuse(const struct stat *st, bool again)
{
	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (again && !S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode))
		return "is not a regular file: it cannot be read again";
	return NULL;
}

int
config_file(struct config *c, const char *path, bool again, struct buf *errors)
{
	const char *why = NULL;
	struct stat st;
	FILE *file;
	int fd, rc;

	/* Without O_NONBLOCK, open(2) of a FIFO would wait for a writer. */
	fd = open(path,
	    O_RDONLY | O_CLOEXEC | O_NOCTTY | (again ? O_NONBLOCK : 0));
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    (why = refuse(&st, again)) != NULL ||
	    (file = fdopen(fd, "r")) == NULL) {
		rc = config_mistake(errors, "%.*s: %s", NAME_MAX_SHOWN, path,
		    why != NULL ? why : strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return rc;
	}
	rc = read_lines(c, file, path, errors);
	(void)fclose(file);
	return rc;
}
