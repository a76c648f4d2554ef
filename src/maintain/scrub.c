/*
 * scrub: see scrub.h.  Runs in kvd-maintain, which the master starts.
 */

#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/scrub.h"
#include "maintain/maintain.h"
#include "maintain/maintain_confine.h"
#include "maintain/pace.h"
#include "maintain/scrub.h"
#include "store/store_verify.h"

#define FILE_NAME "scrubbed"
#define FILE_NEW "scrubbed.new"
/* Both numbers. */
#define TEXT_SIZE 64

/* ioprio_set(2), which the C library does not have. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

struct scrub {
	struct pace pace;
	uint64_t bytes; /* that the pace knows of */
	uint64_t lines;
	char text[(SCRUB_LINES_MAX - 1) * SCRUB_LINE_SIZE]; /* what was found */
	size_t size;
};

/* The result comes first: it must not be lost when a pipe is small. */
static void
say(const char *text)
{
	(void)fputs(text, stdout);
	(void)fflush(stdout);
}

static int
fail(const char *what, const char *why)
{
	/* A path may be longer than the line. */
	int max = why == NULL ? SCRUB_LINE_SIZE - 2 : SCRUB_LINE_SIZE / 2 - 2;
	char line[SCRUB_LINE_SIZE];

	(void)snprintf(line, sizeof(line), "%.*s%s%.*s\n", max, what,
	    why == NULL ? "" : ": ", max, why == NULL ? "" : why);
	say(line);
	return SCRUB_FAILED;
}

static void
found(void *arg, const char *line)
{
	struct scrub *s = arg;

	if (s->lines++ < SCRUB_LINES_MAX - 1)
		s->size += (size_t)snprintf(s->text + s->size,
		    sizeof(s->text) - s->size, "%.*s\n", SCRUB_LINE_SIZE - 2,
		    line);
}

static bool
go_on(void *arg, uint64_t entries, uint64_t bytes)
{
	struct scrub *s = arg;

	pace_wait(&s->pace, bytes - s->bytes);
	s->bytes = bytes;
	return pace_go_on(&s->pace, entries, 0);
}

static void
format_end(char text[TEXT_SIZE], int64_t ended_s, uint64_t n)
{
	(void)snprintf(text, TEXT_SIZE, "%" PRId64 " %" PRIu64 "\n", ended_s,
	    n);
}

/* Replaces the file, so that it is whole whenever this is cut off. */
static int
note_end(const char *data, const char text[TEXT_SIZE])
{
	int dirfd, fd = -1, rc = -1;
	size_t size = strlen(text);

	dirfd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	fd = openat(dirfd, FILE_NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && write(fd, text, size) == (ssize_t)size &&
	    fsync(fd) == 0 && renameat(dirfd, FILE_NEW, dirfd, FILE_NAME) == 0)
		rc = fsync(dirfd);
	if (fd != -1)
		(void)close(fd);
	(void)close(dirfd);
	return rc;
}

static void
run_in_background(void)
{
	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

static int
finish(const struct maintain_options *o, const struct scrub *s,
    const struct verify_result *v)
{
	char text[TEXT_SIZE];

	format_end(text, (int64_t)time(NULL), v->found);
	say(SCRUB_LAST);
	say(text);
	say(s->text);
	if (note_end(o->data, text) == -1)
		(void)fail(o->data, strerror(errno));
	return SCRUB_DONE;
}

int
maintain_scrub(const struct maintain_options *o)
{
	static struct scrub s;
	struct verify_options options = { .dir = o->data,
		.in_use = o->in_use,
		.found = found,
		.go_on = go_on,
		.arg = &s };
	struct verify_result v;
	enum store_result result;

	maintain_become_owner(o->data);
	run_in_background();
	maintain_confine(!o->no_sandbox, o->data);
	pace_init(&s.pace, "scrub", o->rate);
	result = store_verify(&options, &v);
	if (result == STORE_OK)
		return finish(o, &s, &v);
	(void)fail(v.error[0] == '\0' ? "interrupted" : v.error, NULL);
	return result == STORE_LOST || result == STORE_BEHIND ? SCRUB_LOST :
								SCRUB_FAILED;
}

int
maintain_scrubbed(const struct maintain_options *o)
{
	char path[PATH_MAX];
	uint64_t n;
	int64_t ended_s;
	FILE *file;
	int fd, got;

	maintain_become_owner(o->data);
	maintain_confine(!o->no_sandbox, o->data);
	(void)snprintf(path, sizeof(path), "%s/" FILE_NAME, o->data);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || (file = fdopen(fd, "r")) == NULL) {
		if (errno != ENOENT)
			return fail(path, strerror(errno));
		say(SCRUB_NONE "\n");
		return SCRUB_DONE;
	}
	got = fscanf(file, "%" SCNd64 " %" SCNu64, &ended_s, &n);
	(void)fclose(file);
	/* A scrub writes it anew. */
	if (got != 2)
		say(SCRUB_NONE "\n");
	else
		(void)printf(SCRUB_LAST "%" PRId64 " %" PRIu64 "\n", ended_s,
		    n);
	(void)fflush(stdout);
	return SCRUB_DONE;
}
