/*
 * check_log_sink: these tests check a syslogd that listens, hangs, stops and
 * starts again (common/log_sink).  The linker option --wrap diverts connect(2)
 * from /dev/log to a socket of the test (see ld(1)).
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/log_sink.h"

/* This is more lines than a socket has room for. */
#define MANY 10000

static struct sockaddr_un syslogd = { .sun_family = AF_UNIX };
static char dir[] = "/tmp/kvd.log.XXXXXX";
static int connects;

int __real_connect(int, const struct sockaddr *, socklen_t);
int __wrap_connect(int, const struct sockaddr *, socklen_t);

int
__wrap_connect(int fd, const struct sockaddr *addr, socklen_t size)
{
	const struct sockaddr_un *sun = (const void *)addr;

	ck_assert_int_eq(addr->sa_family, AF_UNIX);
	ck_assert_uint_eq(size, sizeof(*sun));
	ck_assert_str_eq(sun->sun_path, _PATH_LOG);
	connects++;
	return __real_connect(fd, (struct sockaddr *)&syslogd, sizeof(syslogd));
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(syslogd.sun_path, sizeof(syslogd.sun_path), "%s/log", dir);
}

static void
teardown(void)
{
	log_sink_close();
	(void)unlink(syslogd.sun_path);
	(void)rmdir(dir);
}

static int
bind_syslogd(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&syslogd, sizeof(syslogd)),
	    0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static void
end_syslogd(int fd)
{
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(unlink(syslogd.sun_path), 0);
}

/* A line looks like "<28>Nov 25 19:44:04 kvd[123]: text". */
static void
expect_line(int fd, int priority, const char *text, size_t extra)
{
	char got[8192], start[16], rest[8192];
	struct tm tm;
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	const char *p;

	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	snprintf(start, sizeof(start), "<%d>", LOG_DAEMON | priority);
	ck_assert_int_eq(strncmp(got, start, strlen(start)), 0);
	p = strptime(got + strlen(start), "%b %e %T", &tm);
	ck_assert_ptr_nonnull(p);
	snprintf(rest, sizeof(rest), " kvd[%ld]: %s", (long)getpid(), text);
	ck_assert_str_eq(p, rest);
	ck_assert_uint_eq((size_t)n, strlen(got) + extra);
}

TEST(test_datagram)
{
	int fd = bind_syslogd(SOCK_DGRAM);

	ck_assert(log_sink_syslog(LOG_WARNING, getpid(), "one"));
	expect_line(fd, LOG_WARNING, "one", 0);
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), ""));
	expect_line(fd, LOG_INFO, "", 0);
	ck_assert_int_eq(connects, 1);
	end_syslogd(fd);
}

TEST(test_long)
{
	int fd = bind_syslogd(SOCK_DGRAM);
	char text[8192];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	/* This is longer than any line that log.c writes. */
	ck_assert(!log_sink_syslog(LOG_INFO, getpid(), text));
	text[4100] = '\0';
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), text));
	expect_line(fd, LOG_INFO, text, 0);
	end_syslogd(fd);
}

/* If nobody listens, logging does not wait, and it works when somebody does. */
TEST(test_none)
{
	int fd;

	ck_assert(!log_sink_syslog(LOG_INFO, getpid(), "one"));
	fd = bind_syslogd(SOCK_DGRAM);
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "two"));
	expect_line(fd, LOG_INFO, "two", 0);
	end_syslogd(fd);
}

TEST(test_another)
{
	int fd = bind_syslogd(SOCK_DGRAM);

	log_sink_open();
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "one"));
	end_syslogd(fd);
	ck_assert(!log_sink_syslog(LOG_INFO, getpid(), "two"));
	fd = bind_syslogd(SOCK_DGRAM);
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "three"));
	expect_line(fd, LOG_INFO, "three", 0);
	/* The syslogd is replaced between two lines. */
	end_syslogd(fd);
	fd = bind_syslogd(SOCK_DGRAM);
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "four"));
	expect_line(fd, LOG_INFO, "four", 0);
	end_syslogd(fd);
}

/* The syslogd hangs: lines that do not fit in its socket are refused at
 * once. */
static void
fill(void)
{
	int i;

	for (i = 0; i < MANY && log_sink_syslog(LOG_INFO, getpid(), "line");
	     i++)
		;
	ck_assert_int_gt(i, 0);
	ck_assert_int_lt(i, MANY);
}

TEST(test_hangs)
{
	int fd = bind_syslogd(SOCK_DGRAM);

	fill();
	ck_assert(!log_sink_syslog(LOG_INFO, getpid(), "lost"));
	ck_assert_int_eq(connects, 1);
	expect_line(fd, LOG_INFO, "line", 0);
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "taken"));
	end_syslogd(fd);
}

/* This syslogd uses a stream socket, where a NUL byte ends a line. */
TEST(test_stream)
{
	int fd = bind_syslogd(SOCK_STREAM), peer;

	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "one"));
	peer = accept(fd, NULL, NULL);
	ck_assert_int_ne(peer, -1);
	expect_line(peer, LOG_INFO, "one", 1);
	fill();
	(void)close(peer);
	/* The next line detects the closed connection and connects again. */
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "two"));
	peer = accept(fd, NULL, NULL);
	ck_assert_int_ne(peer, -1);
	expect_line(peer, LOG_INFO, "two", 1);
	(void)close(peer);
	end_syslogd(fd);
}

/* This syslogd does not even accept connections. */
TEST(test_stream_hangs)
{
	int fd = bind_syslogd(SOCK_STREAM), others[8];
	size_t n;

	for (n = 0; n < COUNT(others); n++) {
		others[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (__real_connect(others[n], (struct sockaddr *)&syslogd,
			sizeof(syslogd)) == -1)
			break;
	}
	ck_assert_uint_lt(n, COUNT(others));
	ck_assert(!log_sink_syslog(LOG_INFO, getpid(), "lost"));
	end_syslogd(fd);
}

/* The log is closed before a program is executed; the next line opens it
 * again. */
TEST(test_close)
{
	int fd = bind_syslogd(SOCK_DGRAM);

	log_sink_open();
	log_sink_open();
	ck_assert_int_eq(connects, 1);
	log_sink_close();
	log_sink_close();
	ck_assert(log_sink_syslog(LOG_INFO, getpid(), "one"));
	ck_assert_int_eq(connects, 2);
	expect_line(fd, LOG_INFO, "one", 0);
	end_syslogd(fd);
}

/* The journal */

TEST(test_journal)
{
	char text[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	ck_assert(log_sink_is_journal(text));
	ck_assert(!log_sink_is_journal(NULL));
	ck_assert(!log_sink_is_journal(""));
	ck_assert(!log_sink_is_journal("x"));
	(void)strlcat(text, "0", sizeof(text));
	ck_assert(!log_sink_is_journal(text));
	snprintf(text, sizeof(text), "%llu:%llux",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	ck_assert(!log_sink_is_journal(text));
	snprintf(text, sizeof(text), "%llu:%llu",
	    (unsigned long long)st.st_dev + 1, (unsigned long long)st.st_ino);
	ck_assert(!log_sink_is_journal(text));
}

static const struct test tests[] = {
	CASE("syslogd", setup, teardown),
	ONCE(test_datagram),
	ONCE(test_long),
	ONCE(test_none),
	ONCE(test_another),
	ONCE(test_hangs),
	ONCE(test_stream),
	ONCE(test_stream_hangs),
	ONCE(test_close),
	CASE("journal", NULL, NULL),
	ONCE(test_journal),
};

SUITE("log_sink", tests)
