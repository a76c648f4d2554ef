/*
 * check_hostile: these tests attack a kvd, as a worker that was taken over by
 * its client or as clients, and check that an honest client is answered within
 * a second meanwhile, and that what the registry holds is bounded.
 * doc/security.md lists the attacks; check_memory and check_session have others.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "fake_worker.h"
#include "proc.h"
#include "proto/message.h"
#include "stream.h"

/* An honest client is to be answered within a second, which
 * tests/system/slow-clients shows on an idle machine.  Tests share theirs with
 * others. */
#define HONEST_MS 10000
#define GROWTH_KIB (40L << 10)

static struct server *server;
static int client; /* the honest one */
static pid_t registry;
static long before_kib;
static int before_fds;

static void
setup(void)
{
	server = server_new();
	server_option(server, "sync never");
	server_option(server, "max-clients 300");
	listen_unix(server);
	server_run(server);
	client = client_connect(server);
	client_ask(client, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	registry = server_pid(server, "registry");
	before_kib = process_private_kib(registry);
	before_fds = proc_count_fds(registry);
}

static void
teardown(void)
{
	/* The registry is still the one that was attacked. */
	ck_assert_int_eq(server_pid(server, "registry"), registry);
	(void)close(client);
	server_stop(server);
}

static void
expect_honest(void)
{
	int64_t begin_ms = now_ms();

	client_ask(client, "GET b k\nINCR b n\nDELETE b n\n",
	    "v\r\nOK\r\n1\r\nOK\r\nOK\r\n");
	ck_assert_int_lt(now_ms() - begin_ms, HONEST_MS);
}

static void
expect_bounded(void)
{
	expect_honest();
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(registry),
		    before_kib + GROWTH_KIB);
}

/* All descriptors that came with connections are closed with them. */
static void
await_descriptors(void)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (proc_count_fds(registry) > before_fds)
		pause_until(deadline_ms, "the registry closes descriptors");
}

/* A worker that was taken over */

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
say_get(struct buf *said, uint64_t sequence)
{
	size_t position = message_begin(said, MESSAGE_GET, sequence);

	message_put_name(said, bytes_from_text("b"));
	message_put_name(said, bytes_from_text("k"));
	message_end(said, position);
}

static void
say_put(struct buf *said, uint64_t sequence)
{
	size_t position = message_begin(said, MESSAGE_PUT, sequence);

	message_put_name(said, bytes_from_text("b"));
	message_put_name(said, bytes_from_text("replayed"));
	message_put_value(said, bytes_from_text("v"));
	message_end(said, position);
}

/* Sends without waiting; false: the registry has closed the connection. */
static bool
stuff(int fd, const struct buf *said)
{
	ssize_t n;

	n = send(fd, buf_data(said), buf_size(said),
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	return n != -1 || errno == EAGAIN || errno == EWOULDBLOCK;
}

static int
connect_worker(void)
{
	int fd = fake_worker_connect(server);
	struct buf said;

	buf_init(&said);
	say_hello(&said, fake_worker_session(server));
	client_send(fd, buf_data(&said), buf_size(&said));
	buf_clear(&said);
	return fd;
}

#define PASSED 100 /* descriptors with each message */
#define MESSAGES 50

/* Sends a message with many descriptors (unix(7), SCM_RIGHTS). */
static void
send_descriptors(int fd, const struct buf *said, int passed)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(PASSED * sizeof(int))];
	} control;
	struct iovec data = { .iov_len = buf_size(said) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	int i, fds[PASSED];

	memcpy(&data.iov_base, &(const void *){ buf_data(said) },
	    sizeof(data.iov_base));
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	for (i = 0; i < PASSED; i++)
		fds[i] = passed;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	ck_assert_int_eq(sendmsg(fd, &m, MSG_NOSIGNAL),
	    (ssize_t)buf_size(said));
}

/* Nobody keeps descriptors that are passed: not the registry, and not a worker
 * whose client is on a Unix socket. */
