/*
 * bench/bare: forks for each client, and the child sends back what it is sent
 * until the client leaves: the least that a request can cost a server with a
 * process for each client.
 *
 *	bare			listens on a port of the loopback, and prints it
 */

#include <sys/prctl.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>

#include "forking.h"

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

static void
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
}

int
main(void)
{
	fork_for_each(serve);
}
