/*
 * check_adopt: these tests check how the master adopts the workers of an
 * acceptor that has died (master/adopt).  The processes are real; only the
 * master's event loop is replaced by the test.
 */

#include "unit.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "master/adopt.h"

static const struct child_spec spec = { .name = "acceptor" };

static struct master master;
static struct config config; /* nothing is logged */
static int held[2]; /* A process that waits on this pipe ends with the test. */

static void
setup(void)
{
	int i;

	memset(&master, 0, sizeof(master));
	for (i = 0; i < CHILDREN; i++)
		master.children[i].spec = &spec;
	master.config = &config;
	master.scoreboard_fd = scoreboard_create();
	ck_assert_int_ne(master.scoreboard_fd, -1);
	master.scoreboard = scoreboard_open(master.scoreboard_fd);
	ck_assert_ptr_nonnull(master.scoreboard);
	ck_assert_int_eq(adopt_init(&master), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe(held), 0);
}

static void
teardown(void)
{
	adopt_clear(&master);
	scoreboard_close(master.scoreboard);
	(void)close(master.scoreboard_fd);
	(void)close(held[0]);
	(void)close(held[1]);
}

/* This runs in a child: it waits until it is told to end or the test is
 * over. */
__attribute__((noreturn)) static void
linger(void)
{
	char byte;

	(void)close(held[1]);
	(void)!read(held[0], &byte, 1);
	_exit(0);
}

/* This runs in the acceptor: it forks a worker that ends at once or stays. */
static pid_t
fork_worker(bool stays)
{
	pid_t pid = fork();

	if (pid == 0 && stays)
		linger();
	if (pid == 0)
		_exit(0);
	if (pid == -1)
		_exit(2);
	return pid;
}

static uint32_t
take(struct scoreboard *board)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	uint32_t slot;

	if (scoreboard_take(board, &addr, SCOREBOARD_MAX, 0, &slot) !=
	    SCOREBOARD_OK)
		_exit(3);
	return slot;
}

/* These functions are what an acceptor may do before it dies. */

/* One worker has ended and has been reaped; another one keeps running. */
static void
reap_but_not_release(struct scoreboard *board)
{
	uint32_t slot = take(board);
	pid_t pid = fork_worker(false);

	scoreboard_set_pid(board, slot, pid);
	if (waitpid(pid, NULL, 0) != pid)
		_exit(4);
	slot = take(board);
	scoreboard_set_pid(board, slot, fork_worker(true));
}

static void
fork_but_not_record(struct scoreboard *board)
{
	(void)take(board);
	(void)fork_worker(true);
}

static void
take_but_not_fork(struct scoreboard *board)
{
	(void)take(board);
}

/* This forks an acceptor, waits until it has died, and returns its pid. */
static pid_t
run_acceptor(void (*live)(struct scoreboard *))
{
	struct scoreboard *board;
	int status;
	pid_t pid;

	if ((pid = test_fork()) == 0) {
		if ((board = scoreboard_open(master.scoreboard_fd)) == NULL)
			_exit(1);
		(void)prctl(PR_SET_NAME, "kvd-acceptor");
		live(board);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return pid;
}

/* This returns the pid of the worker in the only slot, or 0 if the slot is
 * free. */
static pid_t
only_worker(void)
{
	uint32_t slot;
	pid_t pid = 0, other;

	slot = scoreboard_next(master.scoreboard, 0, SCOREBOARD_NONE, &pid);
	if (slot == SCOREBOARD_NONE)
		return 0;
	ck_assert_uint_eq(scoreboard_next(master.scoreboard, 0, slot, &other),
	    SCOREBOARD_NONE);
	return pid;
}

static void
expect_no_clients(void)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	uint32_t slot;

	ck_assert_int_eq(scoreboard_take(master.scoreboard, &addr, 1, 0, &slot),
	    SCOREBOARD_OK);
	scoreboard_release(master.scoreboard, slot, 0);
}

