/*
 * config_file: the administrator's file.  Runs in the master; what is in the
 * file is to be trusted, not to be right.
 */

#include <sys/stat.h>

#include <errno.h>
#include <libutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/config_value.h"

/* As much of a file's name as leaves room for what is wrong in it. */
#define NAME_MAX_SHOWN 250

static int
read_lines(struct config *c, FILE *file, const char *path, char *error)
{
	char what[CONFIG_ERROR_SIZE], *line;
	size_t number = 0, size;
	int rc = 0;

	while (rc == 0 &&
	    (line = fparseln(file, &size, &number, NULL, 0)) != NULL) {
		if (strlen(line) == size)
			rc = config_line(c, line, what);
		else
			rc = config_error(what, "has a NUL byte");
		free(line);
	}
	if (rc == -1)
		return config_error(error, "%.*s: line %zu: %.200s",
		    NAME_MAX_SHOWN, path, number, what);
	if (ferror(file))
		return config_error(error, "%.*s: %s", NAME_MAX_SHOWN, path,
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
		rc = read_lines(c, file, path, error);
	(void)fclose(file);
	return rc;
}
