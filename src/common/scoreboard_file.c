/*
 * scoreboard_file: makes and maps the scoreboard's memory.  The master makes
 * it.  Master and acceptors map all of it but the texts, and so does the
 * registry, which can only read it.  A worker maps one text.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "common/scoreboard_file.h"
#include "common/scoreboard_lock.h"

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The counter's page, and the pages of the slots. */
static size_t
mapped_size(void)
{
	size_t page = page_size();

	return page + (sizeof(struct slots) + page - 1) / page * page;
}

off_t
scoreboard_text_offset(uint32_t slot)
{
	return (off_t)(mapped_size() + slot * page_size());
}

/* Makes the file large enough for the texts of all slots, or for as many as
 * RLIMIT_FSIZE allows: without a text, a crash report does not say what the
 * worker did, and that is all. */
static int
set_size(int fd)
{
	struct rlimit limit;

	if (ftruncate(fd, scoreboard_text_offset(SCOREBOARD_MAX)) == 0)
		return 0;
	if (errno != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) == -1)
		return -1;
	if (limit.rlim_cur < (rlim_t)scoreboard_text_offset(0)) {
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
	/* Sealed: no process can shorten the memory of the others. */
	if (set_size(fd) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0 &&
	    init_slots(fd) == 0)
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
	board->refused = memory;
	board->slots = (void *)((char *)memory + page_size());
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
	(void)munmap(board->refused, mapped_size());
	free(board);
}

void
scoreboard_count_refused(struct scoreboard *board)
{
	(void)__atomic_fetch_add(board->refused, 1, __ATOMIC_RELAXED);
}

uint64_t
scoreboard_refused(const struct scoreboard *board)
{
	return __atomic_load_n(board->refused, __ATOMIC_RELAXED);
}

char *
scoreboard_map_text(const struct scoreboard *board, uint32_t slot)
{
	char *text;

	/* Touching memory behind the end of a file raises SIGBUS. */
	if (board->size < scoreboard_text_offset(slot + 1))
		return NULL;
	text = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
	    board->fd, scoreboard_text_offset(slot));
	if (text == MAP_FAILED)
		return NULL;
	text[0] = '\0';
	return text;
}
