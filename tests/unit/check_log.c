/*
 * check_log: these tests check the format of log lines (common/log).
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"

/* This is more than any line. */
#define LINE_SIZE 8192

static int line_fd, old_stderr;

static void
setup(void)
{
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
	line_fd = pair[0];
	old_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(pair[1]);
	log_init("tester", LOG_TO_STDERR, false);
}

static void
teardown(void)
{
	(void)dup2(old_stderr, STDERR_FILENO);
	(void)close(old_stderr);
	(void)close(line_fd);
}

/* A line is one write(2) and names this process and this role. */
static void
expect_line(pid_t pid, const char *role, const char *text)
{
	char got[LINE_SIZE], want[LINE_SIZE];
	ssize_t n = read(line_fd, got, sizeof(got) - 1);

	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	snprintf(want, sizeof(want), "kvd[%ld]: %s: %s\n", (long)pid, role,
	    text);
	ck_assert_str_eq(got, want);
}

static const struct {
	const char *text, *want;
} text_table[] = {
	{ "", "" },
	{ "plain, \"quoted\" and \\ back", "plain, \"quoted\" and \\ back" },
	{ "two\nlines\r\n", "two\\x0alines\\x0d\\x0a" },
	{ "\t\x01\x7f", "\\x09\\x01\\x7f" },
	{ "\x1b[2J", "\\x1b[2J" },
	{ "caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac" },
	{ "\xc2\x9b"
	  "2J",
	    "\\xc2\\x9b2J" }, /* C1 begins an escape. */
	{ "\xff\xc3", "\\xff\\xc3" },
};

TEST(test_text)
{
	log_warnx("%s", text_table[_i].text);
	expect_line(getpid(), "tester", text_table[_i].want);
}

TEST(test_error)
{
	char want[128];

	errno = ENOENT;
	log_warn("%s", "x\n");
	snprintf(want, sizeof(want), "x\\x0a: %s", strerror(ENOENT));
	expect_line(getpid(), "tester", want);
}

TEST(test_suppressed)
{
	log_suppressed(0);
	log_suppressed(1);
	expect_line(getpid(), "tester", "1 similar message suppressed");
	log_suppressed(2);
	expect_line(getpid(), "tester", "2 similar messages suppressed");
}

/* The journal notes the name and the process itself. */
TEST(test_priorities)
{
	char got[LINE_SIZE] = "";

	log_init("tester", LOG_TO_STDERR | LOG_TO_JOURNAL, true);
	log_debug("a");
	log_info("b");
	log_warnx("c\nd");
	ck_assert_int_gt(read(line_fd, got, sizeof(got) - 1), 0);
	ck_assert_str_eq(got,
	    "<7>tester: a\n<6>tester: b\n<4>tester: c\\x0ad\n");
}

/* The longest possible line is one in which every byte is escaped. */
TEST(test_long)
{
	char text[2000], want[LINE_SIZE] = "";
	int i;

	memset(text, '\xff', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 999; i++)
		memcpy(want + 4 * i, "\\xff", 5);
	log_warnx("%s", text);
	expect_line(getpid(), "tester", want);
	errno = ENOENT;
	log_warn("%s", text);
	expect_line(getpid(), "tester", want);
}

/* The last line may lack its newline. */
TEST(test_lines)
{
	char got[LINE_SIZE], want[LINE_SIZE];
	long pid = (long)getpid();
	struct buf lines;
	ssize_t n;

	buf_init(&lines);
	log_lines(&lines);
	ck_assert_int_eq(read(line_fd, got, sizeof(got)), -1);
	buf_append_text(&lines, "one\ntwo");
	log_lines(&lines);
	buf_clear(&lines);
	n = read(line_fd, got, sizeof(got) - 1);
	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	snprintf(want, sizeof(want),
	    "kvd[%ld]: tester: one\nkvd[%ld]: tester: two\n", pid, pid);
	ck_assert_str_eq(got, want);
}

TEST(test_debug)
{
	log_debug("unseen");
	log_init("tester", LOG_TO_STDERR, true);
	log_debug("seen");
	expect_line(getpid(), "tester", "seen");
}

TEST(test_forked)
{
	pid_t pid, self = getpid();
	int status;

	log_name_forks("fork", &self);
	log_info("before");
	expect_line(getpid(), "tester", "before");
	if ((pid = test_fork()) == 0) {
		self = getpid();
		log_info("forked");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	expect_line(pid, "fork", "forked");
	log_info("after");
	expect_line(getpid(), "tester", "after");
}

/* These tests check lines that nobody reads. */

static void
fill_pipe(void)
{
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
}

static void
drain_pipe(void)
{
	char data[LINE_SIZE];

	while (read(line_fd, data, sizeof(data)) > 0)
		;
	ck_assert_int_eq(errno, EAGAIN);
}

/* This reads the next two lines, which one read(2) may return together. */
static void
expect_lost(unsigned long lost, const char *text)
{
	char got[LINE_SIZE], want[LINE_SIZE];
	long pid = (long)getpid();
	ssize_t n = read(line_fd, got, sizeof(got) - 1);

	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	snprintf(want, sizeof(want),
	    "kvd[%ld]: tester: %lu lines lost: the reader of the log did not "
	    "take them\nkvd[%ld]: tester: %s\n",
	    pid, lost, pid, text);
	ck_assert_str_eq(got, want);
}

TEST(test_lost)
{
	fill_pipe();
	log_info("one");
	log_warnx("two");
	errno = ENOENT;
	log_warn("three");
	drain_pipe();
	log_info("four");
	expect_lost(3, "four");
	/* The counter starts again from zero. */
	log_info("five");
	expect_line(getpid(), "tester", "five");
	fill_pipe();
	log_info("six");
	drain_pipe();
	log_info("seven");
	expect_lost(1, "seven");
}

/* Whether a line is lost does not depend on its length: a line is never written
 * in part. */
TEST(test_not_in_part)
{
	char text[600], rest[PIPE_BUF];
	ssize_t n;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fill_pipe();
	/* This leaves room for 300 bytes in the pipe, which is less than the
	 * line needs. */
	ck_assert_int_eq(read(line_fd, rest, sizeof(rest)), sizeof(rest));
	n = write(STDERR_FILENO, rest, sizeof(rest) - 300);
	ck_assert_int_eq(n, sizeof(rest) - 300);
	log_info("%s", text);
	drain_pipe();
	log_info("short");
	expect_lost(1, "short");
}

/* Nobody reads from the pipe. */
TEST(test_no_reader)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(line_fd);
	log_info("one");
	log_info("two");
	line_fd = open("/dev/null", O_RDONLY);
}

/* A socket takes lines as a pipe does, and writing to it never blocks. */
TEST(test_socket)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(pair[1]);
	(void)close(line_fd);
	line_fd = pair[0];
	ck_assert_int_eq(fcntl(line_fd, F_SETFL, O_NONBLOCK), 0);
	log_info("taken");
	expect_line(getpid(), "tester", "taken");
	while (send(STDERR_FILENO, "x", 1, MSG_DONTWAIT) == 1)
		;
	log_info("lost");
	drain_pipe();
	log_info("last");
	expect_lost(1, "last");
}

static const struct test tests[] = {
	CASE("lines", setup, teardown),
	EACH(test_text, text_table),
	ONCE(test_error),
	ONCE(test_suppressed),
	ONCE(test_priorities),
	ONCE(test_long),
	ONCE(test_lines),
	ONCE(test_debug),
	ONCE(test_forked),
	ONCE(test_lost),
	ONCE(test_not_in_part),
	ONCE(test_no_reader),
	ONCE(test_socket),
};

SUITE("log", tests)
