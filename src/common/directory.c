/*
 * directory: walks a path component by component.  Each component is opened
 * first and then examined by its descriptor, so that nobody can exchange it in
 * between.  Runs in the master and the registry, and trusts nothing that other
 * users could have put into the path.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/directory.h"

/* As many symbolic links as path_resolution(7) allows. */
#define LINKS_MAX 40
/* The directory is writable by its group or by others. */
#define SHARED (S_IWGRP | S_IWOTH)

struct walk {
	const char *path; /* as the caller gave it, for messages */
	uid_t owner; /* whose directory it has to be */
	int fd; /* the directory that has been reached (O_PATH) */
	char name[NAME_MAX + 1]; /* the component to look at next */
	char rest[PATH_MAX]; /* what follows it */
	unsigned int links; /* followed so far */
	bool made; /* create() has made the directory that was reached */
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int
fail(struct walk *w, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->error, w->error_size, format, args);
	va_end(args);
	errno = error;
	return -1;
}

/* Moves the next component from `rest` to `name`.  Returns 1, 0 when there is
 * none left, or -1 when it is too long. */
static int
next_name(struct walk *w)
{
	const char *start = w->rest + strspn(w->rest, "/");
	size_t size = strcspn(start, "/");

	if (size >= sizeof(w->name))
		return fail(w, ENAMETOOLONG, "name too long in path: %s",
		    w->path);
	memcpy(w->name, start, size);
	w->name[size] = '\0';
	start += size;
	memmove(w->rest, start, strlen(start) + 1);
	return size > 0;
}

static bool
is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/* Makes `fd` the directory that has been reached. */
static int
enter(struct walk *w, int fd)
{
	if (fd == -1)
		return fail(w, errno, "cannot open %s: %s%s%s", w->path,
		    w->name, w->name[0] == '\0' ? "" : ": ", strerror(errno));
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = fd;
	return 0;
}

