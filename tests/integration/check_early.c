/*
 * check_early: signals for a kvd that has not started yet.  The test holds the
 * lock on the data directory, for which the checkpointer waits, so that kvd stays
 * in this state.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"

static struct server *server;
static int lock_fd;

static void
setup(void)
{
	server = server_new();
	lock_fd = -1;
}

static void
lock_data(void)
{
	const char *path = launch_path(server, "data");

	ck_assert_int_eq(mkdir(path, 0700), 0);
	lock_fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ne(lock_fd, -1);
	ck_assert_int_eq(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
}

static void
unlock_data(void)
{
	ck_assert_int_eq(close(lock_fd), 0);
}

/*
 * Waits until the master supervises its processes and the checkpointer, which
 * is to make the store, waits for the lock.
 */
static void
await_checkpointer(void)
{
	(void)server_pid(server, "checkpointer");
}

static void
expect_end(int want)
{
	int status = server_await_end(server, WAIT_MS);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == want,
	    "wait status %#x, not exit status %d", (unsigned int)status, want);
	/* The checkpointer has not given up waiting for the lock. */
	ck_assert_uint_eq(server_log_count(server, "in use by another"), 0);
	ck_assert_uint_eq(server_log_count(server, "died of"), 0);
	server_expect_clean(server);
	server_free(server);
}

/* kvd uses what the configuration file says when the signal comes. */
TEST(test_hang_up)
{
	lock_data();
	server_file(server, "listen unix %s/first\n", server->dir);
	server_spawn(server);
	await_checkpointer();
	server_file(server, "listen unix %s/sock\n", server->dir);
	signal_process(server->pid, SIGHUP);
	signal_process(server->pid, SIGHUP);
	unlock_data();
	server_await_log(server, "the configuration was read again", 1);
	launch_await(server);
	ck_assert(!launch_exists(server, "first"));
	server_stop(server);
}

static const int stop_signals[] = { SIGTERM, SIGINT };

TEST(test_stop)
{
	lock_data();
	launch_listen(server);
	server_spawn(server);
	await_checkpointer();
	signal_process(server->pid, stop_signals[_i]);
	expect_end(EX_TEMPFAIL);
	unlock_data();
}

/*
 * These signals are pending before the first instruction of kvd, as if they
 * came in its first millisecond.
 */

static void
raise_blocked(const struct server *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, s->how);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 || raise(s->how) != 0)
		_exit(126);
}

TEST(test_pending_hang_up)
{
	launch_listen(server);
	server->before_exec = raise_blocked;
	server->how = SIGHUP;
	server_spawn(server);
	server_await_log(server, "the configuration was read again", 1);
	launch_await(server);
	server_stop(server);
}

TEST(test_pending_stop)
{
	launch_listen(server);
	server->before_exec = raise_blocked;
	server->how = stop_signals[_i];
	server_spawn(server);
	expect_end(EX_TEMPFAIL);
}

/* The command that waits for its daemon to start */

TEST(test_command_stop)
{
	pid_t command;

	lock_data();
	launch_listen(server);
	command = launch_command(server);
	launch_adopt(server);
	await_checkpointer();
	signal_process(command, stop_signals[_i]);
	ck_assert_int_eq(launch_await_command(command), EX_TEMPFAIL);
	/*
	 * The command was the parent of kvd, so no other process can be waited
	 * for.
	 */
	ck_assert_int_eq(server_await_end(server, WAIT_MS), -1);
	server_expect_clean(server);
	server_free(server);
	unlock_data();
}

/* The command is signalled at once, when the daemon may not exist yet. */
TEST(test_command_stop_at_once)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t command;
	int status;

	launch_listen(server);
	server->before_exec = raise_blocked;
	server->how = stop_signals[_i];
	command = launch_command(server);
	status = launch_await_command(command);
	/*
	 * The command passes the signal on, and the daemon may have started by
	 * then.
	 */
	ck_assert(status == EX_TEMPFAIL || status == EX_OK);
	while (launch_exists(server, "run/kvd.pid"))
		pause_until(deadline_ms, "the daemon does not end");
	server_expect_clean(server);
	server_free(server);
}

TEST(test_command_hang_up)
{
	pid_t command;

	lock_data();
	server_file(server, "listen unix %s/first\n", server->dir);
	command = launch_command(server);
	launch_adopt(server);
	await_checkpointer();
	server_file(server, "listen unix %s/sock\n", server->dir);
	signal_process(command, SIGHUP);
	unlock_data();
	ck_assert_int_eq(launch_await_command(command), EX_OK);
	launch_await(server);
	server_stop(server);
}

/* The daemon starts although the command was killed. */
TEST(test_command_killed)
{
	pid_t command;

	lock_data();
	launch_listen(server);
	command = launch_command(server);
	launch_adopt(server);
	await_checkpointer();
	signal_process(command, SIGKILL);
	ck_assert_int_eq(launch_await_command(command), 128 + SIGKILL);
	unlock_data();
	launch_await(server);
	server_stop(server);
}

/* The checkpointer crashes before there is a store */

static void
crash_checkpointer(void)
{
	signal_process(server_pid(server, "checkpointer"), SIGSEGV);
}

/* It is not the store that is at fault. */
static void
crash_at_start(void)
{
	lock_data();
	launch_listen(server);
	server_spawn(server);
	crash_checkpointer();
	server_await_log(server,
	    "there is no store to look at: what has ended the process", 1);
}

TEST(test_crash)
{
	crash_at_start();
	unlock_data();
	launch_await(server);
	server_stop(server);
}

TEST(test_second_crash)
{
	int status;

	crash_at_start();
	crash_checkpointer();
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_SOFTWARE);
	server_expect_clean(server);
	server_free(server);
	unlock_data();
}

static const struct test tests[] = {
	CASE("signals", setup, NULL),
	ONCE(test_hang_up),
	EACH(test_stop, stop_signals),
	ONCE(test_pending_hang_up),
	EACH(test_pending_stop, stop_signals),
	CASE("command", setup, NULL),
	EACH(test_command_stop, stop_signals),
	EACH(test_command_stop_at_once, stop_signals),
	ONCE(test_command_hang_up),
	ONCE(test_command_killed),
	CASE("crash", setup, NULL),
	ONCE(test_crash),
	ONCE(test_second_crash),
};

SUITE("early", tests)
