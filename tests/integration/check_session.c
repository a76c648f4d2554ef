/*
 * check_session: what the registry does for the session of a worker that
 * comes back (registry/session.c).  The worker is this test.
 */

#include <signal.h>
#include <unistd.h>

#include "common/log_limit.h"
#include "fixture.h"
#include "proto/event.h"
#include "proto/listing.h"
#include "proto/message.h"

#define SESSION UINT64_C(77)

/* What it says next. */
static struct buf said;

static struct bytes
text(const char *s)
{
	return (struct bytes){ s, strlen(s) };
}

static void
say_hello(uint64_t session, const char *bucket)
{
	size_t position = message_begin(&said, MESSAGE_HELLO, 0);

	message_put_u16(&said, MESSAGE_VERSION);
	message_put_u64(&said, session);
	message_put_u64(&said, 1); /* the last commit that it was told of */
	if (bucket != NULL)
		message_put_name(&said, text(bucket));
	message_end(&said, position);
}

/* One whose body is the bucket's name, or nothing. */
static void
say(enum message_type type, uint64_t sequence, const char *bucket)
{
	size_t position = message_begin(&said, type, sequence);

	if (bucket != NULL)
		message_put_name(&said, text(bucket));
	message_end(&said, position);
}

static void
say_put(uint64_t sequence)
{
	size_t position = message_begin(&said, MESSAGE_PUT, sequence);

	message_put_name(&said, text("b"));
	message_put_name(&said, text("k"));
	message_put_value(&said, text("v"));
	message_end(&said, position);
}

static void
say_incr(uint64_t sequence)
{
	size_t position = message_begin(&said, MESSAGE_INCR, sequence);

	message_put_name(&said, text("b"));
	message_put_name(&said, text("n"));
	message_put_u64(&said, 1);
	message_end(&said, position);
}

static int
worker_connect(const struct server *s)
{
	char path[sizeof(s->dir) + 32];

	snprintf(path, sizeof(path), "%s/run/worker/registry.sock", s->dir);
	return client_connect_unix(path);
}

static void
send_said(int fd)
{
	ck_assert(!buf_failed(&said));
	client_send(fd, buf_data(&said), buf_size(&said));
	buf_truncate(&said, 0);
}

/* The reply, of one data line unless that is NULL. */
static void
expect_reply(int fd, uint64_t sequence, const char *word)
{
	struct buf want;
	size_t position;

	buf_init(&want);
	position = message_begin(&want, MESSAGE_REPLY, sequence);
	message_put_u8(&want, STATUS_OK);
	if (word != NULL) {
		message_put_u16(&want, 1);
		message_put_value(&want, text(word));
	}
	message_end(&want, position);
	client_expect(fd, buf_data(&want), buf_size(&want));
	buf_clear(&want);
}

/* An event that is only its kind; the revision may be any. */
static void
expect_event(int fd, enum event_kind kind)
{
	uint8_t frame[MESSAGE_HEADER_SIZE + 1];
	struct message m;
	size_t n;

	for (n = 0; n < sizeof(frame); n++)
		ck_assert_int_eq(read(fd, frame + n, 1), 1);
	ck_assert_int_eq(message_get(frame, n, n, &m), 1);
	ck_assert_int_eq(m.type, MESSAGE_EVENT);
	ck_assert_int_eq(frame[MESSAGE_HEADER_SIZE], kind);
}

/* The old connection's end is seen after the new one's greeting. */
TEST(test_two_connections)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), old = worker_connect(s), new;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	say_hello(SESSION, NULL);
	say_put(1);
	send_said(old);
	expect_reply(old, 1, NULL);
	new = worker_connect(s);
	say_hello(SESSION, NULL);
	say(MESSAGE_PING, 2, NULL);
	send_said(new);
	expect_reply(new, 2, NULL);
	(void)close(old);
	client_ask(fd, "PING\n", "OK\r\n");
	say_incr(3);
	send_said(new);
	expect_reply(new, 3, "1");
	process_kill(server_pid(s, "registry"));
	(void)close(new);
	new = worker_connect(s);
	say_hello(SESSION, NULL);
	say_incr(3);
	say_incr(4);
	send_said(new);
	expect_reply(new, 3, "1");
	expect_reply(new, 4, "2");
	(void)close(new);
	(void)close(fd);
	server_stop(s);
}

/* The registry dies with a subscription, and what came after it, committed
 * and not answered. */
