/*
 * check_session: what the registry does for the session of a worker that
 * reconnects (registry/session.c).  The test acts as the worker.
 */

#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include "common/log_limit.h"
#include "common/scoreboard.h"
#include "fake_worker.h"
#include "fixture.h"
#include "proc.h"
#include "proto/answer.h"
#include "proto/event.h"
#include "proto/hello.h"
#include "proto/listing.h"
#include "proto/message.h"
#include "proto/schema.h"
#include "stream.h"

/* Of the worker that the test acts as; worker_connect() sets it. */
static uint64_t session;

/* This holds the message to be sent next. */
static struct buf said;

/* The worker has subscribed to the bucket "b" with this number, unless it is 0,
 * and was told so much. */
static void
say_hello_again(uint64_t of_session, uint64_t seen, uint64_t told, uint64_t id)
{
	size_t position = message_begin(&said, MESSAGE_HELLO, 0);

	message_put_u16(&said, MESSAGE_VERSION);
	message_put_u64(&said, of_session);
	message_put_u64(&said, seen);
	message_put_u64(&said, told);
	if (id != 0)
		hello_put_bucket(&said,
		    &(struct hello_bucket){ .name = bytes_from_text("b"),
			.id = id });
	message_end(&said, position);
}

static void
say_hello(uint64_t of_session)
{
	say_hello_again(of_session, 0, 0, 0);
}

/* Sends a message whose body is the name of the bucket, or empty. */
static void
say(enum message_type type, uint64_t sequence, const char *bucket)
{
	size_t position = message_begin(&said, type, sequence);

	if (bucket != NULL)
		message_put_name(&said, bytes_from_text(bucket));
	message_end(&said, position);
}

static void
say_subscribe(uint64_t sequence)
{
	struct fields f = { .bucket = bytes_from_text("b") };

	schema_put(&said, MESSAGE_SUBSCRIBE, sequence, &f);
}

static void
say_put_value(uint64_t sequence, struct bytes value)
{
	size_t position = message_begin(&said, MESSAGE_PUT, sequence);

	message_put_name(&said, bytes_from_text("b"));
	message_put_name(&said, bytes_from_text("k"));
	message_put_value(&said, value);
	message_end(&said, position);
}

static void
say_put(uint64_t sequence)
{
	say_put_value(sequence, bytes_from_text("v"));
}

static void
say_get(uint64_t sequence, const char *key)
{
	size_t position = message_begin(&said, MESSAGE_GET, sequence);

	message_put_name(&said, bytes_from_text("b"));
	message_put_name(&said, bytes_from_text(key));
	message_end(&said, position);
}

static void
say_incr(uint64_t sequence)
{
	size_t position = message_begin(&said, MESSAGE_INCR, sequence);

	message_put_name(&said, bytes_from_text("b"));
	message_put_name(&said, bytes_from_text("n"));
	message_put_u64(&said, 1);
	message_end(&said, position);
}

static int
worker_connect(const struct server *s)
{
	static pid_t joined;

	if (joined != s->pid)
		session = fake_worker_session(s);
	joined = s->pid;
	return fake_worker_connect(s);
}

static void
send_said(int fd)
{
	ck_assert(!buf_failed(&said));
	client_send(fd, buf_data(&said), buf_size(&said));
	buf_truncate(&said, 0);
}

/* Expects a reply of one data line, or of none if `word` is NULL. */
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
		message_put_value(&want, bytes_from_text(word));
	}
	message_end(&want, position);
	client_expect(fd, buf_data(&want), buf_size(&want));
	buf_clear(&want);
}

/* Receives a frame of this size. */
static void
receive(int fd, uint8_t *frame, size_t size, struct message *m)
{
	size_t n;

	for (n = 0; n < size; n++)
		ck_assert_int_eq(read(fd, frame + n, 1), 1);
	ck_assert_int_eq(message_get(frame, size, size, m), 1);
}

