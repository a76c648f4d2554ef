/*
 * check_limits: the number of clients is limited exactly, whichever process
 * dies; clients may be silent for a limited time; and kvd copes with a shortage
 * of descriptors.
 */

#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <poll.h>
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

static const char too_many[] = "ERROR too many clients\r\n";
static const char too_many_from[] = "ERROR too many clients from your "
				    "address\r\n";

/* This avoids delays of restarts, which are not tested here. */
#define UNTHROTTLED "restart-limit 1000 in 1s"

#define ACCEPTORS_MAX 16

static void
pause_us(long us)
{
	struct timespec pause = { .tv_nsec = us * 1000 };

	(void)nanosleep(&pause, NULL);
}

static void
kill_acceptors(const struct server *s, size_t count)
{
	pid_t pids[ACCEPTORS_MAX];
	size_t i;

	server_acceptors(s, pids, count);
	for (i = 0; i < count; i++)
		ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
	for (i = 0; i < count; i++)
		process_await_end(pids[i]);
}

/* These are the ways to connect. */

static int
from_other(const struct server *s)
{
	return client_connect_from(s, "127.0.0.2");
}

static int
from_ipv6(const struct server *s)
{
	return client_connect_to("::1", server_port(s, "::1"));
}

static int
from_unix(const struct server *s)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/sock", s->dir);
	return client_connect_unix(path);
}

static void
expect_refusal(const struct server *s, connect_function *connect,
    const char *text)
{
	int fd = connect(s);

	client_hear(fd, text);
	client_expect_end(fd);
}

/*
 * Connects fds[from] to fds[to - 1]; then checks that no further client is
 * accepted.
 */
static void
fill(const struct server *s, connect_function *connect, int *fds, int from,
    int to)
{
	const char *text = connect == client_connect ? too_many : too_many_from;

	for (; from < to; from++)
		fds[from] = client_await_room(s, connect);
	expect_refusal(s, connect, text);
}

static void
expect_answers(const int *fds, int n)
{
	int i;

	for (i = 0; i < n; i++)
		client_ask(fds[i], "ECHO b\n", "b\r\nOK\r\n");
}

static void
close_all(const int *fds, int n)
{
	while (n > 0)
		(void)close(fds[--n]);
}

/* All of them */

#define CLIENTS 200

static const int acceptor_counts[] = { 1, 4 };

static struct server *
start_limited(int acceptors, int max_clients)
{
	struct server *s = server_new();

	server_option(s, UNTHROTTLED);
	server_option(s, "acceptors %d", acceptors);
	server_option(s, "max-clients %d", max_clients);
	server_run(s);
	return s;
}

TEST(test_max_clients)
{
	int acceptors = acceptor_counts[_i], fds[CLIENTS], i;
	struct server *s = start_limited(acceptors, CLIENTS);

	fill(s, client_connect, fds, 0, CLIENTS);
	for (i = 0; i < 3; i++) {
		kill_acceptors(s, (size_t)acceptors);
		expect_refusal(s, client_connect, too_many);
	}
	/*
	 * The clients that leave are an adopted one, one that was not adopted,
	 * and then several.
	 */
	(void)close(fds[CLIENTS - 1]);
	fill(s, client_connect, fds, CLIENTS - 1, CLIENTS);
	(void)close(fds[CLIENTS - 1]);
	fill(s, client_connect, fds, CLIENTS - 1, CLIENTS);
	kill_acceptors(s, (size_t)acceptors);
	close_all(fds + CLIENTS - 10, 10);
	fill(s, client_connect, fds, CLIENTS - 10, CLIENTS);
	expect_answers(fds, CLIENTS);
	close_all(fds, CLIENTS);
	server_stop(s);
}

/* Sanitizers make processes large, and fork(2) slow. */
#ifdef KVD_INSTRUMENTED
#define KILLS 20
#else
#define KILLS 50
#endif
#define FEW 24

/*
 * The acceptor is killed at moments between its accept(2) and its fork(2), and
 * after these.
 */
TEST(test_kill_while_connecting)
{
	int acceptors = acceptor_counts[_i], fds[FEW], i;
	struct server *s = start_limited(acceptors, FEW);
	struct crowd *crowd = crowd_start(s, CROWD_FICKLE, 3, 9);
	pid_t pids[ACCEPTORS_MAX];

	for (i = 0; i < KILLS; i++) {
		server_acceptors(s, pids, (size_t)acceptors);
		pause_us(random() % 8000);
		/* The victim may have been a worker that had no title yet. */
		if (kill(pids[i % acceptors], SIGKILL) == -1)
			ck_assert_int_eq(errno, ESRCH);
		process_await_end(pids[i % acceptors]);
		if (i % 10 == 9)
			kill_acceptors(s, (size_t)acceptors);
	}
	crowd_end(crowd);
	fill(s, client_connect, fds, 0, FEW);
	close_all(fds, FEW);
	server_stop(s);
}

