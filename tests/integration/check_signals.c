/*
 * check_signals: kvd started by a parent that has left signals ignored or
 * blocked, timers running, and cause for signals that kill.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"

static struct server *server;

static void
setup(void)
{
	server = server_new();
	launch_listen(server);
}

/* Ignored and blocked signals */

#define IGNORE 1
#define BLOCK 2
#define WAYS_TO_DEAFEN 4

static void
deafen(const struct server *s)
{
	sigset_t all;
	int signo;

	for (signo = 1; signo < NSIG && s->how & IGNORE; signo++)
		(void)signal(signo, SIG_IGN);
	sigfillset(&all);
	if (s->how & BLOCK)
		(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Reads the masks of blocked, ignored and caught signals, from proc(5). */
static void
read_signals(pid_t pid, char text[256])
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	text[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "SigBlk", 6) == 0 ||
		    strncmp(line, "SigIgn", 6) == 0 ||
		    strncmp(line, "SigCgt", 6) == 0)
			(void)strlcat(text, line, 256);
	(void)fclose(file);
}

#define PROCESSES 4

static void
read_all_signals(const struct server *s, char texts[PROCESSES][256])
{
	pid_t worker;
	int fd = launch_client_of(s, &worker);

	read_signals(s->pid, texts[0]);
	read_signals(server_pid(s, "registry"), texts[1]);
	read_signals(server_pid(s, "acceptor"), texts[2]);
	read_signals(worker, texts[3]);
	(void)close(fd);
}

/* In each process the signals are as they are under an orderly parent. */
TEST(test_signals_restored)
{
	char want[PROCESSES][256], got[PROCESSES][256];
	struct server *plain = server_new();
	int i;

	launch_listen(plain);
	launch_run(plain);
	read_all_signals(plain, want);
	server_stop(plain);
	launch_after(server, deafen, _i);
	read_all_signals(server, got);
	for (i = 0; i < PROCESSES; i++)
		ck_assert_str_eq(got[i], want[i]);
	server_stop(server);
}

/* The signals do what they are for. */
TEST(test_signals_work)
{
	static const int signals[] = { SIGTERM, SIGINT };
	int fd, status;

	launch_after(server, deafen, _i);
	fd = launch_client(server);
	launch_kill(server, "registry");
	launch_reload(server);
	launch_kill(server, "acceptor");
	launch_expect_served(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
	signal_process(server->pid, signals[_i & 1]);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OK);
	server_expect_clean(server);
	server_free(server);
}

/*
 * SIGPIPE and SIGXFSZ have their default action, and there is a cause for each.
 */

#define LOG_LIMIT (1 << 30)

static void
fill_log(const struct server *s)
{
	const struct rlimit limit = { LOG_LIMIT, LOG_LIMIT };

	(void)s;
	if (ftruncate(STDERR_FILENO, LOG_LIMIT) == -1 ||
	    setrlimit(RLIMIT_FSIZE, &limit) == -1)
		_exit(126);
}

TEST(test_log_at_its_limit)
{
	int fd;

	launch_after(server, fill_log, 0);
	fd = launch_client(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	launch_kill(server, "registry");
	launch_kill(server, "acceptor");
	signal_process(server->pid, SIGHUP);
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(server);
}

TEST(test_log_without_reader)
{
	int fds[2], fd;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	server->stderr_fd = fds[1];
	launch_after(server, NULL, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	fd = launch_client(server);
	launch_kill(server, "registry");
	launch_kill(server, "acceptor");
	signal_process(server->pid, SIGHUP);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
	server_stop(server);
}

/* alarm(2), and setitimer(2) of two clocks */

#define ALARM_S 1

static void
set_timers(const struct server *s)
{
	static const struct itimerval soon = { .it_value.tv_sec = ALARM_S };

	(void)s;
	(void)setitimer(ITIMER_VIRTUAL, &soon, NULL);
	(void)setitimer(ITIMER_PROF, &soon, NULL);
	/*
	 * The timer must not fire before kvd can be expected to have started.
	 */
	(void)alarm(2 * ALARM_S);
}

TEST(test_timers)
{
	launch_after(server, set_timers, 0);
	pause_ms((int64_t)2100 * ALARM_S);
	launch_expect_served(server);
	server_stop(server);
}

static const struct test tests[] = {
	CASE("signals", setup, NULL),
	LOOP_FROM(test_signals_restored, 1, WAYS_TO_DEAFEN),
	LOOP_FROM(test_signals_work, 1, WAYS_TO_DEAFEN),
	ONCE(test_log_at_its_limit),
	ONCE(test_log_without_reader),
	ONCE(test_timers),
};

SUITE("signals", tests)
