/*
 * check_memory: what clients and workers can make the registry hold in memory
 * (registry/memory.c), and that all others are served meanwhile.
 */

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_worker.h"
#include "proto/message.h"
#include "stream.h"

/* The registry keeps 16 MiB for large messages and replies, and the allocator
 * may have as much again that is free, and some more in gaps; each connection
 * has some input and output besides. */
#define GROWTH_KIB (48L << 10)
/* And the tables of what is in the log, replies to writes among it. */
#define TABLES_KIB (64L << 10)

/* The value of the key "big", all of it the letter x. */
#define BIG ((size_t)1 << 20)
static char big[BIG + 1];

static struct server *server;
static int client; /* an honest one */
static pid_t registry;
static long before_kib;

static void
setup(void)
{
	server = server_new();
	server_option(server, "sync never");
	listen_unix(server);
	server_run(server);
	client = client_connect(server);
	memset(big, 'x', BIG);
	client_ask(client, "CREATE b\n", "OK\r\n");
	client_say(client, "PUT b big ");
	client_say(client, big);
	client_ask(client, "\nPUT b k v\n", "OK\r\nOK\r\n");
	registry = server_pid(server, "registry");
	before_kib = process_private_kib(registry);
}

static void
teardown(void)
{
	(void)close(client);
	server_stop(server);
}

static void
expect_bounded(long growth_kib)
{
	client_ask(client, "GET b k\nINCR b n\nDELETE b n\n",
	    "v\r\nOK\r\n1\r\nOK\r\nOK\r\n");
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(registry),
		    before_kib + growth_kib);
}

static void
expect_logged(const char *text)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (server_log_count(server, text) == 0)
		pause_until(deadline_ms, text);
}

/* Clients that ask for much, all at the same time, and read nothing. */
#define CLIENTS 40
/* A value of which 1000 are nearly the largest reply of a transaction. */
#define MEDIUM 2000
#define GETS 1000

static void
say_transaction(struct buf *out, bool writes)
{
	int i;

	add(out, "BEGIN\n");
	for (i = 0; i < GETS - 1; i++)
		add(out, "GET b medium\n");
	add(out, writes ? "PUT b w v\n" : "GET b medium\n");
	add(out, "COMMIT\n");
}

static void
want_transaction(struct buf *want, bool writes)
{
	int i;

	add(want, "OK\r\n");
	for (i = 0; i < GETS; i++)
		add(want, "QUEUED\r\n");
	for (i = 0; i < GETS - 1; i++)
		add(want, "%.*s\r\nOK\r\n", MEDIUM, big);
	if (!writes)
		add(want, "%.*s\r\n", MEDIUM, big);
	add(want, "OK\r\nOK\r\n");
}

TEST(test_transactions)
{
	bool writes = _i == 1;
	struct buf out, want;
	int i, fds[CLIENTS];
	long commits;

	buf_init(&out);
	buf_init(&want);
	add(&out, "PUT b medium %.*s\n", MEDIUM, big);
	add(&want, "OK\r\n");
	exchange_bufs(client, &out, &want);
	commits = client_stat(client, "commits");
	say_transaction(&out, writes);
	want_transaction(&want, writes);
	for (i = 0; i < CLIENTS; i++) {
		fds[i] = server_connect_unix(server);
		client_send(fds[i], buf_data(&out), buf_size(&out));
	}
	/* The first reply of each: all are at work. */
	for (i = 0; i < CLIENTS; i++)
		client_hear(fds[i], "OK\r\n");
	expect_bounded(GROWTH_KIB + (writes ? TABLES_KIB : 0));
	buf_consume(&want, strlen("OK\r\n"));
	for (i = 0; i < CLIENTS; i++) {
		client_expect(fds[i], buf_data(&want), buf_size(&want));
		(void)close(fds[i]);
	}
	expect_bounded(GROWTH_KIB + (writes ? TABLES_KIB : 0));
	/* Those of expect_bounded() are commits, too. */
	if (!writes)
		ck_assert_int_le(client_stat(client, "commits"), commits + 4);
	buf_clear(&out);
	buf_clear(&want);
}

/*
 * They ask for several large values at once.  While a client reads nothing its
 * worker takes one reply, and leaves others in the registry.  These workers are
 * disconnected when others need the memory, and repeat what was not answered.
 */
#define VALUES 6

