/*
 * epoch: the word that says whether an area is valid.  Written by the registry;
 * the worker reads it.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "area/area.h"
#include "area/epoch.h"

static const char file_name[] = "epoch";

/* Gives the file its page.  On a full disk a write to a page of a mapping would
 * kill the process. */
static int
fill(int fd)
{
	static const uint8_t zeros[AREA_PAGE];

	return pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros) ? 0 : -1;
}

static void *
map(int fd, int protection)
{
	void *page = mmap(NULL, AREA_PAGE, protection, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* Returns -1, with this errno. */
static int
close_failed(int fd, int error)
{
	(void)close(fd);
	errno = error;
	return -1;
}

/* *is_new: nobody can have it yet.  So it is with a file that a power cut has
 * left without its page: readers do not map that. */
static int
open_file(int dirfd, bool *is_new)
{
	static const int flags =
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	int fd = openat(dirfd, file_name, flags);

	*is_new = fd == -1 && errno == ENOENT;
	if (*is_new)
		return openat(dirfd, file_name, flags | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return close_failed(fd, errno);
	if (!S_ISREG(st.st_mode))
		return close_failed(fd, EINVAL);
	*is_new = st.st_size < (off_t)AREA_PAGE;
	return fd;
}

/* The same file again, for reading only. */
static int
open_to_read(int dirfd, int fd)
{
	struct stat st, read_st;
	int read_fd = openat(dirfd, file_name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (read_fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || fstat(read_fd, &read_st) == -1)
		return close_failed(read_fd, errno);
	if (st.st_dev != read_st.st_dev || st.st_ino != read_st.st_ino)
		return close_failed(read_fd, ESTALE);
	return read_fd;
}

int
epoch_open(struct epoch *e, int dirfd)
{
	bool is_new;
	int fd = open_file(dirfd, &is_new), saved;

	*e = epoch_none;
	if (fd == -1)
		return is_new ? 0 : -1;
	if ((!is_new || fill(fd) == 0) &&
	    (e->read_fd = open_to_read(dirfd, fd)) != -1)
		e->word = map(fd, PROT_READ | PROT_WRITE);
	saved = errno;
	(void)close(fd);
	if (e->word != NULL)
		return 0;
	epoch_close_file(e);
	errno = saved;
	return is_new ? 0 : -1;
}

void
epoch_close_file(struct epoch *e)
{
	if (e->word != NULL)
		(void)munmap(e->word, AREA_PAGE);
	if (e->read_fd != -1)
		(void)close(e->read_fd);
	*e = epoch_none;
}

void
epoch_close(const struct epoch *e)
{
	uint64_t word;

	if (e->word == NULL)
		return;
	word = area_load(e->word, RELAXED);
	area_store(e->word, word | 1, SEQ_CST);
	/* Before any change that is made because it is closed. */
	area_fence(SEQ_CST);
}

uint64_t
epoch_next(const struct epoch *e, uint64_t other)
{
	uint64_t word = e->word == NULL ? 1 : area_load(e->word, RELAXED);

	/* Where the file was removed, readers may have another one. */
	return ((word > other ? word : other) | 1) + 1;
}

void
epoch_begin(const struct epoch *e, uint64_t number)
{
	if (e->word != NULL)
		area_store(e->word, number, RELEASE);
}

const uint64_t *
epoch_map(int read_fd)
{
	struct stat st;

	if (fstat(read_fd, &st) == -1)
		return NULL;
	errno = EINVAL;
	return st.st_size < (off_t)AREA_PAGE ? NULL : map(read_fd, PROT_READ);
}