TEST(test_descriptors_passed)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd, i, fds;
	char frame[MESSAGE_HEADER_SIZE];
	struct buf said;
	pid_t worker;

	ck_assert_int_ne(null, -1);
	buf_init(&said);
	fd = connect_worker();
	say_get(&said, 1);
	for (i = 0; i < MESSAGES; i++) {
		send_descriptors(fd, &said, null);
		/* The registry has read it when it answers. */
		ck_assert_int_gt(recv(fd, frame, sizeof(frame), MSG_WAITALL),
		    0);
		while (recv(fd, frame, sizeof(frame), MSG_DONTWAIT) > 0)
			;
	}
	expect_honest();
	ck_assert_int_le(proc_count_fds(registry), before_fds + 1);
	(void)close(fd);
	fd = server_connect_unix(server);
	client_ask(fd, "PING\n", "OK\r\n");
	worker = server_worker_unix(server);
	fds = proc_count_fds(worker);
	buf_truncate(&said, 0);
	buf_append_text(&said, "PING\n");
	for (i = 0; i < MESSAGES; i++) {
		send_descriptors(fd, &said, null);
		client_hear(fd, "OK\r\n");
	}
	ck_assert_int_eq(proc_count_fds(worker), fds);
	(void)close(fd);
	(void)close(null);
	buf_clear(&said);
	await_descriptors();
}

/* Workers that ask for ever, and take no reply. */
#define FLOODERS 20
#define FLOOD_MS 500

TEST(test_flood_unread)
{
	int64_t until_ms = now_ms() + FLOOD_MS;
	int i, fds[FLOODERS];
	struct buf said;

	buf_init(&said);
	for (i = 0; i < 500; i++)
		say_get(&said, (uint64_t)i + 1);
	for (i = 0; i < FLOODERS; i++)
		fds[i] = connect_worker();
	while (now_ms() < until_ms) {
		for (i = 0; i < FLOODERS; i++)
			(void)stuff(fds[i], &said);
		expect_bounded();
	}
	for (i = 0; i < FLOODERS; i++)
		(void)close(fds[i]);
	buf_clear(&said);
	await_descriptors();
}

/* The same write again and again, on connection after connection: with sequences
 * that go up and down, and without any that was used. */
TEST(test_replays)
{
	uint64_t session = fake_worker_session(server);
	struct buf said;
	int fd, i, j;

	buf_init(&said);
	for (i = 0; i < 100; i++) {
		fd = fake_worker_connect(server);
		buf_truncate(&said, 0);
		say_hello(&said, session);
		for (j = 0; j < 50; j++)
			say_put(&said, (uint64_t)(i * j % 7));
		(void)stuff(fd, &said);
		if (i % 10 == 0)
			expect_bounded();
		(void)close(fd);
	}
	expect_bounded();
	buf_clear(&said);
	await_descriptors();
}

/* Thousands of connections, each with a session that somebody has invented. */
#define INVENTED 3000

TEST(test_invented_sessions)
{
	struct buf said;
	int fd, i;

	buf_init(&said);
	for (i = 0; i < INVENTED; i++) {
		fd = fake_worker_connect(server);
		buf_truncate(&said, 0);
		say_hello(&said, (uint64_t)i << 40 | (uint64_t)i);
		say_put(&said, 1);
		(void)stuff(fd, &said);
		if (i % 500 == 0)
			expect_bounded();
		(void)close(fd);
	}
	expect_bounded();
	buf_clear(&said);
	await_descriptors();
}

/* Lengths that are wrong (CVE-2016-8704 and its like): of the frame, and inside
 * it.  Each position of a message gets each of these bytes. */
static const uint8_t wrong_bytes[] = { 0, 1, 0x7f, 0x80, 0xff };

TEST(test_wrong_lengths)
{
	uint64_t session = fake_worker_session(server);
	struct buf hello, put;
	uint8_t copy[128];
	size_t at, i, n;
	int fd;

	buf_init(&hello);
	buf_init(&put);
	say_hello(&hello, session);
	say_put(&put, 1);
	n = buf_size(&put);
	ck_assert_uint_le(n, sizeof(copy));
	for (at = 0; at < n; at++)
		for (i = 0; i < COUNT(wrong_bytes); i++) {
			memcpy(copy, buf_data(&put), n);
			memset(copy + at, wrong_bytes[i],
			    n - at < 4 ? n - at : 4);
			fd = fake_worker_connect(server);
			client_send(fd, buf_data(&hello), buf_size(&hello));
			(void)send(fd, copy, n, MSG_NOSIGNAL);
			(void)close(fd);
		}
	expect_bounded();
	buf_clear(&hello);
	buf_clear(&put);
	await_descriptors();
}