TEST(test_values)
{
	int i, j, fds[CLIENTS];
	struct buf out, want;

	buf_init(&out);
	buf_init(&want);
	for (j = 0; j < VALUES; j++) {
		buf_append_text(&out, "GET b big\n");
		buf_append_text(&want, big);
		buf_append_text(&want, "\r\nOK\r\n");
	}
	for (i = 0; i < CLIENTS; i++) {
		fds[i] = server_connect_unix(server);
		client_send(fds[i], buf_data(&out), buf_size(&out));
	}
	expect_logged("others need the memory");
	expect_bounded(GROWTH_KIB);
	client_say(client, "GET b big\n");
	client_expect(client, buf_data(&want), buf_size(&want) / VALUES);
	for (i = 0; i < CLIENTS; i++) {
		client_expect(fds[i], buf_data(&want), buf_size(&want));
		(void)close(fds[i]);
	}
	expect_bounded(GROWTH_KIB);
	buf_clear(&out);
	buf_clear(&want);
}

/* Listings whose pages are large, of clients that read nothing. */
TEST(test_pages)
{
	struct buf want;
	int i, fds[CLIENTS];

	buf_init(&want);
	buf_append_text(&want, "big ");
	buf_append_text(&want, big);
	buf_append_text(&want, "\r\nk v\r\nOK\r\n");
	for (i = 0; i < CLIENTS; i++) {
		fds[i] = server_connect_unix(server);
		client_say(fds[i], "ENTRIES b\n");
	}
	expect_bounded(GROWTH_KIB);
	for (i = 0; i < CLIENTS; i++) {
		client_expect(fds[i], buf_data(&want), buf_size(&want));
		(void)close(fds[i]);
	}
	ck_assert_int_eq(client_stat(client, "pins"), 0);
	expect_bounded(GROWTH_KIB);
	buf_clear(&want);
}

/* Workers that send large messages, all but the last byte. */

static void
say_hello(struct buf *said, uint64_t session)
{
	size_t position = message_begin(said, MESSAGE_HELLO, 0);

	message_put_u16(said, MESSAGE_VERSION);
	message_put_u64(said, session);
	message_put_u64(said, 0);
	message_put_u64(said, 0);
	message_end(said, position);
}

static void
say_put(struct buf *said)
{
	size_t position = message_begin(said, MESSAGE_PUT, 1);

	message_put_name(said, bytes_from_text("b"));
	message_put_name(said, bytes_from_text("k"));
	message_put_value(said, bytes_from_text(big));
	message_end(said, position);
}

/* As much as the registry takes. */
static void
send_some(int fd, const struct buf *said, size_t *sent)
{
	ssize_t n;

	n = send(fd, buf_data(said) + *sent, buf_size(said) - 1 - *sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		*sent += (size_t)n;
}

TEST(test_messages)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int i, fds[CLIENTS];
	size_t sent[CLIENTS] = { 0 };
	struct buf said;

	for (i = 0; i < CLIENTS; i++) {
		fds[i] = fake_worker_connect(server);
		buf_init(&said);
		say_hello(&said, fake_worker_session(server));
		client_send(fds[i], buf_data(&said), buf_size(&said));
		buf_clear(&said);
	}
	buf_init(&said);
	say_put(&said);
	while (server_log_count(server, "others need the memory") == 0) {
		for (i = 0; i < CLIENTS; i++)
			send_some(fds[i], &said, &sent[i]);
		expect_bounded(GROWTH_KIB);
		pause_until(deadline_ms, "a worker is disconnected");
	}
	client_say(client, "PUT b k ");
	client_say(client, big);
	client_ask(client, "\nPUT b k v\n", "OK\r\nOK\r\n");
	for (i = 0; i < CLIENTS; i++)
		(void)close(fds[i]);
	expect_bounded(GROWTH_KIB);
	buf_clear(&said);
}

/*
 * Subscribers who read nothing at first, while much is written: in commits that
 * are larger than a queue may be, or in small ones.
 */
#define SUBSCRIBERS 40
#define QUEUES_KIB (64L << 10)
static const struct {
	unsigned int commits, puts; /* puts in each commit */
	int size; /* of each value */
} writes_table[] = {
	{ 4, 8, 200000 },
	{ 200, 1, 20000 },
};

static int
subscribe(void)
{
	int fd = server_connect_unix(server);

	client_say(fd, "SUBSCRIBE b\n");
	client_ask(fd, "PING\n", "OK\r\n");
	return fd;
}

