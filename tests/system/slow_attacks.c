/*
 * slow_attacks: what clients do that are slow, or that mean harm.  Each function
 * runs in a process of its own, with the connections that it opens.
 */

#include <sys/socket.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "system/slow_clients.h"

#define LARGE ((size_t)1 << 20)
#define LISTED 100000
#define EXPIRING 1000000
/* Requests that are sent before their replies are read. */
#define BATCH 1000
/* All keys expire so long after the first was put: longer than it takes. */
#define EXPIRE_S 40

static void
pause_ms(long ms)
{
	(void)poll(NULL, 0, (int)ms);
}

/* Text that grows. */
struct text {
	char *data;
	size_t size, room;
};

__attribute__((format(printf, 2, 3))) static void
add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	if (t->room - t->size < 512 &&
	    (t->data = realloc(t->data, t->room += 65536)) == NULL)
		err(1, NULL);
	va_start(args, format);
	n = vsnprintf(t->data + t->size, t->room - t->size, format, args);
	va_end(args);
	t->size += (size_t)n;
}

/* Reads so many lines. */
static void
hear_lines(int fd, int lines)
{
	static char data[65536];
	ssize_t n, i;

	while (lines > 0) {
		if ((n = recv(fd, data, sizeof(data), 0)) <= 0)
			errx(1, "kvd has closed a connection");
		for (i = 0; i < n; i++)
			lines -= data[i] == '\n';
	}
}

/* Sends what kvd takes now.  False: it has closed the connection. */
static bool
stuff(int fd, const char *text, size_t size)
{
	return send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL) != -1 ||
	    errno == EAGAIN;
}

static int *
connect_all(int port, int clients)
{
	int *fds = calloc((size_t)clients, sizeof(*fds)), i;

	if (fds == NULL)
		err(1, NULL);
	for (i = 0; i < clients; i++)
		fds[i] = connect_to(port);
	return fds;
}

/* Sends this again and again from all connections, and reads nothing.  One that
 * kvd has closed is opened again. */
__attribute__((noreturn)) static void
stuff_all(int port, int clients, const char *text, size_t size)
{
	int *fds = connect_all(port, clients), i;

	for (;;) {
		for (i = 0; i < clients; i++)
			if (!stuff(fds[i], text, size)) {
				(void)close(fds[i]);
				fds[i] = connect_to(port);
			}
		pause_ms(10);
	}
}

/* The same, once; then the connections stay open. */
__attribute__((noreturn)) static void
stuff_once(int port, int clients, const char *text, size_t size)
{
	int *fds = connect_all(port, clients), i;

	for (i = 0; i < clients; i++)
		(void)stuff(fds[i], text, size);
	for (;;)
		pause_ms(1000);
}

static void
stay_silent(int port, int clients)
{
	stuff_once(port, clients, "", 0);
}

/* They have sent all that they will, or read all that they will. */
static void
stay_half_open(int port, int clients)
{
	int *fds = connect_all(port, clients), i;

	for (i = 0; i < clients; i++)
		(void)shutdown(fds[i], i % 2 == 0 ? SHUT_RD : SHUT_WR);
	for (;;)
		pause_ms(1000);
}

static void
send_bytes(int port, int clients)
{
	int *fds = connect_all(port, clients), i;

	for (;;)
		for (i = 0; i < clients; i++) {
			(void)stuff(fds[i], "G", 1);
			if (i % 100 == 99)
				pause_ms(100000 / clients);
		}
}

static void
leave_large_unread(int port, int clients)
{
	static const char text[] =
	    "GET b large\nGET b large\nGET b large\nGET b large\n";

	stuff_all(port, clients, text, sizeof(text) - 1);
}

static void
leave_listing_unread(int port, int clients)
{
	static const char text[] = "ENTRIES l\n";

	stuff_once(port, clients, text, sizeof(text) - 1);
}

/* Some of them abort the connection. */
static void
storm(int port, int clients)
{
	static const struct linger abort = { 1, 0 };
	int fd, i;

	for (;;) {
		for (i = 0; i < clients; i++) {
			fd = connect_to(port);
			if (i % 3 == 0)
				(void)stuff(fd, "PING\n", 5);
			if (i % 3 == 1)
				(void)setsockopt(fd, SOL_SOCKET, SO_LINGER,
				    &abort, sizeof(abort));
			(void)close(fd);
		}
	}
}

