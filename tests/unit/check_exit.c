/*
 * check_exit: these tests check the description of how a process ended, and the
 * choice of a status (common/exit).
 */

#include "unit.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/exit.h"

/* These make wait statuses as the kernel does. */
#define EXITED(code) ((code) << 8)
#define KILLED(signal) (signal)
#define DUMPED(signal) ((signal) | 0x80)

static char text[256];

static const struct {
	int status;
	const char *want;
} exit_table[] = {
	{ EXITED(0), "exited with status 0" },
	{ EXITED(1), "exited with status 1" },
	{ EXITED(70), "exited with status 70" },
	{ EXITED(78), "exited with status 78" },
	{ EXITED(255), "exited with status 255" },
};

TEST(test_exited)
{
	exit_describe(text, sizeof(text), exit_table[_i].status,
	    EXIT_NO_VIOLATION);
	ck_assert_str_eq(text, exit_table[_i].want);
}

static const struct {
	int signal;
	const char *name;
} signal_table[] = {
	{ SIGHUP, "HUP" },
	{ SIGABRT, "ABRT" },
	{ SIGBUS, "BUS" },
	{ SIGFPE, "FPE" },
	{ SIGKILL, "KILL" },
	{ SIGSEGV, "SEGV" },
	{ SIGTERM, "TERM" },
	{ SIGSYS, "SYS" },
};

/* This runs with and without sigabbrev_np(3). */
static void
expect_signal(int i, const char *core)
{
	int signal = signal_table[i].signal;
	char want[128];

#ifdef HAVE_SIGABBREV_NP
	snprintf(want, sizeof(want), "died of SIG%s%s", signal_table[i].name,
	    core);
#else
	snprintf(want, sizeof(want), "died of signal %d (%s)%s", signal,
	    strsignal(signal), core);
#endif
	exit_describe(text, sizeof(text),
	    core[0] == '\0' ? KILLED(signal) : DUMPED(signal),
	    EXIT_NO_VIOLATION);
	ck_assert_str_eq(text, want);
}

TEST(test_signal)
{
	expect_signal(_i, "");
	expect_signal(_i, " (core dumped)");
}

/* A signal without a name is described by its number. */
TEST(test_signal_number)
{
	char want[128];
	int signal = SIGRTMIN + 1;

	snprintf(want, sizeof(want), "died of signal %d (%s)", signal,
	    strsignal(signal));
	exit_describe(text, sizeof(text), KILLED(signal), EXIT_NO_VIOLATION);
	ck_assert_str_eq(text, want);
}

/* Every status that wait(2) could return gives a nonempty, terminated text. */
TEST(test_any_status)
{
	int status;

	for (status = 0; status <= 0xffff; status++) {
		if (!WIFEXITED(status) && !WIFSIGNALED(status))
			continue;
		memset(text, 'x', sizeof(text));
		exit_describe(text, sizeof(text), status, EXIT_NO_VIOLATION);
		if (strnlen(text, sizeof(text)) < 10 ||
		    strnlen(text, sizeof(text)) > 60)
			ck_abort_msg("%#x: %.60s", (unsigned int)status, text);
	}
}

/* A text that is too long is truncated and terminated, and nothing is written
 * after its end. */
TEST(test_short_text)
{
	const int statuses[] = { EXITED(70), DUMPED(SIGSEGV),
		DUMPED(SIGRTMAX - 1) };
	char whole[256];
	size_t i, size;

	for (i = 0; i < COUNT(statuses); i++) {
		exit_describe(whole, sizeof(whole), statuses[i],
		    EXIT_NO_VIOLATION);
		for (size = 1; size <= strlen(whole); size++) {
			memset(text, 'x', sizeof(text));
			exit_describe(text, size, statuses[i],
			    EXIT_NO_VIOLATION);
			ck_assert_uint_eq(strlen(text), size - 1);
			ck_assert_mem_eq(text, whole, size - 1);
			ck_assert_int_eq(text[size], 'x');
		}
	}
}

