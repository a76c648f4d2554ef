/*
 * backup_file: see backup_file.h.  Runs in kvd-maintain.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maintain/backup_file.h"

/* At once, so that a limit of the rate is even. */
#define WRITE_MAX ((size_t)64 << 10)

static int
fail(struct backup_file *f, const char *error)
{
	f->error = error;
	return -1;
}

static int
check_name(struct backup_file *f)
{
	struct stat st;

	if (lstat(f->path, &st) == -1)
		return errno == ENOENT ? 0 : fail(f, "cannot be looked at");
	errno = 0;
	if (!f->replace)
		return fail(f, "exists already: use another name, or -f");
	return S_ISREG(st.st_mode) ? 0 : fail(f, "is not a regular file");
}

static int
find_directory(struct backup_file *f)
{
	const char *slash = strrchr(f->path, '/');
	size_t size = slash == NULL ? 0 : (size_t)(slash - f->path) + 1;

	errno = ENAMETOOLONG;
	if (size >= sizeof(f->dir))
		return fail(f, "cannot be made");
	memcpy(f->dir, f->path, size);
	(void)strcpy(f->dir + size, size == 0 ? "." : "");
	return 0;
}

static int
check_directory(struct backup_file *f, const char *data)
{
	struct stat a, b;

	if (stat(f->dir, &a) == -1 || stat(data, &b) == -1 ||
	    a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return 0;
	errno = 0;
	return fail(f, "is in the data directory: use another one");
}

static void
make_temporary(struct backup_file *f)
{
	(void)snprintf(f->temporary, sizeof(f->temporary),
	    "%s/.kvd-backup.XXXXXX", f->dir);
}

/* A file without a name is gone with the process; not all file systems have
 * them. */
static int
open_unnamed(struct backup_file *f)
{
	f->fd = open(f->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (f->fd != -1)
		return 0;
	make_temporary(f);
	f->fd = mkostemp(f->temporary, O_CLOEXEC);
	if (f->fd != -1)
		return 0;
	f->temporary[0] = '\0';
	return fail(f, "cannot be made");
}

int
backup_file_open(struct backup_file *f, const char *path, const char *data,
    bool replace)
{
	*f = (struct backup_file){ .fd = -1, .replace = replace };
	if (strcmp(path, "-") == 0) {
		f->fd = STDOUT_FILENO;
		return 0;
	}
	f->path = path;
	if (check_name(f) == -1 || find_directory(f) == -1 ||
	    check_directory(f, data) == -1)
		return -1;
	return open_unnamed(f);
}

ssize_t
backup_file_write(const struct backup_file *f, const void *data, size_t size)
{
	ssize_t n = write(f->fd, data, size < WRITE_MAX ? size : WRITE_MAX);

	return n == -1 && errno == EINTR ? 0 : n;
}

/* Gives a file without a name this one. */
static int
link_unnamed(const struct backup_file *f, const char *name)
{
	char own[64];

	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", f->fd);
	return linkat(AT_FDCWD, own, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static int
name_file(struct backup_file *f)
{
	int fd;

	if (!f->replace)
		return f->temporary[0] == '\0' ? link_unnamed(f, f->path) :
						 link(f->temporary, f->path);
	if (f->temporary[0] == '\0') {
		/* A name that nobody has. */
		make_temporary(f);
		if ((fd = mkostemp(f->temporary, O_CLOEXEC)) == -1)
			return -1;
		(void)close(fd);
		(void)unlink(f->temporary);
		if (link_unnamed(f, f->temporary) == -1)
			return -1;
	}
	if (rename(f->temporary, f->path) == -1)
		return -1;
	f->temporary[0] = '\0';
	return 0;
}

static int
sync_directory(const struct backup_file *f)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1)
		return -1;
	rc = fsync(fd);
	(void)close(fd);
	/* Some file systems sync no directories. */
	return rc == -1 && errno == EINVAL ? 0 : rc;
}

int
backup_file_finish(struct backup_file *f)
{
	if (f->path == NULL)
		return 0;
	if (fsync(f->fd) == -1)
		return fail(f, "cannot be made durable");
	if (name_file(f) == -1) {
		if (errno != EEXIST)
			return fail(f, "cannot be made");
		errno = 0;
		return fail(f, "exists already: use another name, or -f");
	}
	return sync_directory(f) == 0 ? 0 : fail(f, "cannot be made durable");
}

void
backup_file_close(struct backup_file *f)
{
	if (f->path == NULL)
		return;
	if (f->temporary[0] != '\0')
		(void)unlink(f->temporary);
	if (f->fd != -1)
		(void)close(f->fd);
	f->fd = -1;
}
