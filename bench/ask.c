/*
 * bench/ask: how long a kvd takes to answer one request.
 *
 *	ask port request
 *
 * Prints the milliseconds until the first byte of the reply and until its end,
 * and the size of the reply in bytes.
 */

#include <sys/socket.h>

#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536

static double
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail on Linux */
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
send_line(int fd, const char *line)
{
	if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_MORE) == -1 ||
	    send(fd, "\r\n", 2, MSG_NOSIGNAL) == -1)
		err(EX_UNAVAILABLE, "send");
}

static ssize_t
receive(int fd)
{
	static char data[READ_SIZE];
	ssize_t n = recv(fd, data, sizeof(data), 0);

	if (n == -1)
		err(EX_UNAVAILABLE, "recv");
	return n;
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double begin_ms, first_ms;
	long long size = 0;
	ssize_t n;

	if (argc != 3) {
		fprintf(stderr, "usage: ask port request\n");
		return EX_USAGE;
	}
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(EX_UNAVAILABLE, "connect");
	/* The worker and its connection to the registry are there then. */
	send_line(fd, "PING");
	(void)receive(fd);

	begin_ms = now_ms();
	send_line(fd, argv[2]);
	/* After the reply kvd closes the connection. */
	if (shutdown(fd, SHUT_WR) == -1)
		err(EX_UNAVAILABLE, "shutdown");
	n = receive(fd);
	first_ms = now_ms() - begin_ms;
	if (n == 0)
		errx(EX_UNAVAILABLE, "no reply");
	for (; n > 0; n = receive(fd))
		size += n;
	printf("%.3f %.3f %lld\n", first_ms, now_ms() - begin_ms, size);
	return EX_OK;
}
