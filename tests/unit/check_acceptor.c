/*
 * check_acceptor: these tests check which clients the acceptor refuses and how
 * it does so, and which workers it finds after it has executed itself again
 * (acceptor/accept, acceptor/workers).  Clients come from an accept4() that
 * this program defines, so the tests need no IPv6.
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "acceptor/accept.h"
#include "acceptor/workers.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"

static struct config config;
static struct acceptor acceptor;
static int scoreboard_fd;

/* These are the server's end of the waiting client's connection, or -1, and the
 * address of the client. */
static int waiting_fd;
static struct sockaddr_storage waiting_addr;

int __wrap_accept4(int, struct sockaddr *, socklen_t *, int);

int
__wrap_accept4(int listen_fd, struct sockaddr *addr, socklen_t *size, int flags)
{
	int fd = waiting_fd;

	(void)listen_fd;
	(void)flags;
	waiting_fd = -1;
	if (fd == -1) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(addr, &waiting_addr, *size);
	return fd;
}

static void
setup(void)
{
	log_init("acceptor", LOG_TO_STDERR, false);
	ck_assert_int_eq(config_init(&config), 0);
	scoreboard_fd = scoreboard_create();
	ck_assert_int_ne(scoreboard_fd, -1);
	acceptor = (struct acceptor){ .config = &config,
		.scoreboard = scoreboard_open(scoreboard_fd),
		.spare_fd = -1,
		.accept_at_ms = CLOCK_NEVER,
		.renew_at_ms = CLOCK_NEVER,
		.stop_at_ms = CLOCK_NEVER };
	ck_assert_ptr_nonnull(acceptor.scoreboard);
	ck_assert_int_eq(source_rate_init(&acceptor.rate), 0);
	waiting_fd = -1;
}

static void
teardown(void)
{
	scoreboard_close(acceptor.scoreboard);
	(void)close(scoreboard_fd);
	config_clear(&config);
}

static struct sockaddr_storage
ipv4_address(const char *text)
{
	struct sockaddr_storage addr = { .ss_family = AF_INET };
	struct sockaddr_in *sin = (void *)&addr;

	ck_assert_int_eq(inet_pton(AF_INET, text, &sin->sin_addr), 1);
	return addr;
}

static struct sockaddr_storage
ipv6_address(const char *text)
{
	struct sockaddr_storage addr = { .ss_family = AF_INET6 };
	struct sockaddr_in6 *sin6 = (void *)&addr;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &sin6->sin6_addr), 1);
	return addr;
}

static void
take_slot(struct sockaddr_storage addr)
{
	uint32_t slot;

	ck_assert_int_eq(
	    scoreboard_take(acceptor.scoreboard, &addr, 10, 10, &slot),
	    SCOREBOARD_OK);
}

/* A refused client that has sent data receives this line and then the end of
 * the stream. */
static void
expect_refusal(struct sockaddr_storage addr, const char *line)
{
	char got[128] = "";
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(send(fds[0], "PING\r\n", 6, 0), 6);
	waiting_fd = fds[1];
	waiting_addr = addr;
	accept_clients(&acceptor, -1);
	ck_assert_int_eq(waiting_fd, -1);
	ck_assert_int_eq(recv(fds[0], got, sizeof(got) - 1, MSG_DONTWAIT),
	    (ssize_t)strlen(line));
	ck_assert_str_eq(got, line);
	/* A reset instead of the end of the stream could have discarded the
	 * line. */
	ck_assert_int_eq(recv(fds[0], got, sizeof(got), MSG_DONTWAIT), 0);
	(void)close(fds[0]);
}

TEST(test_too_many)
{
	config.max_clients = 1;
	take_slot(ipv4_address("192.0.2.1"));
	expect_refusal(ipv4_address("192.0.2.2"), "ERROR too many clients\r\n");
}

/* A client of TCP that waits to be accepted.  Returns its end. */
static int
connect_by_tcp(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(sin);
	int listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&sin, size), 0);
	ck_assert_int_eq(listen(listen_fd, 1), 0);
	ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)&sin, &size),
	    0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, size), 0);
	waiting_fd = accept(listen_fd, NULL, NULL);
	ck_assert_int_ne(waiting_fd, -1);
	waiting_addr = ipv4_address("127.0.0.1");
	(void)close(listen_fd);
	return fd;
}

static const struct linger abortive = { 1, 0 };

/* No worker is started for a client that has gone and has sent nothing; one that
 * has sent a request before is told that there are too many. */
TEST(test_left)
{
	static const char line[] = "ERROR too many clients\r\n";
	char got[128] = "";
	int fd;

	config.max_clients = 1;
	take_slot(ipv4_address("192.0.2.1"));
	fd = connect_by_tcp();
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	accept_clients(&acceptor, -1);
	ck_assert_int_eq(recv(fd, got, sizeof(got), 0), 0);
	(void)close(fd);
	fd = connect_by_tcp();
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abortive, sizeof(abortive)),
	    0);
	(void)close(fd);
	accept_clients(&acceptor, -1);
	ck_assert_uint_eq(scoreboard_refused(acceptor.scoreboard), 0);
	fd = connect_by_tcp();
	ck_assert_int_eq(send(fd, "P", 1, 0), 1);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	accept_clients(&acceptor, -1);
	ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_WAITALL),
	    (ssize_t)strlen(line));
	ck_assert_str_eq(got, line);
	(void)close(fd);
}

