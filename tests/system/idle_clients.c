/*
 * idle_clients: idle-clients' many clients, in one process.  Each connects, is
 * served once, and is then silent, but for one that asks now and then.
 *
 *	idle_clients SOCKET NUMBER FILE
 *
 * Writes its lines of the table to FILE when all are connected, and ends with
 * standard input.  Exits with 1 if a client was refused or waited for a second.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 1000.0

static double
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
connect_one(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		errx(1, "%s: too long", path);
	strcpy(addr.sun_path, path);
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1)
		err(1, "connect");
	return fd;
}

/* How long one request takes, in ms. */
static double
ask(int fd)
{
	double begin_ms = now_ms();
	char reply[64];
	ssize_t n;

	if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6)
		err(1, "send");
	n = recv(fd, reply, sizeof(reply) - 1, 0);
	if (n != 4 || memcmp(reply, "OK\r\n", 4) != 0)
		errx(1, "a client was not served: %.*s", (int)(n > 0 ? n : 0),
		    reply);
	return now_ms() - begin_ms;
}

static void
keep_worst(double ms, double *worst_ms)
{
	if (ms > *worst_ms)
		*worst_ms = ms;
}

int
main(int argc, char *argv[])
{
	double begin_ms, one_ms, admitted_ms = 0, answered_ms = 0, idle_ms = 0;
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int i, number, asker, *fds;
	FILE *out;

	if (argc != 4)
		errx(2, "usage: idle_clients SOCKET NUMBER FILE");
	number = atoi(argv[2]);
	if (number < 1 || (fds = calloc((size_t)number, sizeof(*fds))) == NULL)
		errx(1, "%s clients are impossible", argv[2]);
	asker = connect_one(argv[1]);
	(void)ask(asker);
	begin_ms = now_ms();
	for (i = 0; i < number; i++) {
		one_ms = now_ms();
		fds[i] = connect_one(argv[1]);
		(void)ask(fds[i]);
		keep_worst(now_ms() - one_ms, &admitted_ms);
		if (i % 10 == 0)
			keep_worst(ask(asker), &answered_ms);
	}
	begin_ms = now_ms() - begin_ms;
	for (i = 0; i < 1000; i++)
		keep_worst(ask(asker), &idle_ms);
	if ((out = fopen(argv[3], "w")) == NULL)
		err(1, "%s", argv[3]);
	fprintf(out,
	    "%d clients admitted in %.1f s, the slowest in %.0f ms\n"
	    "a client that asks waited for %.1f ms at most meanwhile, and "
	    "for %.1f ms beside all\n",
	    number, begin_ms / 1e3, admitted_ms, answered_ms, idle_ms);
	if (fclose(out) != 0)
		err(1, "%s", argv[3]);
	while (poll(&input, 1, -1) == -1)
		;
	free(fds);
	return admitted_ms < LIMIT_MS && answered_ms < LIMIT_MS &&
		idle_ms < LIMIT_MS ?
	    0 :
	    1;
}
