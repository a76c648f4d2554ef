/*
 * memory: makes and maps the area's memory.  The master makes it; the registry
 * and the acceptor map it.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "area/area.h"
#include "area/memory.h"

static int
make(const char *name, size_t size)
{
	static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd, saved;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static int
open_to_read(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int
area_memory_make(struct area_memory *m, size_t size)
{
	struct area_layout l = area_layout(size);
	int saved;

	*m = area_memory_none;
	if (!AREA_CAN_SHARE) {
		errno = ENOTSUP;
		return -1;
	}
	if ((m->write_fd = make("kvd-cache", size)) != -1 &&
	    (m->read_fd = open_to_read(m->write_fd)) != -1 &&
	    (m->hot_fd = make("kvd-hot", l.n_sets)) != -1 &&
	    /* Who writes to a page for which there is no memory is killed. */
	    fallocate(m->hot_fd, 0, 0, (off_t)l.n_sets) == 0 &&
	    fchmod(m->write_fd, 0) == 0 && fchmod(m->hot_fd, 0) == 0)
		return 0;
	saved = errno;
	area_memory_close(m);
	errno = saved;
	return -1;
}

static void
close_fd(int fd)
{
	if (fd != -1)
		(void)close(fd);
}

void
area_memory_close(struct area_memory *m)
{
	close_fd(m->write_fd);
	close_fd(m->read_fd);
	close_fd(m->hot_fd);
	*m = area_memory_none;
}

/* Takes more addresses than it needs, and gives back those at both ends. */
static void *
map_aligned(int fd, int protection, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t whole = (size + page - 1) / page * page;
	size_t before, behind;
	uint8_t *start = mmap(NULL, whole + AREA_LARGE_PAGE, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *memory;

	if (start == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)start & (AREA_LARGE_PAGE - 1);
	behind = AREA_LARGE_PAGE - before;
	memory = mmap(start + before, size, protection, MAP_SHARED | MAP_FIXED,
	    fd, 0);
	if (memory == MAP_FAILED) {
		(void)munmap(start, whole + AREA_LARGE_PAGE);
		return NULL;
	}
	if (before > 0)
		(void)munmap(start, before);
	(void)munmap(start + before + whole, behind);
	return memory;
}

void *
area_memory_map(int fd, int protection, size_t least, size_t *size)
{
	struct stat st;
	void *memory;

	if (fstat(fd, &st) == -1)
		return NULL;
	*size = (size_t)st.st_size;
	if (*size < least) {
		errno = EINVAL;
		return NULL;
	}
	if ((memory = map_aligned(fd, protection, *size)) == NULL)
		return NULL;
	/* What clients have stored has no place in the core of a worker. */
	(void)madvise(memory, *size, MADV_DONTDUMP);
	return memory;
}
