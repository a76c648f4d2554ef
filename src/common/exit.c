/*
 * exit: describes how a process has ended, and chooses how one ends.  Runs in
 * the master and the acceptors.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/exit.h"
#include "common/syscall_name.h"

/* The process may have been taken over, and name any number. */
static void
describe_violation(char *text, size_t size, long violation, const char *core)
{
	const char *name = syscall_name(violation);
	char number[24];

	snprintf(number, sizeof(number), "%ld", violation);
	snprintf(text, size, "was killed by its sandbox (system call %s)%s",
	    name != NULL ? name : number, core);
}

void
exit_describe(char *text, size_t size, int status, long violation)
{
	const char *core =
	    WIFSIGNALED(status) && WCOREDUMP(status) ? " (core dumped)" : "";
	const char *name;

	if (!WIFSIGNALED(status)) {
		snprintf(text, size, "exited with status %d",
		    WEXITSTATUS(status));
		return;
	}
	if (WTERMSIG(status) == SIGSYS && violation != EXIT_NO_VIOLATION) {
		describe_violation(text, size, violation, core);
		return;
	}
#ifdef HAVE_SIGABBREV_NP
	if ((name = sigabbrev_np(WTERMSIG(status))) != NULL) {
		snprintf(text, size, "died of SIG%s%s", name, core);
		return;
	}
#endif
	name = strsignal(WTERMSIG(status));
	snprintf(text, size, "died of signal %d (%s)%s", WTERMSIG(status), name,
	    core);
}

void
exit_describe_use(char *text, size_t size, int64_t ran_ms,
    const struct rusage *use)
{
	double processor_s =
	    (double)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) +
	    (double)(use->ru_utime.tv_usec + use->ru_stime.tv_usec) / 1e6;

	snprintf(text, size,
	    "ran %.1fs, used %.2fs of processor time and %ld KiB of memory",
	    (double)ran_ms / 1000, processor_s, use->ru_maxrss);
}

int
exit_status_of(int error)
{
	static const int shortages[] = { EAGAIN, EBUSY, EDQUOT, EINTR, EIO,
		EMFILE, ENFILE, ENOBUFS, ENOLCK, ENOMEM, ENOSPC };
	size_t i;

	for (i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
		if (error == shortages[i])
			return EX_OSERR;
	return EX_CONFIG;
}