#define ARRIVERS 200
#define ARRIVALS 4

/* Does it in a process of its own, so that the test goes on meanwhile. */
static pid_t
kill_later(const pid_t *pids, size_t count, long us)
{
	pid_t pid = test_fork();
	size_t i;

	if (pid != 0)
		return pid;
	pause_us(us);
	for (i = 0; i < count; i++)
		(void)kill(pids[i], SIGKILL);
	_exit(0);
}

/*
 * Returns whether the client has a worker.  If not, the connection was
 * closed after accept(2), or refused because clients that have left still
 * counted.
 */
static bool
is_served(int fd)
{
	static const char want[] = "a\r\nOK\r\n";
	struct exchange x = { .out = "ECHO a\n",
		.out_size = 7,
		.want = want,
		.want_size = sizeof(want) - 1 };
	enum exchange_result result = exchange_run(fd, &x);

	ck_assert_msg(result != EXCHANGE_WRONG ||
		strcmp(x.instead, too_many) == 0,
	    "%s", x.error);
	return result == EXCHANGE_OK;
}

/*
 * Every client with a worker is counted, even if the acceptor died before it
 * recorded the worker.
 */
TEST(test_kill_while_arriving)
{
	int acceptors = acceptor_counts[_i], fds[ARRIVERS], n, i;
	struct server *s = start_limited(acceptors, ARRIVERS);
	pid_t pids[ACCEPTORS_MAX], killer;

	for (n = 0; n < ARRIVALS; n++) {
		server_acceptors(s, pids, (size_t)acceptors);
		killer = kill_later(pids, (size_t)acceptors, random() % 50000);
		for (i = 0; i < ARRIVERS; i++)
			fds[i] = client_connect(s);
		ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
		for (i = 0; i < ARRIVERS; i++) {
			if (is_served(fds[i]))
				continue;
			(void)close(fds[i]);
			fds[i] = client_await_room(s, client_connect);
		}
		expect_refusal(s, client_connect, too_many);
		close_all(fds, ARRIVERS);
	}
	server_stop(s);
}

#define LEAVERS 40

/* The acceptor is killed at moments when it handles the end of workers. */
TEST(test_kill_while_leaving)
{
	struct server *s = start_limited(1, LEAVERS);
	int fds[LEAVERS], i;
	pid_t acceptor;

	for (i = 0; i < KILLS / 2; i++) {
		fill(s, client_connect, fds, 0, LEAVERS);
		acceptor = server_pid(s, "acceptor");
		close_all(fds, LEAVERS);
		pause_us(random() % 4000);
		process_kill(acceptor);
	}
	fill(s, client_connect, fds, 0, LEAVERS);
	close_all(fds, LEAVERS);
	server_stop(s);
}

/* By source */

#define PER_SOURCE 3
#define UNIX_CLIENTS 6

static bool
have_ipv6(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool have =
	    fd != -1 && bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) == 0;

	if (fd != -1)
		(void)close(fd);
	if (!have)
		printf("there is no ::1: its clients are not counted\n");
	return have;
}

/* A source is an address, and the clients that connect from it. */
struct source {
	connect_function *connect;
	int fds[PER_SOURCE];
};

static void
expect_full(const struct server *s, struct source *sources, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		expect_refusal(s, sources[i].connect, too_many_from);
		expect_answers(sources[i].fds, PER_SOURCE);
	}
}

static void
refill(const struct server *s, struct source *source)
{
	const int last = PER_SOURCE - 1;

	(void)close(source->fds[last]);
	source->fds[last] = client_await_room(s, source->connect);
}

TEST(test_per_source)
{
	struct source sources[] = { { .connect = client_connect },
		{ .connect = from_other }, { .connect = from_ipv6 } };
	struct server *s = server_new();
	int unix_fds[UNIX_CLIENTS];
	size_t n = have_ipv6() ? 3 : 2, i;
	pid_t acceptor;

	server_option(s, UNTHROTTLED);
	server_option(s, "max-clients-per-source %d", PER_SOURCE);
	server_option(s, "listen 127.0.0.1:0");
	if (n == 3)
		server_option(s, "listen [::1]:0");
	server_option(s, "listen unix %s/sock", s->dir);
	server_run(s);
	for (i = 0; i < n; i++) {
		sources[i].fds[0] = client_await_room(s, sources[i].connect);
		sources[i].fds[1] = client_await_room(s, sources[i].connect);
		sources[i].fds[2] = client_await_room(s, sources[i].connect);
	}
	for (i = 0; i < UNIX_CLIENTS; i++)
		unix_fds[i] = client_await_room(s, from_unix);
	expect_full(s, sources, n);

	process_kill(server_pid(s, "acceptor"));
	expect_full(s, sources, n);
	for (i = 0; i < n; i++)
		refill(s, &sources[i]);
	expect_full(s, sources, n);

	/* The acceptor executes itself again, and keeps its workers. */
	acceptor = server_pid(s, "acceptor");
	ck_assert_int_eq(
	    kill(server_worker(s, sources[0].fds[PER_SOURCE - 1]), SIGABRT), 0);
	client_expect_gone(dup(sources[0].fds[PER_SOURCE - 1]));
	refill(s, &sources[0]);
	for (i = 0; i < 12; i++) {
		expect_full(s, sources, n);
		pause_us(100000);
	}
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	for (i = 0; i < n; i++)
		close_all(sources[i].fds, PER_SOURCE);
	close_all(unix_fds, UNIX_CLIENTS);
	server_stop(s);
}