TEST(test_subscribe_again)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), worker = worker_connect(s), i;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 2; i++) {
		say_hello(SESSION, NULL);
		say(MESSAGE_SUBSCRIBE, 1, "b");
		say_put(2);
		send_said(worker);
		expect_reply(worker, 1, NULL);
		expect_reply(worker, 2, NULL);
		expect_event(worker, i == 0 ? EVENT_COMMIT : EVENT_MISSED);
		process_kill(server_pid(s, "registry"));
		(void)close(worker);
		worker = worker_connect(s);
	}
	(void)close(worker);
	(void)close(fd);
	server_stop(s);
}

#define WORKERS 40

/* All workers come back at once, and each has something to write. */
TEST(test_subscribers_return)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), fds[WORKERS], i;
	pid_t registry = server_pid(s, "registry");
	long before;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	before = client_stat(fd, "commits");
	ck_assert_int_eq(kill(registry, SIGSTOP), 0);
	for (i = 0; i < WORKERS; i++) {
		fds[i] = worker_connect(s);
		say_hello((uint64_t)i + 1, "b");
		say_put(1);
		send_said(fds[i]);
	}
	ck_assert_int_eq(kill(registry, SIGCONT), 0);
	for (i = 0; i < WORKERS; i++) {
		expect_event(fds[i], EVENT_MISSED);
		expect_reply(fds[i], 1, NULL);
		(void)close(fds[i]);
	}
	ck_assert_int_lt(client_stat(fd, "commits") - before, WORKERS / 4);
	(void)close(fd);
	server_stop(s);
}

/* No worker has so many subscriptions, be there such buckets or not. */
TEST(test_too_many_subscriptions)
{
	struct server *s = server_start(NULL);
	int fd = worker_connect(s), i;
	size_t position = message_begin(&said, MESSAGE_HELLO, 0);

	message_put_u16(&said, MESSAGE_VERSION);
	message_put_u64(&said, SESSION);
	message_put_u64(&said, 1);
	for (i = 0; i <= MESSAGE_SUBSCRIPTIONS_MAX; i++)
		message_put_name(&said, text("x"));
	message_end(&said, position);
	send_said(fd);
	client_expect_gone(fd);
	server_stop(s);
}

#define KEYS 600

static void
say_list(uint64_t sequence, uint64_t revision, struct bytes after)
{
	size_t position = message_begin(&said, MESSAGE_LIST, sequence);

	message_put_u8(&said, LIST_ENTRIES);
	message_put_u64(&said, revision);
	message_put_u64(&said, UINT64_MAX);
	message_put_name(&said, text("b"));
	message_put_name(&said, text(""));
	message_put_name(&said, after);
	message_end(&said, position);
}

/* Reads a page; returns how many lines it has. */
static int
read_page(int fd, struct buf *b, uint64_t *revision, struct bytes *last,
    uint8_t *more)
{
	struct message m;
	struct bytes value;
	uint16_t words;
	uint8_t status;
	int lines = 0, rc;

	buf_truncate(b, 0);
	while (
	    (rc = message_get(buf_data(b), buf_size(b), SIZE_MAX, &m)) == 0) {
		ck_assert_int_eq(read(fd, buf_reserve(b, 1), 1), 1);
		buf_commit(b, 1);
	}
	ck_assert_int_eq(rc, 1);
	ck_assert_int_eq(m.type, MESSAGE_PAGE);
	ck_assert(message_get_u64(&m.body, revision));
	ck_assert(message_get_u8(&m.body, &status));
	ck_assert_int_eq(status, STATUS_OK);
	ck_assert(message_get_u8(&m.body, more));
	for (; m.body.size > 0; lines++) {
		ck_assert(message_get_u16(&m.body, &words));
		ck_assert(message_get_value(&m.body, last));
		ck_assert(message_get_value(&m.body, &value));
	}
	return lines;
}

/* What expires while a listing is under way is in it. */
TEST(test_listing_of_one_moment)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), worker = worker_connect(s), lines, i;
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct bytes last;
	uint64_t revision;
	struct buf page;
	char line[256];
	uint8_t more;

	client_ask(fd, "CREATE b\nBEGIN\n", "OK\r\nOK\r\n");
	for (i = 0; i < KEYS; i++) {
		snprintf(line, sizeof(line), "PUT b k%03d %0100d EX 2\n", i, i);
		client_ask(fd, line, "QUEUED\r\n");
	}
	client_say(fd, "COMMIT\n");
	for (i = 0; i <= KEYS; i++)
		client_hear(fd, "OK\r\n");
	buf_init(&page);
	say_hello(SESSION, NULL);
	say_list(1, 0, text(""));
	send_said(worker);
	lines = read_page(worker, &page, &revision, &last, &more);
	ck_assert_int_eq(more, 1);
	/* The clock is ahead of the keys; removed they may be or not. */
	while (client_stat(fd, "expiring") > 0)
		pause_until(deadline_ms, "expiry");
	for (i = 2; more; i++) {
		say_list((uint64_t)i, revision, last);
		send_said(worker);
		lines += read_page(worker, &page, &revision, &last, &more);
	}
	ck_assert_int_eq(lines, KEYS);
	buf_clear(&page);
	(void)close(worker);
	(void)close(fd);
	server_stop(s);
}

