/*
 * bench/echo: sends back what it is sent, in one process with epoll(7): the
 * server that costs the least, to see what a load generator can drive.
 *
 *	echo			listens on a port of the loopback, and prints it
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "listen.h"

#define EVENTS_MAX 256
#define READ_SIZE 65536

static void
watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		err(EX_OSERR, "epoll_ctl");
}

static void
take_client(int epoll_fd, int listen_fd)
{
	int on = 1, fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	watch(epoll_fd, fd);
}

/* Its clients read what they have asked for: sending may block. */
static void
echo(int fd)
{
	static char data[READ_SIZE];
	ssize_t n = recv(fd, data, sizeof(data), 0), sent, at;

	for (at = 0; at < n; at += sent)
		if ((sent = send(fd, data + at, (size_t)(n - at),
			 MSG_NOSIGNAL)) == -1)
			n = -1;
	if (n <= 0)
		(void)close(fd);
}

int
main(void)
{
	struct epoll_event events[EVENTS_MAX];
	int i, n, epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int listen_fd = listen_on_loopback();

	if (epoll_fd == -1)
		err(EX_OSERR, "epoll_create1");
	watch(epoll_fd, listen_fd);
	for (;;) {
		n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
		if (n == -1 && errno != EINTR)
			err(EX_OSERR, "epoll_wait");
		for (i = 0; i < n; i++)
			if (events[i].data.fd == listen_fd)
				take_client(epoll_fd, listen_fd);
			else
				echo(events[i].data.fd);
	}
}