/* Expects an event that has only a kind; any revision is accepted. */
static void
expect_event(int fd, enum event_kind kind)
{
	uint8_t frame[MESSAGE_HEADER_SIZE + 1];
	struct message m;

	receive(fd, frame, sizeof(frame), &m);
	ck_assert_int_eq(m.type, MESSAGE_EVENT);
	ck_assert_int_eq(frame[MESSAGE_HEADER_SIZE], kind);
}

/* Expects the event of say_put(), the only change of its commit. */
static void
expect_set(int fd, uint64_t revision)
{
	struct fields event = { .kind = EVENT_SET,
		.change = 1,
		.key = bytes_from_text("k"),
		.value = bytes_from_text("v") };
	struct buf want;

	buf_init(&want);
	event_put(&want, revision, &event);
	client_expect(fd, buf_data(&want), buf_size(&want));
	buf_clear(&want);
}

static void
expect_subscribed(int fd, uint64_t sequence, uint64_t *revision, uint64_t *id)
{
	uint8_t frame[MESSAGE_HEADER_SIZE + 17];
	struct message m;
	struct fields f;

	receive(fd, frame, sizeof(frame), &m);
	ck_assert_int_eq(m.type, MESSAGE_SUBSCRIBED);
	ck_assert_uint_eq(m.sequence, sequence);
	ck_assert(schema_get(schema_find(m.type), m.body, 0, &f));
	ck_assert_int_eq(f.status, STATUS_OK);
	*revision = f.revision;
	*id = f.id;
}

/*
 * The registry sees the end of the old connection after the HELLO of the new
 * one.
 */
TEST(test_two_connections)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), old = worker_connect(s), new;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	say_hello(session);
	say_put(1);
	send_said(old);
	expect_reply(old, 1, NULL);
	new = worker_connect(s);
	say_hello(session);
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
	say_hello(session);
	say_incr(3);
	say_incr(4);
	send_said(new);
	expect_reply(new, 3, "1");
	expect_reply(new, 4, "2");
	(void)close(new);
	(void)close(fd);
	server_stop(s);
}

/*
 * The registry dies when a subscription and a commit after it are executed.  The
 * worker is told of the commit from where it was told before, and not again
 * when it repeats both.
 */
TEST(test_subscribe_again)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), worker = worker_connect(s), i;
	uint64_t revision, id;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	say_hello(session);
	say_subscribe(1);
	say_put(2);
	send_said(worker);
	expect_subscribed(worker, 1, &revision, &id);
	expect_reply(worker, 2, NULL);
	for (i = 0; i < 3; i++) {
		process_kill(server_pid(s, "registry"));
		(void)close(worker);
		worker = worker_connect(s);
		/* It was told nothing, the event, or that it was all. */
		say_hello_again(session, revision + (i == 2), i == 1, id);
		say_put(2);
		send_said(worker);
		if (i == 0)
			expect_set(worker, revision + 1);
		expect_event(worker, EVENT_COMMIT);
		if (i == 0)
			expect_event(worker, EVENT_COMMIT);
		expect_reply(worker, 2, NULL);
	}
	say_subscribe(1);
	send_said(worker);
	expect_subscribed(worker, 1, &revision, &id);
	(void)close(worker);
	(void)close(fd);
	server_stop(s);
}

/* The log does not reach back so far, or the worker knows another store's. */
TEST(test_subscribe_lost)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), worker;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	worker = worker_connect(s);
	say_hello_again(session, _i == 0 ? 0 : 1000, 0, 1);
	say(MESSAGE_PING, 1, NULL);
	send_said(worker);
	expect_event(worker, EVENT_MISSED);
	expect_reply(worker, 1, NULL);
	(void)close(worker);
	(void)close(fd);
	server_stop(s);
}

#define WORKERS 40

/* All workers reconnect at once, and each has something to write. */
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
		say_hello_again(fake_worker_session(s), 0, 0, 1);
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

/*
 * A worker may not have more subscriptions than this, whether the buckets exist
 * or not.
 */