/* Connections that are no worker's, or one's of another version. */

#define STRANGERS 40

static void
say_garbage(int i)
{
	static const char zeros[MESSAGE_HEADER_SIZE];
	static const char http[] = "GET / HTTP/1.1\r\n\r\n";

	if (i % 2 == 0)
		buf_append(&said, zeros, sizeof(zeros));
	else
		buf_append_text(&said, http);
}

static void
say_other_version(int i)
{
	size_t position = message_begin(&said, MESSAGE_HELLO, 0);

	message_put_u16(&said, (uint16_t)(MESSAGE_VERSION + 1 + i));
	message_put_u64(&said, 4711);
	message_put_u64(&said, 0);
	message_end(&said, position);
}

/* They are counted, and only some of them are logged. */
TEST(test_strangers)
{
	static const char line[] = "closing a worker's connection: ";
	struct server *s = server_start(NULL);
	int64_t started_ms = now_ms();
	int i, fd, client = client_connect(s);

	client_ask(client, "PING\n", "OK\r\n");
	ck_assert_int_eq(client_stat(client, "refused-workers"), 0);
	for (i = 0; i < STRANGERS; i++) {
		fd = worker_connect(s);
		if (_i == 0)
			say_garbage(i);
		else
			say_other_version(i);
		send_said(fd);
		client_expect_gone(fd);
	}
	ck_assert_int_eq(client_stat(client, "refused-workers"), STRANGERS);
	ck_assert_int_eq(client_stat(client, "refused-clients"), 0);
	ck_assert_uint_ge(server_log_count(s, line), 1);
	ck_assert_uint_le(server_log_count(s, line),
	    1 + (size_t)(now_ms() - started_ms) / LOG_LIMIT_MS);
	(void)close(client);
	server_stop(s);
}

/* What is said at the wrong time, to the wrong process, or amiss. */
static void
say_amiss(int i)
{
	size_t position;

	switch (i) {
	case 0: /* before HELLO */
		say(MESSAGE_COUNT, 1, "b");
		return;
	case 1: /* HELLO again */
		say_hello(SESSION, NULL);
		say_hello(SESSION, NULL);
		return;
	case 2: /* what a registry says */
		say_hello(SESSION, NULL);
		position = message_begin(&said, MESSAGE_REPLY, 1);
		message_put_u8(&said, STATUS_OK);
		message_end(&said, position);
		return;
	case 3: /* a field is missing */
		say_hello(SESSION, NULL);
		say(MESSAGE_GET, 1, "b");
		return;
	case 4: /* no fields are wanted */
		say_hello(SESSION, NULL);
		say(MESSAGE_PING, 1, "b");
		return;
	default: /* the keys of no bucket */
		say_hello(SESSION, NULL);
		position = message_begin(&said, MESSAGE_LIST, 1);
		message_put_u8(&said, LIST_KEYS);
		message_put_u64(&said, 0);
		message_put_u64(&said, 1);
		message_put_name(&said, text(""));
		message_put_name(&said, text(""));
		message_put_name(&said, text(""));
		message_end(&said, position);
	}
}

TEST(test_amiss)
{
	struct server *s = server_start(NULL);
	int fd = worker_connect(s), client = client_connect(s);

	client_ask(client, "CREATE b\n", "OK\r\n");
	say_amiss(_i);
	send_said(fd);
	client_expect_gone(fd);
	ck_assert_int_eq(client_stat(client, "refused-workers"), 1);
	ck_assert_uint_eq(
	    server_log_count(s, _i == 0 ? "no greeting" : "malformed request"),
	    1);
	(void)close(client);
	server_stop(s);
}

static const struct test tests[] = {
	CASE("session", NULL, NULL),
	ONCE(test_two_connections),
	ONCE(test_subscribe_again),
	ONCE(test_subscribers_return),
	ONCE(test_too_many_subscriptions),
	ONCE(test_listing_of_one_moment),
	LOOP(test_strangers, 2),
	LOOP(test_amiss, 6),
};

SUITE("session", tests)
