/*
 * A helper of kvd that makes a system call which its sandbox does not allow,
 * as one would that somebody has taken over.
 */

#ifndef INTEGRATION_VIOLATE_H
#define INTEGRATION_VIOLATE_H

#include <sys/socket.h>

#include <unistd.h>

/* If the sandbox allows it, the process ends with this status, and the test
 * fails. */
#define VIOLATION_ALLOWED 42

static inline void
violate(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
	_exit(VIOLATION_ALLOWED);
}

#endif
