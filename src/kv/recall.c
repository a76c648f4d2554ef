/*
 * recall: the history of libedit, and its file.
 */

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv/recall.h"
#include "kv/kv_status.h"

#define LINES 1000
/* A file with more lines is cut down to LINES. */
#define FILE_LINES 2000

/* The path of the file; NULL: there is none.  An empty KV_HISTORY means so. */
static char *
find_path(void)
{
	const char *path = getenv("KV_HISTORY"), *home = getenv("HOME");
	char *text = NULL;

	if (path == NULL && home != NULL && home[0] != '\0') {
		if (asprintf(&text, "%s/.kv_history", home) == -1)
			err(KV_FAILED, NULL);
	} else if (path != NULL && path[0] != '\0') {
		if ((text = strdup(path)) == NULL)
			err(KV_FAILED, NULL);
	}
	return text;
}

static History *
new_history(int lines)
{
	History *h = history_init();
	HistEvent event;

	if (h == NULL || history(h, &event, H_SETSIZE, lines) == -1)
		errx(KV_FAILED, "cannot set up line editing");
	return h;
}

/* Writes a shorter file and renames it, so that nothing is lost if that
 * fails. */
static void
shorten(struct recall *r)
{
	char path[PATH_MAX], *real = realpath(r->path, NULL);
	HistEvent event;

	if (real == NULL)
		return;
	snprintf(path, sizeof(path), "%s.%ld", real, (long)getpid());
	if (history(r->history, &event, H_SAVE, path) == -1 ||
	    rename(path, real) == -1) {
		warn("%s", path);
		(void)unlink(path);
	}
	free(real);
}

void
recall_open(struct recall *r)
{
	HistEvent event;

	r->history = new_history(LINES);
	r->path = find_path();
	if (r->path != NULL &&
	    history(r->history, &event, H_LOAD, r->path) > FILE_LINES)
		shorten(r);
}

/* Appends a line to the file. */
static bool
append(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "a");
	History *one = new_history(1);
	HistEvent event;
	bool good;

	/* libedit writes the header of a history file if it is at the start of
	 * the file. */
	good = file != NULL && fseek(file, 0, SEEK_END) == 0 &&
	    history(one, &event, H_ENTER, line) != -1 &&
	    history(one, &event, H_SAVE_FP, file) != -1;
	if (file != NULL)
		good = fclose(file) == 0 && good;
	history_end(one);
	return good;
}

void
recall_add(struct recall *r, const char *line)
{
	HistEvent event;

	/* Not the same line twice in a row. */
	if (history(r->history, &event, H_FIRST) != -1 &&
	    strcmp(event.str, line) == 0)
		return;
	(void)history(r->history, &event, H_ENTER, line);
	if (r->path == NULL || append(r->path, line))
		return;
	warn("%s: the history is not saved any more", r->path);
	free(r->path);
	r->path = NULL;
}

void
recall_close(struct recall *r)
{
	history_end(r->history);
	free(r->path);
}