TEST(test_too_many_subscriptions)
{
	struct server *s = server_start(NULL);
	int fd = worker_connect(s), i;
	size_t position = message_begin(&said, MESSAGE_HELLO, 0);

	message_put_u16(&said, MESSAGE_VERSION);
	message_put_u64(&said, session);
	message_put_u64(&said, 1);
	message_put_u64(&said, 0);
	for (i = 0; i <= MESSAGE_SUBSCRIPTIONS_MAX; i++)
		hello_put_bucket(&said,
		    &(struct hello_bucket){ .name = bytes_from_text("x"),
			.id = 1 });
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
	message_put_name(&said, bytes_from_text("b"));
	message_put_name(&said, bytes_from_text(""));
	message_put_name(&said, after);
	message_end(&said, position);
}

/* Waits for exactly this many bytes, and appends them. */
static void
read_bytes(int fd, struct buf *b, size_t size)
{
	uint8_t *to = buf_reserve(b, size);
	ssize_t n;

	ck_assert_ptr_nonnull(to);
	for (; size > 0; size -= (size_t)n) {
		n = read(fd, to, size);
		ck_assert_int_gt(n, 0);
		to += n;
		buf_commit(b, (size_t)n);
	}
}

/* Reads the next frame, which stays in `b`. */
static struct message
read_frame(int fd, struct buf *b)
{
	struct message m;
	uint32_t size;

	buf_truncate(b, 0);
	read_bytes(fd, b, MESSAGE_HEADER_SIZE);
	memcpy(&size, buf_data(b), sizeof(size));
	ck_assert_uint_ge(size, MESSAGE_HEADER_SIZE);
	read_bytes(fd, b, size - MESSAGE_HEADER_SIZE);
	ck_assert_int_eq(message_get(buf_data(b), buf_size(b), size, &m), 1);
	return m;
}

/* Reads a page of a listing; returns how many lines it has. */
static int
read_page(int fd, struct buf *b, uint64_t *revision, struct bytes *last,
    uint8_t *more)
{
	struct message m = read_frame(fd, b);
	struct bytes value;
	uint16_t words;
	uint8_t status;
	int lines = 0;

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

/* A key that expires during a listing is in the listing. */
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
	say_hello(session);
	say_list(1, 0, bytes_from_text(""));
	send_said(worker);
	lines = read_page(worker, &page, &revision, &last, &more);
	ck_assert_int_eq(more, 1);
	/*
	 * The clock has passed the expiry of the keys, which may or may not be
	 * removed.
	 */
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

/* How long the record of a session's replies stays. */

static void
await_workers(int fd, long n)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (client_stat(fd, "workers") != n)
		pause_until(deadline_ms, "a worker's end");
}

/*
 * Closes the worker's connection, and commits for another client, in either
 * order.
 */
static void
close_and_commit(int client, int worker, bool commit_first)
{
	if (commit_first)
		client_ask(client, "PUT b other 1\n", "OK\r\n");
	(void)close(worker);
	await_workers(client, 1);
	if (!commit_first)
		client_ask(client, "PUT b other 1\n", "OK\r\n");
}

static int
worker_return(const struct server *s, int fd)
{
	process_kill(server_pid(s, "registry"));
	(void)close(fd);
	fd = worker_connect(s);
	say_hello(session);
	return fd;
}

/*
 * The worker has had all replies on record, so the next commit deletes the
 * record.
 */
TEST(test_record_deleted)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s);

	client_ask(client, "CREATE b\n", "OK\r\n");
	say_hello(session);
	say_incr(1);
	send_said(worker);
	expect_reply(worker, 1, "1");
	if (_i % 2 == 1) {
		worker = worker_return(s, worker);
		say_incr(1);
		send_said(worker);
		expect_reply(worker, 1, "1");
	}
	close_and_commit(client, worker, _i / 2 == 1);
	/* This outcome is the client's own. */
	ck_assert_int_eq(client_stat(client, "outcomes"), 1);
	(void)close(client);
	server_stop(s);
}

/*
 * The worker has asked again for one of two replies when its connection ends.
 */
