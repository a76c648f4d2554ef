/*
 * bench/hold: idle clients, to see what they cost a server.
 *
 *	hold port clients request
 *
 * Connects, has each client ask once and wait for its answer, prints "ready"
 * and keeps them until its standard input ends.
 */

#include <sys/resource.h>
#include <sys/socket.h>

#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define CLIENTS_MAX 100000

static void
hold_one(const struct sockaddr_in *sin, const char *request)
{
	struct timeval timeout = { .tv_sec = 30 };
	char reply[512];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		sizeof(timeout)) == -1 ||
	    connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == -1)
		err(EX_UNAVAILABLE, "connect");
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1 ||
	    send(fd, "\r\n", 2, MSG_NOSIGNAL) == -1 ||
	    recv(fd, reply, sizeof(reply), 0) <= 0)
		err(EX_UNAVAILABLE, "no reply");
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rlimit limit;
	long i, n;

	if (argc != 4 || (n = atol(argv[2])) < 1 || n > CLIENTS_MAX) {
		fprintf(stderr, "usage: hold port clients request\n");
		return EX_USAGE;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	for (i = 0; i < n; i++)
		hold_one(&sin, argv[3]);
	puts("ready");
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	return EX_OK;
}