static void
write_some(unsigned int commits, unsigned int puts, int size)
{
	struct buf out, want;
	unsigned int i, j;

	buf_init(&out);
	buf_init(&want);
	for (i = 0; i < commits; i++) {
		add(&out, "BEGIN\n");
		add(&want, "OK\r\n");
		for (j = 0; j < puts; j++) {
			add(&out, "PUT b e \"%u ", i * puts + j);
			buf_append(&out, big, (size_t)size);
			add(&out, "\"\n");
			add(&want, "QUEUED\r\n");
		}
		add(&out, "COMMIT\n");
		for (j = 0; j < puts + 1; j++)
			add(&want, "OK\r\n");
		exchange_bufs(client, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/* All events, in order; or as many as there was space for, and then the reason
 * for the end. */
static void
hear_events(int fd, unsigned int n, bool all)
{
	unsigned int i, number;
	struct stream in;
	char *line;

	stream_init(&in, fd);
	for (i = 0; i < n; i++) {
		line = stream_line(&in);
		if (!all && strcmp(line, "ERROR lagged") == 0)
			break;
		ck_assert_int_eq(sscanf(line, "e SET TO \"%u ", &number), 1);
		ck_assert_uint_eq(number, i);
	}
	stream_clear(&in);
}

TEST(test_subscribers)
{
	unsigned int commits = writes_table[_i].commits;
	unsigned int puts = writes_table[_i].puts;
	int i, fds[SUBSCRIBERS];

	for (i = 0; i < SUBSCRIBERS; i++)
		fds[i] = subscribe();
	write_some(commits, puts, writes_table[_i].size);
	expect_bounded(GROWTH_KIB + QUEUES_KIB);
	for (i = 0; i < SUBSCRIBERS; i++)
		hear_events(fds[i], commits * puts, _i == 0);
	expect_bounded(GROWTH_KIB + QUEUES_KIB);
}

/* A value that is larger than the pool, and a worker that is slow to take it,
 * while nobody else needs memory. */
#define LARGE ((size_t)24 << 20)
#define SLOW_MS 2500

static void
setup_large(void)
{
	server = server_new();
	server_option(server, "sync never");
	server_option(server, "max-value 24M");
	server_option(server, "log-size 512M");
	server_run(server);
	client = client_connect(server);
	client_ask(client, "CREATE b\n", "OK\r\n");
}

static void
say_get(struct buf *said)
{
	size_t position = message_begin(said, MESSAGE_GET, 1);

	message_put_name(said, bytes_from_text("b"));
	message_put_name(said, bytes_from_text("k"));
	message_end(said, position);
}

TEST(test_large)
{
	int64_t until_ms;
	struct buf said;
	char *value;
	int fd;

	buf_init(&said);
	ck_assert_ptr_nonnull(value = malloc(LARGE));
	memset(value, 'x', LARGE);
	buf_append_text(&said, "PUT b k ");
	buf_append(&said, value, LARGE);
	buf_append_text(&said, "\n");
	client_exchange(client, buf_data(&said), buf_size(&said), "OK\r\n", 4);
	buf_truncate(&said, 0);
	fd = fake_worker_connect(server);
	say_hello(&said, fake_worker_session(server));
	say_get(&said);
	client_send(fd, buf_data(&said), buf_size(&said));
	for (until_ms = now_ms() + SLOW_MS; now_ms() < until_ms; pause_ms(50))
		client_ask(client, "PING\n", "OK\r\n");
	/* Header, status, one line of one word, and its size. */
	buf_truncate(&said, 0);
	buf_append(&said, value, LARGE);
	ck_assert_int_eq(recv(fd, value, MESSAGE_HEADER_SIZE + 7, MSG_WAITALL),
	    MESSAGE_HEADER_SIZE + 7);
	client_expect(fd, buf_data(&said), LARGE);
	ck_assert_int_eq(client_stat(client, "refused-workers"), 0);
	buf_clear(&said);
	free(value);
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("memory", setup, teardown),
	LOOP(test_transactions, 2),
	ONCE(test_values),
	ONCE(test_pages),
	ONCE(test_messages),
	EACH(test_subscribers, writes_table),
	CASE("large", setup_large, teardown),
	ONCE(test_large),
};

SUITE("memory", tests)
