/*
 * check_log: what a line of the log looks like (common/log).
 */

#include "unit.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/* More than any line. */
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

/* One write(2), of this process and this role. */
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
	    "\\xc2\\x9b2J" }, /* C1, an escape sequence */
	{ "\xff\xc3", "\\xff\\xc3" },
};

START_TEST(test_text)
{
	log_warnx("%s", text_table[_i].text);
	expect_line(getpid(), "tester", text_table[_i].want);
}
END_TEST

START_TEST(test_error)
{
	char want[128];

	errno = ENOENT;
	log_warn("%s", "x\n");
	snprintf(want, sizeof(want), "x\\x0a: %s", strerror(ENOENT));
	expect_line(getpid(), "tester", want);
}
END_TEST

/* All of it escaped is the most that a line can be. */
START_TEST(test_long)
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
END_TEST

START_TEST(test_debug)
{
	log_debug("unseen");
	log_init("tester", LOG_TO_STDERR, true);
	log_debug("seen");
	expect_line(getpid(), "tester", "seen");
}
END_TEST

START_TEST(test_forked)
{
	pid_t pid;
	int status;

	log_name_forks("fork");
	log_info("before");
	expect_line(getpid(), "tester", "before");
	if ((pid = fork()) == 0) {
		log_info("forked");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	expect_line(pid, "fork", "forked");
	log_info("after");
	expect_line(getpid(), "tester", "after");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("lines");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_text, 0, UNIT_COUNT(text_table));
	tcase_add_test(tc, test_error);
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_debug);
	tcase_add_test(tc, test_forked);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
