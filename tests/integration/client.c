/*
 * client: see client.h.
 */

#include "client.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"
#include "server.h"
#include "suite.h"
#include "wait.h"

/* Connecting */

static int
connect_or_fail(int fd, const struct sockaddr *addr, socklen_t size)
{
	ck_assert_int_ne(fd, -1);
	if (connect(fd, addr, size) == -1)
		ck_abort_msg("cannot connect: %s", strerror(errno));
	return fd;
}

int
client_connect_to(const char *host, int port)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai;
	static const int on = 1;
	char service[16];
	int fd;

	snprintf(service, sizeof(service), "%d", port);
	ck_assert_int_eq(getaddrinfo(host, service, &hints, &ai), 0);
	fd = connect_or_fail(
	    socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), ai->ai_addr,
	    ai->ai_addrlen);
	freeaddrinfo(ai);
	/* Each write becomes a segment of its own. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int
client_connect(const struct server *s)
{
	return client_connect_to(s->host, s->port);
}

int
client_connect_from(const struct server *s, const char *source)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)s->port);
	ck_assert_int_eq(inet_pton(AF_INET, source, &from.sin_addr), 1);
	ck_assert_int_eq(inet_pton(AF_INET, s->host, &to.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&from, sizeof(from)),
	    0);
	return connect_or_fail(fd, (const struct sockaddr *)&to, sizeof(to));
}

int
client_connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	ck_assert_uint_lt(strlen(path), sizeof(sun.sun_path));
	memcpy(sun.sun_path, path, strlen(path));
	return connect_or_fail(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    (const struct sockaddr *)&sun, sizeof(sun));
}

int
server_connect_unix(const struct server *s)
{
	char path[sizeof(s->dir) + 8];

	snprintf(path, sizeof(path), "%s/sock", s->dir);
	return client_connect_unix(path);
}

int
connect_and_ping(const struct server *s)
{
	int fd = client_connect(s);

	client_ask(fd, "PING\n", "OK\r\n");
	return fd;
}

void
expect_new_client(const struct server *s)
{
	(void)close(connect_and_ping(s));
}

/* Returns -1 if the server has too many clients. */
static int
try_client(const struct server *s, connect_function *connect)
{
	static const char out[] = "ECHO a\n", want[] = "a\r\nOK\r\n";
	static const char too_many[] = "ERROR too many clients";
	struct exchange x = { .out = out,
		.out_size = sizeof(out) - 1,
		.want = want,
		.want_size = sizeof(want) - 1 };
	int fd = connect(s);

	switch (exchange_run(fd, &x)) {
	case EXCHANGE_OK:
		return fd;
	case EXCHANGE_WRONG:
		ck_assert_msg(strncmp(x.instead, too_many, strlen(too_many)) ==
			0,
		    "%s", x.error);
		break;
	case EXCHANGE_ENDED:
		break; /* the error message was lost */
	}
	(void)close(fd);
	return -1;
}

int
client_await_room(const struct server *s, connect_function *connect)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int fd;

	while ((fd = try_client(s, connect)) == -1)
		pause_until(deadline_ms, "there is no room for a client");
	return fd;
}

int
client_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)(void *)&addr)->sin6_port);
	return ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port);
}

/* Sending and expecting */

void
client_exchange(int fd, const void *out, size_t out_size, const void *want,
    size_t want_size)
{
	struct exchange x = { .out = out,
		.out_size = out_size,
		.want = want,
		.want_size = want_size };

	if (exchange_run(fd, &x) != EXCHANGE_OK)
		ck_abort_msg("\"%s\": %s", exchange_show(out, out_size),
		    x.error);
}

void
client_send(int fd, const void *data, size_t size)
{
	client_exchange(fd, data, size, NULL, 0);
}

void
client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

void
client_await_read(int fd)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int unread;

	for (;;) {
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unread), 0);
		if (unread == 0)
			return;
		ck_assert_int_lt(now_ms(), deadline_ms);
		(void)sched_yield();
	}
}

void
client_half_close(int fd)
{
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
}

void
client_expect(int fd, const void *data, size_t size)
{
	client_exchange(fd, NULL, 0, data, size);
}

void
client_hear(int fd, const char *text)
{
	client_expect(fd, text, strlen(text));
}

void
client_ask(int fd, const char *request, const char *reply)
{
	client_exchange(fd, request, strlen(request), reply, strlen(reply));
}

/* Waits and reads: more than 0 bytes, 0 at the end, -1 and errno. */
static ssize_t
await_bytes(int fd, void *data, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, WAIT_MS) != 1)
		ck_abort_msg("nothing came, not even the end");
	return recv(fd, data, size, 0);
}

void
client_read_line(int fd, char line[LINE_SIZE])
{
	size_t size = 0;
	ssize_t n;

	do {
		ck_assert_uint_lt(size, LINE_SIZE - 1);
		n = await_bytes(fd, line + size, 1);
		ck_assert_msg(n == 1, "the end came, where a line was to");
	} while (line[size++] != '\n');
	line[size] = '\0';
}

long
client_stat(int fd, const char *name)
{
	char line[LINE_SIZE], word[LINE_SIZE], *value, *end;
	long number, found = -1;

	client_say(fd, "STATS\n");
	for (;;) {
		client_read_line(fd, line);
		if (strcmp(line, "OK\r\n") == 0)
			break;
		ck_assert_int_eq(sscanf(line, "%127s ", word), 1);
		value = line + strlen(word) + 1;
		number = strtol(value, &end, 10);
		/* All but the version are numbers. */
		if (strcmp(word, "version") != 0)
			ck_assert_str_eq(end, "\r\n");
		if (strcmp(word, name) == 0)
			found = number;
	}
	ck_assert_msg(found >= 0, "no %s in STATS", name);
	return found;
}

void
client_expect_end(int fd)
{
	char data[64];
	ssize_t n;

	n = await_bytes(fd, data, sizeof(data));
	if (n > 0)
		ck_abort_msg("\"%s\" came, where the end was to",
		    exchange_show(data, (size_t)n));
	if (n == -1)
		ck_abort_msg("%s came, where the end was to", strerror(errno));
	(void)close(fd);
}

void
client_expect_gone(int fd)
{
	static char data[65536];

	while (await_bytes(fd, data, sizeof(data)) > 0)
		;
	(void)close(fd);
}

char *
client_read_all(int fd, size_t *size)
{
	size_t room = 65536;
	char *data = NULL;
	ssize_t n;

	for (*size = 0;; *size += (size_t)n) {
		if (data == NULL || *size == room - 1)
			data = realloc(data, room *= 2);
		ck_assert_ptr_nonnull(data);
		n = await_bytes(fd, data + *size, room - 1 - *size);
		ck_assert_msg(n != -1, "%s", strerror(errno));
		if (n == 0)
			break;
	}
	data[*size] = '\0';
	(void)close(fd);
	return data;
}
