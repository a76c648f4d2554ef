/*
 * What the servers in bench/ have in common: a port that was free.
 */

#ifndef BENCH_LISTEN_H
#define BENCH_LISTEN_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sysexits.h>

#define LISTEN_BACKLOG 1024

/* Binds a port of 127.0.0.1 that the kernel chooses, and prints it. */
static inline int
listen_on_loopback(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, size) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &size) == -1)
		err(EX_OSERR, "listen");
	printf("%u\n", ntohs(sin.sin_port));
	(void)fflush(stdout);
	return fd;
}

#endif
