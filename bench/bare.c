/*
 * bench/bare: forks for each client, and the child sends back what it is sent
 * until the client leaves: the least that a request can cost a server with a
 * process for each client.
 *
 *	bare			listens on a port of the loopback, and prints it
 */

#include <sys/prctl.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "listen.h"

#define READ_SIZE 65536

/* Its client reads what it has asked for: sending may block. */
static ssize_t
send_all(int fd, const char *data, ssize_t size)
{
	ssize_t n, at;

	for (at = 0; at < size; at += n)
		if ((n = send(fd, data + at, (size_t)(size - at),
			 MSG_NOSIGNAL)) == -1)
			return -1;
	return size;
}

__attribute__((noreturn)) static void
serve(int fd)
{
	static char data[READ_SIZE];
	int on = 1;
	ssize_t n;

	/* When the server ends, nobody else would end this. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	do {
		n = recv(fd, data, sizeof(data), 0);
	} while (n > 0 && send_all(fd, data, n) > 0);
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
			serve(fd);
		(void)close(fd);
	}
}