static void
send_giant_lines(int port, int clients)
{
	char *line = malloc(LARGE);

	if (line == NULL)
		err(1, NULL);
	memset(line, 'x', LARGE);
	stuff_all(port, clients, line, LARGE);
}

static void
repeat_transaction(int port, int clients, const char *command)
{
	struct text t = { NULL, 0, 0 };
	int i;

	add(&t, "BEGIN\n");
	for (i = 0; i < 999; i++)
		add(&t, "%s\n", command);
	add(&t, "COMMIT\n");
	stuff_all(port, clients, t.data, t.size);
}

static void
commit_reads(int port, int clients)
{
	repeat_transaction(port, clients, "GET b medium");
}

static void
commit_counts(int port, int clients)
{
	repeat_transaction(port, clients, "COUNT e");
}

static void
commit_writes(int port, int clients)
{
	repeat_transaction(port, clients, "INCR b shared");
}

static void
subscribe(int port, int clients)
{
	int *fds = connect_all(port, clients), writer = connect_to(port), i;
	struct text t = { NULL, 0, 0 };

	for (i = 0; i < clients; i++)
		(void)stuff(fds[i], "SUBSCRIBE b\n", 12);
	for (i = 0; i < BATCH; i++)
		add(&t, "PUT b k%d %0200d\n", i, i);
	for (;;) {
		say_all(writer, t.data, t.size);
		hear_lines(writer, BATCH);
	}
}

static void
list_giants(int port, int clients)
{
	int *fds = connect_all(port, clients), i;
	static char data[65536];

	for (;;)
		for (i = 0; i < clients; i++) {
			(void)stuff(fds[i], "ENTRIES l\n", 10);
			(void)!recv(fds[i], data, sizeof(data), MSG_DONTWAIT);
		}
}

/* All expire in the same second. */
static void
expire_at_once(int port, int clients)
{
	time_t expire_s = time(NULL) + EXPIRE_S;
	struct text t = { NULL, 0, 0 };
	int fd = connect_to(port), i, j;

	(void)clients;
	for (i = 0; i < EXPIRING; i += BATCH) {
		t.size = 0;
		for (j = 0; j < BATCH; j++)
			add(&t, "PUT e k%d v EX %ld\n", i + j,
			    (long)(expire_s - time(NULL)));
		say_all(fd, t.data, t.size);
		hear_lines(fd, BATCH);
	}
	while (time(NULL) < expire_s - 1)
		pause_ms(50);
	(void)!write(STDOUT_FILENO, "", 1);
	for (;;)
		pause_ms(1000);
}

void
attacks_prepare(int port)
{
	struct text t = { NULL, 0, 0 };
	int fd = connect_to(port), i, j;
	char *large = malloc(LARGE);

	if (large == NULL)
		err(1, NULL);
	memset(large, 'x', LARGE);
	add(&t,
	    "CREATE b\nCREATE e\nCREATE l\nPUT b k v\n"
	    "PUT b medium %02000d\nPUT b large ",
	    0);
	say_all(fd, t.data, t.size);
	say_all(fd, large, LARGE);
	say_all(fd, "\n", 1);
	hear_lines(fd, 6);
	for (i = 0; i < LISTED; i += BATCH) {
		t.size = 0;
		for (j = 0; j < BATCH; j++)
			add(&t, "PUT l key%d %0100d\n", i + j, i + j);
		say_all(fd, t.data, t.size);
		hear_lines(fd, BATCH);
	}
	free(large);
	free(t.data);
	(void)close(fd);
}

const struct attack attacks[] = {
	{ "silent", stay_silent, 1, false },
	{ "half-open", stay_half_open, 1, false },
	{ "a byte a second", send_bytes, 1, false },
	{ "connect and close", storm, 10, false },
	{ "large values unread", leave_large_unread, 4, false },
	{ "listings unread", leave_listing_unread, 4, false },
	{ "listings half read", list_giants, 20, false },
	{ "subscribers unread", subscribe, 10, false },
	{ "giant lines", send_giant_lines, 10, false },
	{ "transactions of GET", commit_reads, 10, false },
	{ "transactions of INCR", commit_writes, 10, false },
	{ "transactions of COUNT", commit_counts, 10, false },
	{ "a million keys expire", expire_at_once, 1, true },
};

const size_t n_attacks = sizeof(attacks) / sizeof(attacks[0]);
