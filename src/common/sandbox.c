/*
 * sandbox: puts a process under the filter of its role.  Runs in the registry,
 * the checkpointer, the acceptors, the workers and kvd-maintain.
 */

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/sandbox.h"

/* Not in the headers of every C library. */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

_Static_assert(sizeof(struct sock_filter) == SANDBOX_INSTRUCTION,
    "an instruction of the kernel's");

/* Set when the process enters its sandbox, and then only read. */
static sandbox_report *report;

static long
seccomp(unsigned int operation, const void *argument)
{
	return syscall(SYS_seccomp, operation, 0, argument);
}

bool
sandbox_is_possible(void)
{
	/* A kernel that knows the operation looks for the filter. */
	return seccomp(SECCOMP_SET_MODE_FILTER, NULL) == -1 && errno == EFAULT;
}

bool
sandbox_is_entered(void)
{
	return seccomp(SANDBOX_MARK, NULL) == -1 && errno == EALREADY;
}

/*
 * The kernel has set the default action before it calls this (SA_RESETHAND),
 * and SIGSYS is not blocked meanwhile (SA_NODEFER).  So another forbidden call
 * ends the process by SIGSYS, and no filter has to allow kill(2) for that.
 * None allows ptrace(2), which fails with these arguments.
 */
static void
on_violation(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	/* Somebody else may have sent the signal. */
	if (info->si_code == SYS_SECCOMP)
		report(info->si_syscall);
	(void)syscall(SYS_ptrace, -1L, 0L, 0L, 0L);
	__builtin_trap();
}

static int
handle_violations(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_violation;
	action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL);
}

int
sandbox_narrow(const struct sandbox_filter *filter)
{
	struct sock_fprog program = { .len = filter->count };

	if (filter->count == 0)
		return 0;
	/* The kernel does not write to it. */
	memcpy(&program.filter, &filter->code, sizeof(program.filter));
	return (int)seccomp(SECCOMP_SET_MODE_FILTER, &program);
}

int
sandbox_enter(const struct sandbox_filter *filter, sandbox_report *violation)
{
	if (filter->count == 0)
		return 0;
	report = violation;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    handle_violations() == -1)
		return -1;
	return sandbox_is_entered() ? 0 : sandbox_narrow(filter);
}
