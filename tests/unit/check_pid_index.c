/*
 * check_pid_index: these tests check the mapping from a process id to a slot
 * (common/pid_index).
 */

#include "unit.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/pid_index.h"

static struct pid_index pids;

static void
setup(void)
{
	ck_assert_int_eq(pid_index_init(&pids), 0);
}

static void
teardown(void)
{
	pid_index_clear(&pids);
}

TEST(test_empty)
{
	ck_assert(pid_index_is_empty(&pids));
	ck_assert_uint_eq(pid_index_find(&pids, 1), SCOREBOARD_NONE);
	ck_assert_int_eq(pid_index_next(&pids, 0), 0);
}

TEST(test_one)
{
	pid_index_add(&pids, 1000, 7);
	ck_assert(!pid_index_is_empty(&pids));
	ck_assert_uint_eq(pid_index_find(&pids, 1000), 7);
	ck_assert_uint_eq(pid_index_find(&pids, 999), SCOREBOARD_NONE);
	ck_assert_uint_eq(pid_index_find(&pids, 1001), SCOREBOARD_NONE);
	ck_assert_int_eq(pid_index_next(&pids, 0), 1000);
	ck_assert_int_eq(pid_index_next(&pids, 999), 1000);
	ck_assert_int_eq(pid_index_next(&pids, 1000), 0);
	pid_index_remove(&pids, 7);
	ck_assert(pid_index_is_empty(&pids));
	ck_assert_uint_eq(pid_index_find(&pids, 1000), SCOREBOARD_NONE);
}

/* Other processes reuse slots, and pids return in other slots. */
TEST(test_again)
{
	pid_index_add(&pids, 10, 0);
	pid_index_remove(&pids, 0);
	pid_index_add(&pids, 11, 0);
	pid_index_add(&pids, 10, SCOREBOARD_MAX - 1);
	ck_assert_uint_eq(pid_index_find(&pids, 11), 0);
	ck_assert_uint_eq(pid_index_find(&pids, 10), SCOREBOARD_MAX - 1);
	pid_index_remove(&pids, 0);
	ck_assert_uint_eq(pid_index_find(&pids, 11), SCOREBOARD_NONE);
	ck_assert_uint_eq(pid_index_find(&pids, 10), SCOREBOARD_MAX - 1);
}

/* Every slot has a pid, and the pids of neighbouring slots are far apart. */
static pid_t
pid_of(uint32_t slot)
{
	return (pid_t)((uint64_t)slot * 7919 % SCOREBOARD_MAX) + 1;
}

/* This counts how many of every step-th slot are found. */
static uint32_t
count_right(uint32_t first, uint32_t step)
{
	uint32_t slot, n = 0;

	for (slot = first; slot < SCOREBOARD_MAX; slot += step)
		n += pid_index_find(&pids, pid_of(slot)) == slot;
	return n;
}

TEST(test_full)
{
	pid_t pid, before = 0;
	uint32_t slot, n = 0;
	bool ascending = true;

	for (slot = 0; slot < SCOREBOARD_MAX; slot++)
		pid_index_add(&pids, pid_of(slot), slot);
	ck_assert_uint_eq(count_right(0, 1), SCOREBOARD_MAX);
	for (; (pid = pid_index_next(&pids, before)) != 0; before = pid) {
		ascending = ascending && pid > before;
		n++;
	}
	ck_assert(ascending);
	ck_assert_uint_eq(n, SCOREBOARD_MAX);
	for (slot = 0; slot < SCOREBOARD_MAX; slot += 2)
		pid_index_remove(&pids, slot);
	ck_assert_uint_eq(count_right(0, 2), 0);
	ck_assert_uint_eq(count_right(1, 2), SCOREBOARD_MAX / 2);
	for (slot = 1; slot < SCOREBOARD_MAX; slot += 2)
		pid_index_remove(&pids, slot);
	ck_assert(pid_index_is_empty(&pids));
}

/* This compares any order of additions and removals with a linear search. */
#define SLOTS 64
#define STEPS 20000

TEST(test_random)
{
	pid_t model[SLOTS] = { 0 }, pid;
	uint64_t state = 1;
	uint32_t slot;
	int i;

	for (i = 0; i < STEPS; i++) {
		slot = unit_random(&state) % SLOTS;
		pid = (pid_t)(unit_random(&state) % 500) + 1;
		if (model[slot] != 0) {
			pid_index_remove(&pids, slot);
			model[slot] = 0;
		} else if (pid_index_find(&pids, pid) == SCOREBOARD_NONE) {
			pid_index_add(&pids, pid, slot);
			model[slot] = pid;
		}
		slot = unit_random(&state) % SLOTS;
		if (model[slot] != 0)
			ck_assert_uint_eq(pid_index_find(&pids, model[slot]),
			    slot);
	}
}

/* A forked process does not inherit the index. */
TEST(test_not_forked)
{
	int status;
	pid_t pid;

	pid_index_add(&pids, 1000, 7);
	if ((pid = test_fork()) == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(pids.entries[7].pid == 1000 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	ck_assert_uint_eq(pid_index_find(&pids, 1000), 7);
}

TEST(test_clear_twice)
{
	pid_index_clear(&pids);
	ck_assert(pid_index_is_empty(&pids));
	pid_index_clear(&pids);
}

static const struct test tests[] = {
	CASE("index", setup, teardown),
	ONCE(test_empty),
	ONCE(test_one),
	ONCE(test_again),
	ONCE(test_full),
	ONCE(test_random),
	ONCE(test_not_forked),
	ONCE(test_clear_twice),
};

SUITE("pid_index", tests)