TEST(test_record_repeated_in_part)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s);

	client_ask(client, "CREATE b\n", "OK\r\n");
	say_hello(session);
	say_incr(1);
	say_incr(2);
	send_said(worker);
	expect_reply(worker, 1, "1");
	expect_reply(worker, 2, "2");
	worker = worker_return(s, worker);
	say_incr(1);
	send_said(worker);
	expect_reply(worker, 1, "1");
	close_and_commit(client, worker, _i == 1);
	worker = worker_connect(s);
	say_hello(session);
	say_incr(2);
	say_incr(3);
	send_said(worker);
	expect_reply(worker, 2, "2");
	expect_reply(worker, 3, "3");
	(void)close(worker);
	(void)close(client);
	server_stop(s);
}

/* This is more than a socket takes when the other end reads nothing. */
#define BIG ((size_t)900 << 10)

static void
put_big(int client, size_t size)
{
	struct buf b;

	buf_init(&b);
	buf_append_text(&b, "PUT b big ");
	memset(buf_reserve(&b, size), 'x', size);
	buf_commit(&b, size);
	buf_append_text(&b, "\n");
	client_send(client, buf_data(&b), buf_size(&b));
	client_hear(client, "OK\r\n");
	buf_clear(&b);
}

/* Sends an INCR, and a read whose reply does not fit the socket. */
static void
say_big_transaction(uint64_t sequence)
{
	size_t position = message_begin(&said, MESSAGE_TRANSACTION, sequence);

	say_incr(0);
	say_get(0, "big");
	message_end(&said, position);
}

/* The connection ends while a part of the reply is still in the registry. */
TEST(test_record_of_unread_reply)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s);
	struct answer_line line;
	struct buf frame;
	struct message m;
	char first;

	client_ask(client, "CREATE b\n", "OK\r\n");
	put_big(client, BIG);
	say_hello(session);
	say_big_transaction(1);
	send_said(worker);
	ck_assert_int_eq(read(worker, &first, 1), 1);
	close_and_commit(client, worker, _i == 1);
	worker = worker_connect(s);
	say_hello(session);
	say_big_transaction(1);
	say_incr(2);
	send_said(worker);
	buf_init(&frame);
	m = read_frame(worker, &frame);
	ck_assert_uint_eq(m.sequence, 1);
	ck_assert(message_get_u8(&m.body, &(uint8_t){ 0 }));
	ck_assert(answer_next(&m.body, &line));
	ck_assert_uint_eq(line.n, 1);
	ck_assert_uint_eq(line.words[0].size, 1);
	ck_assert_mem_eq(line.words[0].data, "1", 1);
	buf_clear(&frame);
	expect_reply(worker, 2, "2");
	(void)close(worker);
	(void)close(client);
	server_stop(s);
}

/* The worker has not had all replies, but dies, and so needs them no more. */
TEST(test_record_of_dead_worker)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s);
	struct scoreboard *board = fake_worker_scoreboard(s);
	char first;

	client_ask(client, "CREATE b\n", "OK\r\n");
	put_big(client, BIG);
	say_hello(session);
	say_big_transaction(1);
	send_said(worker);
	ck_assert_int_eq(read(worker, &first, 1), 1);
	scoreboard_release(board, scoreboard_session_slot(session), 0);
	scoreboard_close(board);
	close_and_commit(client, worker, false);
	ck_assert_int_eq(client_stat(client, "outcomes"), 1);
	(void)close(client);
	server_stop(s);
}

/* What a turn of the registry may bring (registry/request.c) */

/*
 * The replies are together smaller than a connection's output in a turn, and
 * much larger than what may be on record.
 */
#define READS 240
#define READ_SIZE 1000
#define RECORD_BYTES (64 << 10)

/* Reads before or after a write do not make its record large. */
TEST(test_record_size)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s), i;
	struct buf frame;
	long before;

	client_ask(client, "CREATE b\n", "OK\r\n");
	put_big(client, READ_SIZE);
	before = client_stat(client, "used-bytes");
	say_hello(session);
	if (_i == 1)
		say_put(1);
	for (i = 2; i < 2 + READS; i++)
		say_get((uint64_t)i, "big");
	if (_i == 0)
		say_put((uint64_t)i);
	send_said(worker);
	buf_init(&frame);
	for (i = 0; i < READS + 1; i++)
		(void)read_frame(worker, &frame);
	buf_clear(&frame);
	ck_assert_int_lt(client_stat(client, "used-bytes"),
	    before + RECORD_BYTES);
	(void)close(worker);
	(void)close(client);
	server_stop(s);
}