static int
await(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(test_real)
{
	pid_t pid;

	if ((pid = test_fork()) == 0)
		_exit(42);
	exit_describe(text, sizeof(text), await(pid), EXIT_NO_VIOLATION);
	ck_assert_str_eq(text, "exited with status 42");
	if ((pid = test_fork()) == 0)
		(void)raise(SIGKILL);
	exit_describe(text, sizeof(text), await(pid), EXIT_NO_VIOLATION);
	ck_assert_ptr_nonnull(strstr(text, "died of "));
	ck_assert_ptr_null(strstr(text, "core dumped"));
}

static const struct {
	int status;
	long violation;
	const char *want;
} violation_table[] = {
	{ KILLED(SIGSYS), SYS_execve,
	    "was killed by its sandbox (system call execve)" },
	{ DUMPED(SIGSYS), SYS_socket,
	    "was killed by its sandbox (system call socket) (core dumped)" },
	/* The process may claim anything. */
	{ KILLED(SIGSYS), 123456789,
	    "was killed by its sandbox (system call 123456789)" },
	{ KILLED(SIGSYS), -2, "was killed by its sandbox (system call -2)" },
	{ EXITED(1), SYS_execve, "exited with status 1" },
};

TEST(test_violation)
{
	exit_describe(text, sizeof(text), violation_table[_i].status,
	    violation_table[_i].violation);
	ck_assert_str_eq(text, violation_table[_i].want);
}

TEST(test_violation_denied)
{
	exit_describe(text, sizeof(text), KILLED(SIGSEGV), SYS_execve);
	ck_assert_ptr_nonnull(strstr(text, "died of "));
}

static const struct {
	int64_t ran_ms;
	struct rusage use;
	const char *want;
} use_table[] = {
	{ 0, { .ru_maxrss = 0 },
	    "ran 0.0s, used 0.00s of processor time and 0 KiB of memory" },
	{ 12000,
	    { .ru_utime = { 0, 100000 },
		.ru_stime = { 0, 200000 },
		.ru_maxrss = 5120 },
	    "ran 12.0s, used 0.30s of processor time and 5120 KiB of memory" },
	/* The fractions of both times add up to another second. */
	{ 1900,
	    { .ru_utime = { 1, 990000 },
		.ru_stime = { 2, 20000 },
		.ru_maxrss = 1 },
	    "ran 1.9s, used 4.01s of processor time and 1 KiB of memory" },
	/* Both times are a year, and the memory is the largest value that fits
	 * in a long on every system. */
	{ INT64_C(31536000000),
	    { .ru_utime = { 31536000, 0 }, .ru_maxrss = INT32_MAX },
	    "ran 31536000.0s, used 31536000.00s of processor time and "
	    "2147483647 KiB of memory" },
};

TEST(test_use)
{
	exit_describe_use(text, sizeof(text), use_table[_i].ran_ms,
	    &use_table[_i].use);
	ck_assert_str_eq(text, use_table[_i].want);
	exit_describe_use(text, 10, use_table[_i].ran_ms, &use_table[_i].use);
	ck_assert_uint_eq(strlen(text), 9);
}

/* A shortage may be over when init starts kvd again. */
TEST(test_status_of)
{
	static const int shortages[] = { EMFILE, ENFILE, ENOMEM, ENOSPC, EIO,
		EINTR };
	static const int mistakes[] = { ENOENT, EACCES, EPERM, ENOTDIR, ELOOP,
		EROFS, ENAMETOOLONG };
	size_t i;

	for (i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
		ck_assert_int_eq(exit_status_of(shortages[i]), EX_OSERR);
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		ck_assert_int_eq(exit_status_of(mistakes[i]), EX_CONFIG);
}

static const struct test tests[] = {
	CASE("exit", NULL, NULL),
	EACH(test_exited, exit_table),
	EACH(test_signal, signal_table),
	ONCE(test_signal_number),
	ONCE(test_any_status),
	ONCE(test_short_text),
	ONCE(test_real),
	EACH(test_violation, violation_table),
	ONCE(test_violation_denied),
	EACH(test_use, use_table),
	ONCE(test_status_of),
};

SUITE("exit", tests)