/* The worker ends, and this reaps it as the master does. */
static void
end_worker(pid_t pid)
{
	struct rusage use;
	int status;

	ck_assert(adopt_knows(&master, pid));
	ck_assert_int_eq(write(held[1], "", 1), 1);
	ck_assert_int_eq(wait4(pid, &status, 0, &use), pid);
	adopt_ended(&master, pid, status, &use);
	ck_assert(!adopt_knows(&master, pid));
}

/* If nobody can reap a worker any more, its slot would never be released. */
TEST(test_reaped)
{
	pid_t acceptor = run_acceptor(reap_but_not_release), worker;

	adopt_workers(&master, acceptor);
	worker = only_worker();
	ck_assert_int_ne(worker, 0);
	end_worker(worker);
	expect_no_clients();
}

TEST(test_orphan)
{
	pid_t acceptor = run_acceptor(fork_but_not_record), worker;

	adopt_workers(&master, acceptor);
	worker = only_worker();
	ck_assert_int_ne(worker, 0);
	end_worker(worker);
	expect_no_clients();
}

/* As long as nothing can be opened, nobody can tell whether there is a worker. */
TEST(test_orphan_found_later)
{
	pid_t acceptor = run_acceptor(fork_but_not_record), worker;
	struct rlimit limit, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	adopt_workers(&master, acceptor);
	ck_assert(adopt_run(&master, 0) != CLOCK_NEVER);
	ck_assert(adopt_run(&master, CLOCK_NEVER - 1) != CLOCK_NEVER);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(scoreboard_count(master.scoreboard), 1);
	ck_assert(adopt_run(&master, CLOCK_NEVER - 1) == CLOCK_NEVER);
	worker = only_worker();
	ck_assert_int_ne(worker, 0);
	end_worker(worker);
	expect_no_clients();
}

/* A child that was inherited from the program that started kvd is not the
 * worker. */
TEST(test_not_forked)
{
	pid_t acceptor, stranger;

	if ((stranger = test_fork()) == 0)
		linger();
	acceptor = run_acceptor(take_but_not_fork);
	adopt_workers(&master, acceptor);
	ck_assert(!adopt_knows(&master, stranger));
	ck_assert_int_eq(only_worker(), 0);
	expect_no_clients();
	ck_assert_int_eq(kill(stranger, SIGKILL), 0);
	ck_assert_int_eq(waitpid(stranger, NULL, 0), stranger);
}

/* An acceptor that was taken over has noted the pid of a process that is not a
 * worker: it is not adopted, so that it is never signalled. */
static void
note_a_stranger(struct scoreboard *board)
{
	scoreboard_set_pid(board, take(board), 1);
}

TEST(test_forged_pid)
{
	pid_t acceptor = run_acceptor(note_a_stranger);

	adopt_workers(&master, acceptor);
	ck_assert(!adopt_knows(&master, 1));
	expect_no_clients();
}

/* A process that only has the name of a worker is none. */
TEST(test_is_worker)
{
	pid_t parent, child;
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	if ((parent = test_fork()) == 0) {
		if ((child = fork()) == 0) {
			(void)prctl(PR_SET_NAME, "kvd-acceptor");
			child = getpid();
			(void)!write(pipes[1], &child, sizeof(child));
		}
		linger();
	}
	ck_assert_int_eq(read(pipes[0], &child, sizeof(child)), sizeof(child));
	ck_assert(!adopt_is_worker(&master, child));
	ck_assert(!adopt_is_worker(&master, parent));
	ck_assert(!adopt_is_worker(&master, 1));
	ck_assert(!adopt_is_worker(&master, 0));
	ck_assert(!adopt_is_worker(&master, -1));
	master.children[ACCEPTOR].pid = parent;
	ck_assert(adopt_is_worker(&master, child));
	/* When its parent has died it is a child of the master. */
	master.children[ACCEPTOR].pid = 0;
	ck_assert_int_eq(kill(parent, SIGKILL), 0);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	ck_assert(adopt_is_worker(&master, child));
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static const struct test tests[] = {
	CASE("adopt", setup, teardown),
	ONCE(test_reaped),
	ONCE(test_orphan),
	ONCE(test_orphan_found_later),
	ONCE(test_not_forked),
	ONCE(test_forged_pid),
	ONCE(test_is_worker),
};

SUITE("adopt", tests)