/* As large as max-value allows.  Two are more than other requests may follow in
 * the same batch, which is a sixteenth of log-size. */
#define BIG_VALUE ((size_t)1 << 20)

static void
say_big_puts(uint64_t sequence)
{
	void *value = calloc(1, BIG_VALUE);
	size_t position = message_begin(&said, MESSAGE_TRANSACTION, sequence);

	ck_assert_ptr_nonnull(value);
	say_put_value(0, (struct bytes){ value, BIG_VALUE });
	say_put_value(0, (struct bytes){ value, BIG_VALUE });
	message_end(&said, position);
	free(value);
}

/*
 * One request is as large as a batch may be; a write that comes together with
 * its end has to wait for the next commit.
 */
TEST(test_batch_size)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s);
	struct buf reply;
	size_t large;
	long before;

	client_ask(client, "CREATE b\n", "OK\r\n");
	before = client_stat(client, "commits");
	say_hello(session);
	say_big_puts(1);
	large = buf_size(&said) - 1;
	say_put(2);
	client_send(worker, buf_data(&said), large);
	client_await_read(worker);
	client_send(worker, buf_data(&said) + large, buf_size(&said) - large);
	buf_truncate(&said, 0);
	buf_init(&reply);
	ck_assert_uint_eq(read_frame(worker, &reply).sequence, 1);
	buf_clear(&reply);
	expect_reply(worker, 2, NULL);
	ck_assert_int_eq(client_stat(client, "commits"), before + 2);
	(void)close(worker);
	(void)close(client);
	server_stop(s);
}

/* While the client reads nothing, the registry makes only some replies. */
TEST(test_output_size)
{
	struct server *s = server_start(NULL);
	int client = client_connect(s), worker = worker_connect(s), i;
	pid_t registry = server_pid(s, "registry");
	struct buf frame;
	long before_kib;

	client_ask(client, "CREATE b\n", "OK\r\n");
	put_big(client, BIG);
	before_kib = process_private_kib(registry);
	say_hello(session);
	for (i = 1; i <= 100; i++)
		say_get((uint64_t)i, "big");
	send_said(worker);
	buf_init(&frame);
	ck_assert_uint_eq(read_frame(worker, &frame).sequence, 1);
	client_ask(client, "PING\n", "OK\r\n");
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(registry),
		    before_kib + 10 * (long)(BIG >> 10));
	buf_clear(&frame);
	(void)close(worker);
	(void)close(client);
	server_stop(s);
}

/* These connections are not a worker's, or a worker's of another version. */

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

/* The registry counts these connections, and logs only some of them. */
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

/* Whoever is refused is not cut off in the middle of what it sends, and cannot
 * go on for ever. */
#define TOO_MUCH ((size_t)5 << 20)

TEST(test_refused)
{
	static const char block[65536];
	struct server *s = server_start(NULL);
	int fd, client = connect_and_ping(s);
	pid_t registry = server_pid(s, "registry");
	int fds = proc_count_fds(registry);
	int64_t deadline_ms = now_ms() + WAIT_MS;
	size_t sent = 0;
	char byte;

	fd = worker_connect(s);
	say_other_version(1);
	send_said(fd);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	for (; sent < (size_t)1 << 20; sent += sizeof(block))
		client_send(fd, block, sizeof(block));
	ck_assert_int_eq(client_stat(client, "workers"), 1);
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0) {
		sent += sizeof(block);
		ck_assert_uint_le(sent, TOO_MUCH);
	}
	while (proc_count_fds(registry) > fds)
		pause_until(deadline_ms, "the registry closes descriptors");
	(void)close(fd);
	(void)close(client);
	server_stop(s);
}