static int
enter_root(struct walk *w)
{
	return enter(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Puts the target of a symbolic link in its place in the path.  Everybody who
 * may write to the directory of the link could replace it, so that directory
 * must not be shared. */
static int
follow(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	struct stat st;
	size_t rest = strlen(w->rest);
	ssize_t n;

	if (fstat(w->fd, &st) == -1)
		return fail(w, errno, "cannot look at %s: %s", w->path,
		    strerror(errno));
	if (st.st_mode & SHARED)
		return fail(w, EPERM,
		    "%s leads through the symbolic link %s, which is in a "
		    "directory that others may write to: use another path",
		    w->path, w->name);
	n = readlinkat(link_fd, "", target, sizeof(target));
	if (n == -1)
		return fail(w, errno,
		    "cannot read the symbolic link %s in %s: "
		    "%s",
		    w->name, w->path, strerror(errno));
	if (w->links++ == LINKS_MAX)
		return fail(w, ELOOP,
		    "%s leads through too many symbolic links", w->path);
	if ((size_t)n + rest >= sizeof(w->rest))
		return fail(w, ENAMETOOLONG,
		    "%s is too long with the symbolic "
		    "link %s in it",
		    w->path, w->name);
	memmove(w->rest + n, w->rest, rest + 1);
	memcpy(w->rest, target, (size_t)n);
	return target[0] == '/' ? enter_root(w) : 0;
}

/* Goes on at `name`, which exists and is not a directory. */
static int
step_over_link(struct walk *w)
{
	struct stat st;
	int fd, rc;

	fd = openat(w->fd, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		rc = fail(w, errno, "cannot open %s: %s: %s", w->path, w->name,
		    strerror(errno));
	else if (S_ISLNK(st.st_mode))
		rc = follow(w, fd);
	else
		rc = fail(w, ENOTDIR, "%s: %s is not a directory", w->path,
		    w->name);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

static int
step(struct walk *w)
{
	int fd;

	fd = openat(w->fd, w->name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && (errno == ENOTDIR || errno == ELOOP))
		return step_over_link(w);
	return enter(w, fd);
}

/*
 * Walks to the end of the path.  If this fails with ENOENT and is_last() is
 * true, only the last component is missing: `name` in the directory `fd`.
 */
static int
walk(struct walk *w, const char *path, uid_t owner, char *error,
    size_t error_size)
{
	int rc;

	*w = (struct walk){ .path = path,
		.owner = owner,
		.fd = -1,
		.error = error,
		.error_size = error_size };
	if (path[0] != '/')
		return fail(w, EINVAL, "%s is not an absolute path", path);
	if (strlen(path) >= sizeof(w->rest))
		return fail(w, ENAMETOOLONG, "path too long: %s", path);
	memcpy(w->rest, path, strlen(path) + 1);
	if ((rc = enter_root(w)) == -1)
		return rc;
	while ((rc = next_name(w)) == 1)
		if ((rc = step(w)) == -1)
			return rc;
	return rc;
}

/* Fails unless the directory that was reached belongs to the right user and
 * nobody else may write to it. */
static int
check_owner(struct walk *w)
{
	struct stat st;

	if (fstat(w->fd, &st) == -1)
		return fail(w, errno, "cannot look at %s: %s", w->path,
		    strerror(errno));
	if (st.st_uid != w->owner)
		return fail(w, EPERM,
		    "%s belongs to user %lu, not to user %lu, which kvd runs "
		    "as: %schown it, or use another directory",
		    w->path, (unsigned long)st.st_uid, (unsigned long)w->owner,
		    w->owner == 0 ? "start kvd as that user, or " : "");
	if (st.st_mode & SHARED)
		return fail(w, EPERM,
		    "%s can be written to by its group or by others: "
		    "chmod go-w it, or use another directory",
		    w->path);
	return 0;
}

/* Fails unless files can be made in the directory that was reached. */
static int
check_access(struct walk *w, const char *what)
{
	if (faccessat(w->fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return fail(w, errno, "cannot %s %s: %s", what, w->path,
	    strerror(errno));
}

/* Makes the directory.  If somebody else has made one in the meantime, its mode
 * is not changed. */
static int
create(struct walk *w, mode_t mode)
{
	mode_t old = umask(0);
	int fd;

	w->made = mkdirat(w->fd, w->name, mode) == 0;
	(void)umask(old);
	if (!w->made && errno != EEXIST)
		return fail(w, errno, "cannot create directory %s: %s", w->path,
		    strerror(errno));
	fd = openat(w->fd, w->name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (enter(w, fd) == -1 || check_owner(w) == -1)
		return -1;
	if (!w->made)
		return 0;
	/* A default ACL of the parent may have changed the mode.  fchmod(2)
	 * would refuse a descriptor that was opened with O_PATH. */
	if (fchmodat(w->fd, ".", mode, 0) == -1)
		return fail(w, errno, "cannot set the mode of %s: %s", w->path,
		    strerror(errno));
	return 0;
}

/* errno stays as it is. */
static void
remove_made(const struct walk *w, int parent)
{
	int error = errno;

	(void)unlinkat(parent, w->name, AT_REMOVEDIR);
	errno = error;
}

/* Makes the directory as root, and gives it away. */
static int
create_and_give(struct walk *w, mode_t mode, gid_t group)
{
	uid_t owner = w->owner;
	int rc;

	w->owner = 0;
	rc = create(w, mode);
	w->owner = owner;
	if (rc == 0 && fchownat(w->fd, "", owner, group, AT_EMPTY_PATH) == -1)
		rc = fail(w, errno, "cannot give %s to user %lu: %s", w->path,
		    (unsigned long)owner, strerror(errno));
	return rc;
}

/* A directory that root makes for another user.  Its parent has to be root's, or
 * somebody could put another directory in its place before it is opened.  One
 * that cannot be given away is removed, since the next start would refuse it. */
static int
create_for(struct walk *w, mode_t mode, gid_t group)
{
	struct stat st;
	int parent, rc;

	if (fstat(w->fd, &st) == -1)
		return fail(w, errno, "cannot look at the parent of %s: %s",
		    w->path, strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & SHARED) != 0)
		return fail(w, EPERM,
		    "%s does not exist, and others than root may write to its "
		    "parent directory: make it, and chown it to user %lu",
		    w->path, (unsigned long)w->owner);
	if ((parent = fcntl(w->fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return fail(w, errno, "cannot create directory %s: %s", w->path,
		    strerror(errno));
	rc = create_and_give(w, mode, group);
	if (rc == -1 && w->made)
		remove_made(w, parent);
	(void)close(parent);
	return rc;
}

static int
open_reached(struct walk *w)
{
	int fd;

	if (check_owner(w) == -1)
		return -1;
	fd = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return fail(w, errno, "cannot open %s: %s", w->path,
		    strerror(errno));
	return fd;
}

static void
leave(struct walk *w)
{
	int error = errno;

	if (w->fd != -1)
		(void)close(w->fd);
	errno = error;
}

int
directory_open(const char *path, int mode, char *error, size_t error_size)
{
	struct walk w;
	int fd;

	fd = walk(&w, path, geteuid(), error, error_size);
	if (fd == -1 && errno == ENOENT && is_last(&w) && mode >= 0)
		fd = create(&w, (mode_t)mode);
	if (fd != -1)
		fd = open_reached(&w);
	leave(&w);
	return fd;
}

int
directory_check(const char *path, char *error, size_t error_size)
{
	struct walk w;
	int fd, rc;

	rc = walk(&w, path, geteuid(), error, error_size);
	if (rc == -1 && errno == ENOENT && is_last(&w)) {
		rc = check_access(&w, "create directory");
	} else if (rc == 0) {
		rc = fd = open_reached(&w);
		if (fd != -1) {
			(void)close(fd);
			rc = check_access(&w, "write to");
		}
	}
	leave(&w);
	return rc;
}

int
directory_provide(const char *path, mode_t mode, uid_t owner, gid_t group,
    char *error, size_t error_size)
{
	struct walk w;
	int rc;

	rc = walk(&w, path, owner, error, error_size);
	if (rc == -1 && errno == ENOENT && is_last(&w))
		rc = create_for(&w, mode, group);
	if (rc == 0)
		rc = check_owner(&w);
	leave(&w);
	return rc;
}
