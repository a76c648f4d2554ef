/*
 * scoreboard_file: makes and maps the scoreboard's memory.  The master makes
 * it.  Master and acceptors map all of it but the activities, and so does the
 * registry, which can only read it, but for the page of its own counters.  A
 * worker maps one activity.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "common/scoreboard_file.h"
#include "common/scoreboard_lock.h"

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* In whole pages. */
static size_t
round_up(size_t size)
{
	return (size + page_size() - 1) / page_size() * page_size();
}

/* The two pages of counters, and those of the slots. */
static size_t
mapped_size(void)
{
	return 2 * page_size() + round_up(sizeof(struct slots));
}

off_t
scoreboard_activity_offset(uint32_t slot)
{
	return (
	    off_t)(mapped_size() + slot * round_up(sizeof(struct activity)));
}

/* Makes the file large enough for the activities of all slots, or for as many
 * as RLIMIT_FSIZE allows: without one, a worker is not counted in full, and a
 * crash report does not say what it did, and that is all. */
static int
set_size(int fd)
{
	struct rlimit limit;

	if (ftruncate(fd, scoreboard_activity_offset(SCOREBOARD_MAX)) == 0)
		return 0;
	if (errno != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) == -1)
		return -1;
	if (limit.rlim_cur < (rlim_t)scoreboard_activity_offset(0)) {
		errno = EFBIG;
		return -1;
	}
	return ftruncate(fd, (off_t)limit.rlim_cur);
}

static int
init_slots(int fd)
{
	struct scoreboard *board = scoreboard_open(fd);
	int rc;

	if (board == NULL)
		return -1;
	slots_init(board->slots);
	rc = scoreboard_lock_init(board->slots);
	scoreboard_close(board);
	if (rc == 0)
		return 0;
	errno = rc;
	return -1;
}

int
scoreboard_create(void)
{
	static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd, saved;

	fd = memfd_create("kvd-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	/* Sealed: no process can shorten the memory of the others.  By its mode,
	 * no other user can open it again through /proc. */
	if (fchmod(fd, 0600) == 0 && set_size(fd) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0 && init_slots(fd) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static struct scoreboard *
map(int fd, int protection)
{
	struct scoreboard *board;
	struct stat st;
	void *memory;

	if (fstat(fd, &st) == -1 || (board = calloc(1, sizeof(*board))) == NULL)
		return NULL;
	memory = mmap(NULL, mapped_size(), protection, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		free(board);
		return NULL;
	}
	board->shared = memory;
	board->registry = (void *)((char *)memory + page_size());
	board->slots = (void *)((char *)memory + 2 * page_size());
	board->fd = fd;
	board->size = st.st_size;
	if (madvise(memory, mapped_size(), MADV_DONTFORK) == -1) {
		scoreboard_close(board);
		return NULL;
	}
	return board;
}

struct scoreboard *
scoreboard_open(int fd)
{
	return map(fd, PROT_READ | PROT_WRITE);
}

struct scoreboard *
scoreboard_open_to_read(int fd)
{
	return map(fd, PROT_READ);
}

void
scoreboard_close(struct scoreboard *board)
{
	(void)munmap(board->shared, mapped_size());
	free(board);
}

static void
count(struct scoreboard *board, size_t counter)
{
	(void)__atomic_fetch_add(&board->shared[counter - COUNTER_SHARED], 1,
	    __ATOMIC_RELAXED);
}

void
scoreboard_count_refused(struct scoreboard *board, enum refuse_reason why)
{
	count(board, COUNTER_REFUSED + why);
}

void
scoreboard_count_restart(struct scoreboard *board, enum counted_process which)
{
	count(board, COUNTER_RESTARTS + which);
}

uint64_t
scoreboard_refused(const struct scoreboard *board)
{
	const uint64_t *refused =
	    &board->shared[COUNTER_REFUSED - COUNTER_SHARED];
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < REFUSE_REASONS; i++)
		sum += __atomic_load_n(&refused[i], __ATOMIC_RELAXED);
	return sum;
}

uint64_t *
scoreboard_map_registry(int fd)
{
	void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, (off_t)page_size());

	return page == MAP_FAILED ? NULL : page;
}

struct activity *
scoreboard_map_activity(const struct scoreboard *board, uint32_t slot)
{
	void *activity;

	/* Touching memory behind the end of a file raises SIGBUS. */
	if (board->size < scoreboard_activity_offset(slot + 1))
		return NULL;
	activity = mmap(NULL, sizeof(struct activity), PROT_READ | PROT_WRITE,
	    MAP_SHARED, board->fd, scoreboard_activity_offset(slot));
	return activity == MAP_FAILED ? NULL : activity;
}

void
scoreboard_read_activity(const struct scoreboard *board, uint32_t slot,
    struct activity *a)
{
	if (pread(board->fd, a, sizeof(*a), scoreboard_activity_offset(slot)) !=
	    sizeof(*a))
		memset(a, 0, sizeof(*a));
}
