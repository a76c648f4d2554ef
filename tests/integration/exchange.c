/*
 * exchange: see exchange.h.
 */

#include "exchange.h"

#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wait.h"

const char *
exchange_show(const void *data, size_t size)
{
	static char texts[2][200];
	static int turn;
	const uint8_t *p = data;
	char *text = texts[turn = !turn];
	size_t i, n = 0;

	for (i = 0; i < size && i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(texts[0]) - n,
		    isprint(p[i]) && p[i] != '\\' ? "%c" : "\\x%02x", p[i]);
	text[n] = '\0';
	return text;
}

static enum exchange_result
exchange_ended(struct exchange *x, const char *how)
{
	snprintf(x->error, sizeof(x->error),
	    "%s after %zu bytes, where \"%s\" was to come", how, x->got,
	    exchange_show((const uint8_t *)x->want + x->got,
		x->want_size - x->got));
	return EXCHANGE_ENDED;
}

/* Reads the rest of an unexpected line, so that the caller can judge it. */
static void
read_instead(int fd, struct exchange *x, const uint8_t *data, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t room = sizeof(x->instead) - 1;

	if (size > room)
		size = room;
	memcpy(x->instead, data, size);
	while (size < room && memchr(x->instead, '\n', size) == NULL &&
	    poll(&pfd, 1, WAIT_MS) == 1 &&
	    recv(fd, x->instead + size, 1, MSG_DONTWAIT) == 1)
		size++;
	x->instead[size] = '\0';
}

static enum exchange_result
exchange_wrong(int fd, struct exchange *x, const uint8_t *data, size_t size)
{
	const uint8_t *want = (const uint8_t *)x->want + x->got;
	size_t same;

	for (same = 0; same < size && data[same] == want[same]; same++)
		;
	read_instead(fd, x, data + same, size - same);
	snprintf(x->error, sizeof(x->error),
	    "byte %zu: \"%s\" came, where \"%s\" was to", x->got + same,
	    exchange_show(x->instead, strlen(x->instead)),
	    exchange_show(want + same, x->want_size - x->got - same));
	x->got += same;
	return EXCHANGE_WRONG;
}

static enum exchange_result
exchange_recv(int fd, struct exchange *x)
{
	static uint8_t data[65536];
	size_t left = x->want_size - x->got;
	ssize_t n;

	n = recv(fd, data, left < sizeof(data) ? left : sizeof(data),
	    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return EXCHANGE_OK;
	if (n <= 0)
		return exchange_ended(x,
		    n == 0 ? "the end came" : strerror(errno));
	if (memcmp(data, (const uint8_t *)x->want + x->got, (size_t)n) != 0)
		return exchange_wrong(fd, x, data, (size_t)n);
	x->got += (size_t)n;
	return EXCHANGE_OK;
}

static enum exchange_result
exchange_send(int fd, struct exchange *x, size_t *sent)
{
	ssize_t n;

	n = send(fd, (const uint8_t *)x->out + *sent, x->out_size - *sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return EXCHANGE_OK;
	if (n == -1)
		return exchange_ended(x, strerror(errno));
	*sent += (size_t)n;
	return EXCHANGE_OK;
}

enum exchange_result
exchange_run(int fd, struct exchange *x)
{
	enum exchange_result result = EXCHANGE_OK;
	struct pollfd pfd = { .fd = fd };
	size_t sent = 0;

	x->got = 0;
	while (result == EXCHANGE_OK &&
	    (sent < x->out_size || x->got < x->want_size)) {
		pfd.events = 0;
		if (sent < x->out_size)
			pfd.events |= POLLOUT;
		if (x->got < x->want_size)
			pfd.events |= POLLIN;
		if (poll(&pfd, 1, WAIT_MS) != 1) {
			(void)exchange_ended(x, "nothing came");
			return EXCHANGE_WRONG;
		}
		/* Bytes that came before the end are read first. */
		if (x->got < x->want_size &&
		    (pfd.revents & (POLLIN | POLLHUP | POLLERR)))
			result = exchange_recv(fd, x);
		else
			result = exchange_send(fd, x, &sent);
	}
	return result;
}