/* Each says the session of no worker, of another process's, or nothing. */
TEST(test_impostor)
{
	struct server *s = server_start(NULL);
	int fd, client = connect_and_ping(s);
	uint64_t other = fake_worker_session(s);
	struct scoreboard *board = fake_worker_scoreboard(s);

	/* init(8) has other things to do. */
	scoreboard_set_pid(board, scoreboard_session_slot(other), 1);
	scoreboard_close(board);
	fd = worker_connect(s);
	if (_i == 0)
		say_hello(session + (UINT64_C(1) << 63));
	else if (_i == 1)
		say_hello(other);
	send_said(fd);
	client_expect_gone(fd);
	ck_assert_uint_eq(
	    server_log_count(s,
		_i == 2 ? "it has said nothing" : "not a worker of this kvd"),
	    1);
	ck_assert_int_eq(client_stat(client, "refused-workers"), 1);
	fd = worker_connect(s);
	say_hello(session);
	say(MESSAGE_PING, 1, NULL);
	send_said(fd);
	expect_reply(fd, 1, NULL);
	(void)close(fd);
	(void)close(client);
	server_stop(s);
}

/* The later connection of a session ends the earlier one. */
TEST(test_earlier_ends)
{
	struct server *s = server_start(NULL);
	int first = worker_connect(s), second = worker_connect(s);

	say_hello(session);
	say(MESSAGE_PING, 1, NULL);
	send_said(first);
	expect_reply(first, 1, NULL);
	say_hello(session);
	say(MESSAGE_PING, 2, NULL);
	send_said(second);
	expect_reply(second, 2, NULL);
	client_expect_end(first);
	say(MESSAGE_PING, 3, NULL);
	send_said(second);
	expect_reply(second, 3, NULL);
	(void)close(second);
	server_stop(s);
}

#define SILENT 1000

/* Connections that say nothing do not keep others from being served. */
TEST(test_silent)
{
	struct server *s =
	    server_start((const char *const[]){ "max-clients 10", NULL });
	int fds[SILENT], i, client;

	for (i = 0; i < SILENT; i++)
		fds[i] = fake_worker_connect(s);
	client = connect_and_ping(s);
	ck_assert_int_lt(client_stat(client, "workers"), 32);
	for (i = 0; i < SILENT; i++)
		client_expect_gone(fds[i]);
	ck_assert_int_eq(client_stat(client, "workers"), 1);
	(void)close(client);
	server_stop(s);
}

/* Sends a message at the wrong time, to the wrong process, or malformed. */
static void
say_amiss(int i)
{
	size_t position;

	switch (i) {
	case 0: /* before HELLO */
		say(MESSAGE_COUNT, 1, "b");
		return;
	case 1: /* a second HELLO */
		say_hello(session);
		say_hello(session);
		return;
	case 2: /* a message that only a registry sends */
		say_hello(session);
		position = message_begin(&said, MESSAGE_REPLY, 1);
		message_put_u8(&said, STATUS_OK);
		message_end(&said, position);
		return;
	case 3: /* a missing field */
		say_hello(session);
		say(MESSAGE_GET, 1, "b");
		return;
	case 4: /* a field where none is wanted */
		say_hello(session);
		say(MESSAGE_PING, 1, "b");
		return;
	default: /* the keys of a bucket without a name */
		say_hello(session);
		position = message_begin(&said, MESSAGE_LIST, 1);
		message_put_u8(&said, LIST_KEYS);
		message_put_u64(&said, 0);
		message_put_u64(&said, 1);
		message_put_name(&said, bytes_from_text(""));
		message_put_name(&said, bytes_from_text(""));
		message_put_name(&said, bytes_from_text(""));
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
	LOOP(test_subscribe_lost, 2),
	ONCE(test_subscribers_return),
	ONCE(test_too_many_subscriptions),
	ONCE(test_listing_of_one_moment),
	LOOP(test_record_deleted, 4),
	LOOP(test_record_repeated_in_part, 2),
	LOOP(test_record_of_unread_reply, 2),
	ONCE(test_record_of_dead_worker),
	LOOP(test_record_size, 2),
	ONCE(test_batch_size),
	ONCE(test_output_size),
	LOOP(test_strangers, 2),
	ONCE(test_refused),
	LOOP(test_impostor, 3),
	ONCE(test_earlier_ends),
	ONCE(test_silent),
	LOOP(test_amiss, 6),
};

SUITE("session", tests)
