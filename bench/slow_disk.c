/*
 * bench/slow-disk.so: a slow disk, preloaded into a server and its children.
 * A sync takes some time, and what has been written since the one before takes
 * time by its size.
 *
 *	SLOW_DISK	a file of 8 bytes: the disk, which the processes share
 *	SLOW_DISK_MS	milliseconds for a sync
 *	SLOW_DISK_BYTES	written in a second
 *
 * Writes go on at once and are paid for by the sync of their descriptor, but
 * those to a descriptor with O_DSYNC wait themselves.  A process waits for one
 * piece after the other, so that others have a turn between them.
 */

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define FDS 1024
#define PIECE_NS INT64_C(10000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* Global, since system calls have no argument for it. */
static struct {
	_Atomic int64_t *free_ns; /* when the disk will have nothing to do */
	int64_t sync_ns, bytes; /* of a sync; a second */
	atomic_llong unsynced[FDS]; /* bytes, of each descriptor */
} disk;

#define REAL(name, type)                                \
	static __typeof__(type) *real;                  \
	void *symbol;                                   \
                                                        \
	if (real == NULL) {                             \
		symbol = dlsym(RTLD_NEXT, name);        \
		memcpy(&real, &symbol, sizeof(symbol)); \
	}

static int64_t
setting(const char *name)
{
	const char *text = getenv(name);

	if (text == NULL || atoll(text) <= 0)
		errx(EX_USAGE, "slow-disk: %s is not set", name);
	return atoll(text);
}

__attribute__((constructor)) static void
set_up(void)
{
	const char *path = getenv("SLOW_DISK");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	disk.sync_ns = setting("SLOW_DISK_MS") * NS_PER_MS;
	disk.bytes = setting("SLOW_DISK_BYTES");
	if (fd == -1 ||
	    (disk.free_ns = mmap(NULL, sizeof(*disk.free_ns),
		 PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED)
		err(EX_USAGE, "slow-disk: SLOW_DISK");
	(void)close(fd);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail on Linux */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Waits for a piece of work, behind what others have begun. */
static void
wait_for_piece(int64_t ns)
{
	int64_t now = now_ns(), free_ns = atomic_load(disk.free_ns), end;
	struct timespec ts;

	do
		end = (free_ns > now ? free_ns : now) + ns;
	while (!atomic_compare_exchange_weak(disk.free_ns, &free_ns, end));
	ts.tv_sec = end / NS_PER_S;
	ts.tv_nsec = end % NS_PER_S;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		;
}

static void
wait_for_disk(int64_t bytes)
{
	int64_t ns = disk.sync_ns + bytes * NS_PER_S / disk.bytes;

	for (; ns > PIECE_NS; ns -= PIECE_NS)
		wait_for_piece(PIECE_NS);
	wait_for_piece(ns);
}

static void
note_sync(int fd)
{
	if (fd >= 0 && fd < FDS)
		wait_for_disk(atomic_exchange(&disk.unsynced[fd], 0));
}

static void
note_write(int fd, ssize_t n)
{
	struct stat st;

	if (n <= 0 || fd < 0 || fd >= FDS || fstat(fd, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return;
	if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		wait_for_disk(n);
	else
		atomic_fetch_add(&disk.unsynced[fd], n);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
	REAL("pwrite", ssize_t(int, const void *, size_t, off_t))
	ssize_t n = real(fd, data, size, at);

	note_write(fd, n);
	return n;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	REAL("pwritev", ssize_t(int, const struct iovec *, int, off_t))
	ssize_t n = real(fd, iov, count, at);

	note_write(fd, n);
	return n;
}

ssize_t
write(int fd, const void *data, size_t size)
{
	REAL("write", ssize_t(int, const void *, size_t))
	ssize_t n = real(fd, data, size);

	note_write(fd, n);
	return n;
}

ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	REAL("writev", ssize_t(int, const struct iovec *, int))
	ssize_t n = real(fd, iov, count);

	note_write(fd, n);
	return n;
}

int
fsync(int fd)
{
	REAL("fsync", int(int))

	note_sync(fd);
	return real(fd);
}

int
fdatasync(int fd)
{
	REAL("fdatasync", int(int))

	note_sync(fd);
	return real(fd);
}

int
msync(void *at, size_t size, int flags)
{
	REAL("msync", int(void *, size_t, int))

	if ((flags & MS_SYNC) != 0)
		wait_for_disk((int64_t)size);
	return real(at, size, flags);
}
