/*
 * Confines a process to the system calls of its role, with a filter of
 * seccomp(2).  The master makes the filters (sandbox/sandbox_compile.h) and
 * sends each child its own, so that the children need no library for it.
 *
 * A system call that the filter does not allow is not executed.  The kernel
 * sends SIGSYS instead, whose handler reports the number of the call, and then
 * ends the process by the same signal.  The kernel resets the action of the
 * signal as it calls the handler, so that a second violation, even by somebody
 * who has taken over the handler, kills the process at once.
 */

#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* Instructions in the format of the kernel (struct sock_filter, of any
 * alignment).  With a count of 0 there is no filter. */
struct sandbox_filter {
	const void *code;
	uint16_t count;
};

/* The size of an instruction in bytes. */
#define SANDBOX_INSTRUCTION 8
/* The most that a filter may have.  The largest has fewer than 250. */
#define SANDBOX_COUNT_MAX 1024
/* An operation that seccomp(2) does not have.  A filter that allows seccomp(2)
 * answers it with EALREADY (sandbox_is_entered()). */
#define SANDBOX_MARK 0x6b7664

/* Reports a violation.  It is called by a signal handler, and may only call
 * what signal-safety(7) lists. */
typedef void sandbox_report(int number);

/* Has the kernel such filters? */
bool sandbox_is_possible(void);
/* Is a filter in force that sandbox_enter() has set, also before execve(2)? */
bool sandbox_is_entered(void);
/*
 * Sets no_new_privs, the handler of SIGSYS, and the filter, unless the filter is
 * in force already (sandbox_is_entered()).  It holds for this process, those
 * that it forks, and after execve(2).  Does nothing without a filter.  Returns
 * 0, or -1 with errno.
 */
int sandbox_enter(const struct sandbox_filter *, sandbox_report *);
/* Adds a filter to the one that is in force: from now on, both have to allow a
 * call.  Does nothing without a filter.  Returns 0, or -1 with errno. */
int sandbox_narrow(const struct sandbox_filter *);

#endif