/* Clients */

/* Counts that are huge, in what takes one (CVE-2021-32675). */
static const char *const huge[] = {
	"CLEAR b LIMIT 18446744073709551615\n",
	"CLEAR b LIMIT 9223372036854775807\n",
	"CLEAR b LIMIT 99999999999999999999999999\n",
	"CLEAR b LIMIT -1\n",
	"INCR b k2 9223372036854775808\n",
	"PUT b k2 v EX 9223372036854775807\n",
	"PUT b k2 v EX 99999999999999999999d\n",
	"SUBSCRIBE b SINCE 99999999999999999999999\n",
	"*1000000000\n",
	"$1000000000\n",
};

TEST(test_huge_counts)
{
	int fd = client_connect(server);
	char line[LINE_SIZE];
	pid_t worker;

	client_ask(fd, "PING\n", "OK\r\n");
	worker = server_worker(server, fd);
	client_say(fd, huge[_i]);
	client_read_line(fd, line);
	ck_assert_msg(strncmp(line, "OK", 2) != 0, "%s: %s", huge[_i], line);
	client_ask(fd, "PING\n", "OK\r\n");
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(worker), 4096);
	(void)close(fd);
	expect_bounded();
}

/* As many words as fit a line, and lines without an end (CVE-2025-46686). */
TEST(test_many_words)
{
	int fd = client_connect(server), i;
	char line[LINE_SIZE];
	struct buf out;
	pid_t worker;

	client_ask(fd, "PING\n", "OK\r\n");
	worker = server_worker(server, fd);
	buf_init(&out);
	buf_append_text(&out, "GET b");
	for (i = 0; i < 500000; i++)
		buf_append_text(&out, " k");
	buf_append_text(&out, "\n");
	client_send(fd, buf_data(&out), buf_size(&out));
	client_read_line(fd, line);
	ck_assert_msg(strncmp(line, "ERROR ", 6) == 0, "%s", line);
	client_ask(fd, "PING\n", "OK\r\n");
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(worker), 20L << 10);
	(void)close(fd);
	buf_clear(&out);
	expect_bounded();
}

/* Clients that read none of their replies (CVE-2025-21605). */
#define UNREAD 20

TEST(test_unread_output)
{
	int64_t until_ms = now_ms() + FLOOD_MS;
	pid_t workers[UNREAD];
	int i, fds[UNREAD];
	struct buf out;

	buf_init(&out);
	for (i = 0; i < 1000; i++)
		buf_append_text(&out, "STATS\nECHO 0123456789\n");
	for (i = 0; i < UNREAD; i++) {
		fds[i] = client_connect(server);
		client_ask(fds[i], "PING\n", "OK\r\n");
		workers[i] = server_worker(server, fds[i]);
	}
	while (now_ms() < until_ms) {
		for (i = 0; i < UNREAD; i++)
			ck_assert(stuff(fds[i], &out));
		expect_bounded();
	}
	for (i = 0; i < UNREAD; i++) {
		if (!is_sanitized())
			ck_assert_int_lt(process_private_kib(workers[i]), 4096);
		(void)close(fds[i]);
	}
	buf_clear(&out);
}

/* Clients that come and go, and some that send a byte now and then
 * (CVE-2025-48367). */
#define SLOW 50
#define STORM 400

