/*
 * What the servers in bench/ have in common that fork for each client.
 */

#ifndef BENCH_FORKING_H
#define BENCH_FORKING_H

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "listen.h"

/* Accepts clients for ever; serves each in a process of its own. */
__attribute__((noreturn)) static inline void
fork_for_each(void (*serve)(int fd))
{
	int fd, listen_fd = listen_on_loopback();
	pid_t pid;

	/* Children are not to be waited for. */
	if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		err(EX_OSERR, "signal");
	for (;;) {
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1 && errno != EINTR && errno != ECONNABORTED)
			err(EX_OSERR, "accept4");
		if (fd == -1)
			continue;
		if ((pid = fork()) == -1)
			err(EX_OSERR, "fork");
		if (pid == 0) {
			serve(fd);
			_exit(EX_OK);
		}
		(void)close(fd);
	}
}

#endif
