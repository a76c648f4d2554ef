/*
 * counters: these functions read what a kvd has counted.
 */

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "counters.h"
#include "fixture.h"
#include "proto/command.h"

/* The master's descriptors are those of the process that the test started. */
static int
open_scoreboard(pid_t pid)
{
	char dir[64], path[PATH_MAX], target[256];
	struct dirent *entry;
	ssize_t n;
	DIR *fds;
	int fd = -1;

	snprintf(dir, sizeof(dir), "/proc/%ld/fd", (long)pid);
	ck_assert_ptr_nonnull(fds = opendir(dir));
	while (fd == -1 && (entry = readdir(fds)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (strncmp(target, "/memfd:kvd-scoreboard", 21) == 0)
			fd = open(path, O_RDWR | O_CLOEXEC);
	}
	(void)closedir(fds);
	ck_assert_int_ne(fd, -1);
	return fd;
}

struct scoreboard *
counters_open(const struct server *s)
{
	struct scoreboard *board = scoreboard_open(open_scoreboard(s->pid));

	ck_assert_ptr_nonnull(board);
	return board;
}

uint64_t
counters_get(struct scoreboard *board, size_t first, size_t n)
{
	uint64_t values[COUNTERS], sum = 0;
	size_t i;

	scoreboard_sum(board, values);
	for (i = 0; i < n; i++)
		sum += values[first + i];
	return sum;
}

void
counters_await(struct scoreboard *board, size_t counter, uint64_t want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (counters_get(board, counter, 1) < want)
		pause_until(deadline_ms, "a counter");
	ck_assert_uint_eq(counters_get(board, counter, 1), want);
}

size_t
counters_command(const char *name)
{
	size_t i;

	for (i = 0; i < COUNTERS_COMMANDS; i++)
		if (command_counted(i) != NULL &&
		    strcmp(command_counted(i), name) == 0)
			return i;
	ck_abort_msg("no command %s", name);
}

uint64_t
counters_calls(struct scoreboard *board, const char *name)
{
	return counters_get(board,
	    COUNTER_COMMAND_TIME + counters_command(name) * COUNTERS_HISTOGRAM,
	    COUNTERS_BUCKETS);
}

void
counters_await_calls(struct scoreboard *board, const char *name, uint64_t want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (counters_calls(board, name) < want)
		pause_until(deadline_ms, "a command to be counted");
}

uint64_t
counters_errors(struct scoreboard *board, const char *name)
{
	return counters_get(board, COUNTER_ERRORS + counters_command(name), 1);
}

uint64_t
counters_expect_balance(struct scoreboard *board)
{
	uint64_t values[COUNTERS], closed = 0;
	size_t i;

	scoreboard_sum(board, values);
	for (i = 0; i < CLOSE_REASONS; i++)
		closed += values[COUNTER_CLOSED + i];
	ck_assert_uint_eq(values[COUNTER_ACCEPTED],
	    values[COUNTER_CURRENT] + closed);
	return values[COUNTER_ACCEPTED];
}