/* Time */

static const char idle[] = "ERROR idle timeout\r\n";

/* Sends a byte now and then, and never a whole line. */
static void
trickle(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (poll(&pfd, 1, 20) == 0) {
		ck_assert_int_lt(now_ms(), deadline_ms);
		client_say(fd, "P");
	}
}

TEST(test_first_command)
{
	static const char *const options[] = { "first-command-timeout 400ms",
		"idle-timeout 1h", NULL };
	struct server *s = server_start(options);
	int talker = client_connect(s), wrong = client_connect(s);
	int silent, blank, trickler;
	int64_t before_ms;

	client_ask(talker, "PING\n", "OK\r\n");
	client_ask(wrong, "NONSENSE\n", "UNKNOWN COMMAND\r\n");
	before_ms = now_ms();
	silent = client_connect(s);
	blank = client_connect(s);
	trickler = client_connect(s);
	client_say(blank, "\n\r\n  \n");
	trickle(trickler);
	client_hear(trickler, idle);
	client_expect_gone(trickler);
	client_hear(blank, idle);
	client_expect_end(blank);
	client_hear(silent, idle);
	client_expect_end(silent);
	ck_assert_int_ge(now_ms() - before_ms, 400);
	/*
	 * The other clients have been silent for as long, but had sent a
	 * command.
	 */
	client_ask(talker, "PING\n", "OK\r\n");
	client_ask(wrong, "PING\n", "OK\r\n");
	(void)close(talker);
	(void)close(wrong);
	server_stop(s);
}

/* The shorter of the two timeouts applies, and 0 disables one. */
static const struct {
	const char *first, *idle;
} timeout_table[] = {
	{ "first-command-timeout 1h", "idle-timeout 200ms" },
	{ "first-command-timeout 200ms", "idle-timeout 0" },
	{ "first-command-timeout 0", "idle-timeout 200ms" },
};

TEST(test_timeouts)
{
	const char *const options[] = { timeout_table[_i].first,
		timeout_table[_i].idle, NULL };
	struct server *s = server_start(options);
	int fd = client_connect(s);

	client_hear(fd, idle);
	client_expect_end(fd);
	server_stop(s);
}

/* Shortages */

/* Limits a process to the descriptors that it has; returns the old limit. */
static rlim_t
allow_no_more(pid_t pid)
{
	char path[64];
	rlim_t n;

	for (n = 0;; n++) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/%ld", (long)pid,
		    (long)n);
		if (access(path, F_OK) == -1)
			break;
	}
	return process_limit(pid, RLIMIT_NOFILE, n);
}

#define WAITING 4

TEST(test_no_descriptors)
{
	struct server *s = server_start(NULL);
	pid_t acceptor = server_pid(s, "acceptor");
	int early = client_connect(s), fds[WAITING], i;
	rlim_t before;

	client_ask(early, "PING\n", "OK\r\n");
	before = allow_no_more(acceptor);
	for (i = 0; i < WAITING; i++)
		fds[i] = client_connect(s);
	for (i = 0; i < WAITING; i++) {
		client_hear(fds[i], too_many);
		client_expect_end(fds[i]);
	}
	for (i = 0; i < WAITING; i++)
		fds[i] = client_connect(s);
	process_expect_idle(acceptor);
	close_all(fds, WAITING);
	client_ask(early, "PING\n", "OK\r\n");
	/* The shortage is logged once, not for each client. */
	ck_assert_uint_eq(server_log_count(s, "cannot accept a client"), 1);
	(void)process_limit(acceptor, RLIMIT_NOFILE, before);
	fds[0] = client_await_room(s, client_connect);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	(void)close(fds[0]);
	(void)close(early);
	server_stop(s);
}

static void
setup(void)
{
	/* The moment of each death must differ between runs. */
	srandom((unsigned int)(time(NULL) ^ getpid() << 16));
}

static const struct test tests[] = {
	CASE("clients", setup, NULL),
	EACH(test_max_clients, acceptor_counts),
	EACH(test_kill_while_connecting, acceptor_counts),
	EACH(test_kill_while_arriving, acceptor_counts),
	ONCE(test_kill_while_leaving),
	ONCE(test_per_source),
	CASE("time", NULL, NULL),
	ONCE(test_first_command),
	EACH(test_timeouts, timeout_table),
	CASE("shortages", NULL, NULL),
	ONCE(test_no_descriptors),
};

SUITE("limits", tests)
