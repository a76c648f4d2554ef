/*
 * bench/forker: accepts, forks, and in the child reads once, answers OK and
 * exits: the least that a server with a process for each connection can do.
 *
 *	forker			listens on a port of the loopback, and prints it
 */

#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "listen.h"

__attribute__((noreturn)) static void
answer(int fd)
{
	static const char reply[] = "OK\r\n";
	char data[512];

	if (recv(fd, data, sizeof(data), 0) > 0)
		(void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
	_exit(EX_OK);
}

int
main(void)
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
		if (pid == 0)
			answer(fd);
		(void)close(fd);
	}
}