TEST(test_storm)
{
	int i, fds[SLOW], fd;
	int64_t begin_ms;

	for (i = 0; i < SLOW; i++)
		fds[i] = client_connect(server);
	for (i = 0; i < STORM; i++) {
		fd = client_connect(server);
		if (i % 3 == 0)
			client_say(fd, "PIN");
		if (i % 3 == 1)
			(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
		(void)send(fds[i % SLOW], "P", 1, MSG_NOSIGNAL);
		if (i % 50 == 0) {
			begin_ms = now_ms();
			(void)close(
			    client_await_room(server, connect_and_ping));
			ck_assert_int_lt(now_ms() - begin_ms, HONEST_MS);
			expect_honest();
		}
	}
	for (i = 0; i < SLOW; i++)
		(void)close(fds[i]);
	expect_bounded();
}

/* Transactions that count many buckets, while very many entries have expired and
 * are not yet removed. */
#define BUCKETS 900
#define EXPIRING 20000
#define COUNTERS_OF_ALL 6

static void
make_expiring(void)
{
	struct buf out, want;
	int i;

	buf_init(&out);
	buf_init(&want);
	for (i = 0; i < BUCKETS; i++)
		add(&out, "CREATE e%d\n", i);
	for (i = 0; i < EXPIRING; i++)
		add(&out, "PUT e%d k%d v EX 2\n", i % BUCKETS, i);
	for (i = 0; i < BUCKETS + EXPIRING; i++)
		add(&want, "OK\r\n");
	exchange_bufs(client, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
}

static void
say_counts(struct buf *out, struct buf *want)
{
	int i;

	add(out, "BEGIN\n");
	for (i = 0; i < BUCKETS; i++)
		add(out, "COUNT e%d\n", i);
	add(out, "COMMIT\n");
	add(want, "OK\r\n");
	for (i = 0; i < BUCKETS; i++)
		add(want, "QUEUED\r\n");
}

/* When everything has expired each is 0. */
static void
want_zeros(struct buf *want)
{
	int i;

	buf_truncate(want, 0);
	for (i = 0; i < BUCKETS; i++)
		add(want, "0\r\nOK\r\n");
	add(want, "OK\r\n");
}

TEST(test_counts_of_expired)
{
	int64_t expired_ms;
	struct buf out, want;
	int i, fds[COUNTERS_OF_ALL];

	buf_init(&out);
	buf_init(&want);
	for (i = 0; i < COUNTERS_OF_ALL; i++)
		fds[i] = client_connect(server);
	make_expiring();
	expired_ms = now_ms() + 2000;
	while (now_ms() <= expired_ms)
		expect_honest();
	say_counts(&out, &want);
	for (i = 0; i < COUNTERS_OF_ALL; i++)
		client_send(fds[i], buf_data(&out), buf_size(&out));
	for (i = 0; i < COUNTERS_OF_ALL; i++) {
		client_expect(fds[i], buf_data(&want), buf_size(&want));
		expect_honest();
	}
	want_zeros(&want);
	for (i = 0; i < COUNTERS_OF_ALL; i++) {
		client_expect(fds[i], buf_data(&want), buf_size(&want));
		expect_honest();
		(void)close(fds[i]);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/* A transaction that reads much, of which nothing is in the replies. */
#define READS 200
#define LARGE ((size_t)1 << 20)

TEST(test_reads_of_transaction)
{
	struct buf out, want;
	int i;

	buf_init(&out);
	buf_init(&want);
	buf_append_text(&out, "PUT b large ");
	for (i = 0; i < (int)(LARGE / 16); i++)
		buf_append_text(&out, "0123456789abcdef");
	buf_append_text(&out, "\nBEGIN\nPUT b undone v\n");
	buf_append_text(&want, "OK\r\nOK\r\nQUEUED\r\n");
	for (i = 0; i < READS; i++) {
		buf_append_text(&out, "EXISTS b large\n");
		buf_append_text(&want, "QUEUED\r\n");
	}
	buf_append_text(&out, "COMMIT\nEXISTS b undone\n");
	buf_append_text(&want, "ERROR transaction too large\r\nNOT FOUND\r\n");
	exchange_bufs(client, &out, &want);
	expect_honest();
	buf_clear(&out);
	buf_clear(&want);
}

static const struct test tests[] = {
	CASE("hostile", setup, teardown),
	ONCE(test_descriptors_passed),
	ONCE(test_flood_unread),
	ONCE(test_replays),
	ONCE(test_invented_sessions),
	ONCE(test_wrong_lengths),
	EACH(test_huge_counts, huge),
	ONCE(test_many_words),
	ONCE(test_unread_output),
	ONCE(test_storm),
	ONCE(test_counts_of_expired),
	ONCE(test_reads_of_transaction),
};

SUITE("hostile", tests)