/* On a socket for both IPv6 and IPv4 an IPv4 client has a mapped address. */
TEST(test_mapped)
{
	static const char line[] = "ERROR too many clients from your address"
				   "\r\n";

	config.max_clients_per_source = 1;
	take_slot(ipv4_address("192.0.2.1"));
	take_slot(ipv6_address("2001:db8::1"));
	expect_refusal(ipv4_address("192.0.2.1"), line);
	expect_refusal(ipv6_address("::ffff:192.0.2.1"), line);
	expect_refusal(ipv6_address("2001:db8::1"), line);
}

/* Without a setting one address gets half of the places, and a loopback address
 * all of them. */
TEST(test_default)
{
	static const char line[] = "ERROR too many clients from your address"
				   "\r\n";
	int i;

	config.max_clients = 5;
	for (i = 0; i < 3; i++)
		take_slot(ipv4_address("192.0.2.1"));
	expect_refusal(ipv4_address("192.0.2.1"), line);
	expect_refusal(ipv6_address("::ffff:192.0.2.1"), line);
	take_slot(ipv4_address("127.0.0.1"));
	take_slot(ipv4_address("127.0.0.1"));
	/* It is not refused for its address. */
	expect_refusal(ipv4_address("127.0.0.1"), "ERROR too many clients\r\n");
	expect_refusal(ipv6_address("::1"), "ERROR too many clients\r\n");
}

/* How many clients of this address may come at this time. */
static int
count_allowed(struct sockaddr_storage addr, int64_t now_ms)
{
	int n = 0;

	while (n < 100000 && source_rate_allows(&acceptor.rate, &addr, now_ms))
		n++;
	return n;
}

TEST(test_rate)
{
	struct sockaddr_storage one = ipv4_address("192.0.2.1");
	char text[32];
	int i;

	/* With random keys two of these might share both of their places. */
	acceptor.rate.keys[0] = UINT64_C(0x9e3779b97f4a7c15);
	acceptor.rate.keys[1] = UINT64_C(0xc2b2ae3d27d4eb4f);
	ck_assert_int_eq(count_allowed(one, 1000000), 1000);
	ck_assert_int_eq(count_allowed(one, 1000000), 0);
	ck_assert_int_eq(count_allowed(one, 1000001), 0);
	ck_assert_int_eq(count_allowed(one, 1000100), 50);
	/* Others have places of their own, at least one of two. */
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "2001:db8:0:%x::1", i);
		ck_assert_int_ge(count_allowed(ipv6_address(text), 1000100),
		    1000);
		/* The rest of a network belongs to the same client. */
		snprintf(text, sizeof(text), "2001:db8:0:%x::2", i);
		ck_assert_int_eq(count_allowed(ipv6_address(text), 1000100), 0);
	}
	ck_assert_int_eq(count_allowed(one, 2000000), 1000);
}

/* A client is refused for its address, which connects too often. */
TEST(test_too_often)
{
	static const char line[] = "ERROR too many clients from your address"
				   "\r\n";
	struct sockaddr_storage addr = ipv4_address("192.0.2.1");

	config.max_clients = 5;
	(void)count_allowed(addr, clock_ms() + 10000);
	expect_refusal(addr, line);
	/* Without a limit for the number there is none for the rate. */
	config.max_clients_per_source = 5;
	while (scoreboard_count(acceptor.scoreboard) < 5)
		take_slot(addr);
	expect_refusal(addr, "ERROR too many clients\r\n");
}

/* This forks a worker that ends at once, or waits to be killed. */
static pid_t
start_worker(bool ends)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNIX };
	uint32_t slot;
	pid_t pid;

	ck_assert_int_eq(
	    scoreboard_take(acceptor.scoreboard, &addr, 10, 10, &slot),
	    SCOREBOARD_OK);
	if ((pid = test_fork()) == 0) {
		while (!ends)
			(void)pause();
		_exit(0);
	}
	scoreboard_set_pid(acceptor.scoreboard, slot, pid);
	return pid;
}

/* This returns the pid of a worker of this acceptor, or 0 if it has none. */
static pid_t
first_worker(void)
{
	pid_t pid = 0;

	(void)scoreboard_next(acceptor.scoreboard, getpid(), SCOREBOARD_NONE,
	    &pid);
	return pid;
}

/*
 * While the acceptor executed itself again one worker ended, so that no signal
 * will report its end; another worker is still running.
 */
TEST(test_after_exec)
{
	pid_t ended = start_worker(true), left;
	siginfo_t info;

	ck_assert_int_eq(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT),
	    0);
	left = start_worker(false);
	ck_assert_int_eq(first_worker(), ended);
	workers_init(&acceptor);
	ck_assert_int_eq(first_worker(), left);
	ck_assert_uint_eq(pid_index_find(&acceptor.workers, ended),
	    SCOREBOARD_NONE);
	ck_assert_uint_ne(pid_index_find(&acceptor.workers, left),
	    SCOREBOARD_NONE);
	ck_assert_int_eq(kill(left, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)left, &info, WEXITED | WNOWAIT),
	    0);
	workers_reap(&acceptor);
	ck_assert_int_eq(first_worker(), 0);
	ck_assert(pid_index_is_empty(&acceptor.workers));
	pid_index_clear(&acceptor.workers);
}

static const struct test tests[] = {
	CASE("acceptor", setup, teardown),
	ONCE(test_too_many),
	ONCE(test_left),
	ONCE(test_mapped),
	ONCE(test_default),
	ONCE(test_rate),
	ONCE(test_too_often),
	ONCE(test_after_exec),
};

SUITE("acceptor", tests)
