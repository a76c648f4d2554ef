/*
 * sandbox_worker: what a worker may still do once it begins to serve its
 * client.  Of all processes it alone reads bytes from anyone: assume that it is
 * taken over.  Each line allows one system call.
 *
 * What is missing on purpose: open(2), so no file; kill(2), so a worker cannot
 * even end itself by a signal, and when the C library aborts it, that is a
 * violation; ioctl(2), prctl(2), clone(2), execve(2).
 */

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "sandbox/sandbox_compile.h"

/* Those with a time of 64 bits, which libcs of 32-bit processors use. */
#define RCVTIMEO_NEW 66
#define SNDTIMEO_NEW 67

static const struct sandbox_rule rules[] = {
	SANDBOX_ALLOW("recvfrom|recv"),
	SANDBOX_ALLOW("sendto|send"),
	SANDBOX_ALLOW("ppoll|ppoll_time64"),
	SANDBOX_ALLOW("close"),
	/* The registry again if that has died, and syslogd. */
	SANDBOX_ALLOW("connect"),
	SANDBOX_ALLOW_IF("socket", 0, SANDBOX_INT, AF_UNIX),
	SANDBOX_ALLOW_IF_BOTH("setsockopt", 1, SANDBOX_INT, SOL_SOCKET, 2,
	    SANDBOX_INT, SO_RCVTIMEO),
	SANDBOX_ALLOW_IF_BOTH("setsockopt", 1, SANDBOX_INT, SOL_SOCKET, 2,
	    SANDBOX_INT, SO_SNDTIMEO),
	SANDBOX_ALLOW_IF_BOTH("setsockopt", 1, SANDBOX_INT, SOL_SOCKET, 2,
	    SANDBOX_INT, RCVTIMEO_NEW),
	SANDBOX_ALLOW_IF_BOTH("setsockopt", 1, SANDBOX_INT, SOL_SOCKET, 2,
	    SANDBOX_INT, SNDTIMEO_NEW),
	/* Is it the registry that it has connected to? */
	SANDBOX_ALLOW_IF_BOTH("getsockopt", 1, SANDBOX_INT, SOL_SOCKET, 2,
	    SANDBOX_INT, SO_PEERCRED),
	SANDBOX_ALLOW("shutdown"),
	SANDBOX_ALLOW("exit_group"),
	/* Where the C library cannot read the clock by itself. */
	SANDBOX_ALLOW("clock_gettime|clock_gettime64"),
	/* malloc(3): memory that belongs to no file and is never executed. */
	SANDBOX_ALLOW("brk"),
	SANDBOX_ALLOW_IF_BOTH("mmap|mmap2", 2, PROT_EXEC, 0, 3,
	    MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS,
	    MAP_PRIVATE | MAP_ANONYMOUS),
	SANDBOX_ALLOW("munmap"),
	/* The log, where standard error is no socket. */
	SANDBOX_ALLOW_IF("write", 0, SANDBOX_INT, STDERR_FILENO),
#ifdef SANDBOX_OTHER_LIBC
	SANDBOX_ALLOW_IF("mprotect", 2, PROT_EXEC, 0),
#endif
	/* malloc(3) does without these. */
	SANDBOX_REFUSE("mremap", ENOMEM),
	SANDBOX_REFUSE("madvise", EINVAL),
};

const struct sandbox_list sandbox_worker = { rules,
	sizeof(rules) / sizeof(rules[0]) };
