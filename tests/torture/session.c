/*
 * session: a blocking client.
 */

#include <sys/socket.h>
#include <sys/time.h>

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "torture/session.h"

/* The longest time for one reply. */
#define TIMEOUT_S 60
#define BATCH 500
/* The number of keys that session_check reads, evenly spread. */
#define SAMPLES 1000

int
session_open(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || io_set_timeouts(fd, TIMEOUT_S * 1000) == -1 ||
	    connect(fd, (const void *)address, sizeof(*address)) == -1)
		err(EX_UNAVAILABLE, "cannot connect");
	return fd;
}

void
session_close(int fd)
{
	char rest[64];

	(void)shutdown(fd, SHUT_WR);
	while (io_recv(fd, rest, sizeof(rest), 0) > 0)
		;
	(void)close(fd);
}

/* Reads this many bytes, and compares them. */
static bool
hear(int fd, const char *reply, size_t size)
{
	char got[16384];
	ssize_t n;

	while (size > 0) {
		n = io_recv(fd, got, size < sizeof(got) ? size : sizeof(got),
		    0);
		if (n == IO_AGAIN)
			errx(EX_UNAVAILABLE, "kvd does not answer");
		if (n <= 0 || memcmp(got, reply, (size_t)n) != 0)
			return false;
		reply += n;
		size -= (size_t)n;
	}
	return true;
}

static void
say(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n)
		if ((n = io_send(fd, data, size, 0)) < 0)
			err(EX_UNAVAILABLE, "kvd does not read");
}

bool
session_ask(int fd, const char *request, const char *reply)
{
	say(fd, request, strlen(request));
	return hear(fd, reply, strlen(reply));
}

static bool
exchange(int fd, struct buf *out, struct buf *want)
{
	bool good;

	if (buf_failed(out) || buf_failed(want))
		errx(EX_OSERR, "out of memory");
	say(fd, (const char *)buf_data(out), buf_size(out));
	good = hear(fd, (const char *)buf_data(want), buf_size(want));
	buf_truncate(out, 0);
	buf_truncate(want, 0);
	return good;
}

void
session_load(int fd, unsigned int keys)
{
	struct buf out, want;
	char text[64];
	unsigned int i;

	buf_init(&out);
	buf_init(&want);
	buf_append_text(&out, "CREATE initial\n");
	buf_append_text(&want, "OK\r\n");
	for (i = 0; i < keys; i++) {
		(void)snprintf(text, sizeof(text), "PUT initial %09u %u\n", i,
		    i);
		buf_append_text(&out, text);
		buf_append_text(&want, "OK\r\n");
		if (i % BATCH == BATCH - 1 && !exchange(fd, &out, &want))
			errx(EX_UNAVAILABLE, "kvd takes no keys");
	}
	if (!exchange(fd, &out, &want))
		errx(EX_UNAVAILABLE, "kvd takes no keys");
	buf_clear(&out);
	buf_clear(&want);
}

bool
session_check(int fd, unsigned int keys)
{
	unsigned int i, step = keys / SAMPLES + 1;
	char request[64], reply[64];

	for (i = 0; i < keys; i += step) {
		(void)snprintf(request, sizeof(request), "GET initial %09u\n",
		    i);
		(void)snprintf(reply, sizeof(reply), "%u\r\nOK\r\n", i);
		if (!session_ask(fd, request, reply))
			return false;
	}
	return true;
}
