/*
 * check_worker: clients that are refused, clients that are told to leave, and
 * what a worker does without memory.
 */

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "common/buf.h"
#include "fixture.h"
#include "telnet_codes.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* The macro gives the size as well, because text after an inner NUL counts. */
#define B(text) text, sizeof(text) - 1

#define BAD_REQUEST                    \
	"HTTP/1.1 400 Bad Request\r\n" \
	"Connection: close\r\nContent-Length: 0\r\n\r\n"

static struct server *server;

static void
setup(void)
{
	int fd;

	server = server_new();
	server_option(server, "sync never");
	server_option(server, "max-value 1M");
	server_run(server);
	fd = client_connect(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
}

static void
teardown(void)
{
	server_stop(server);
}

/* The first line */

/*
 * Sends the bytes in pieces of this size; the server may have closed its half
 * already.
 */
static void
send_pieces(int fd, const char *data, size_t size, size_t piece)
{
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		ck_assert_int_eq(send(fd, data + at, n, MSG_NOSIGNAL),
		    (ssize_t)n);
	}
}

static const size_t pieces[] = { SIZE_MAX, 1, 2, 3, 7 };

/* These bytes in front of a line are dropped or erased, and do not alter it. */
static const struct {
	const char *text;
	size_t size;
} before[] = {
	{ B("") },
	{ B("\r\n") },
	{ B("\n \t\r\n\r\0 ") },
	{ B(IAC "\xf1" IAC "\xf9") }, /* NOP, GA */
	{ B(IAC "\xfa\x18x\n" IAC "\xf0") }, /* a subnegotiation */
	{ B("PING" IAC "\xf8") }, /* EL */
	{ B("PING\x08\x08\x7f" IAC "\xf7") },
	{ B("\xc3\xa9\x08\t") },
};

/* A connection that begins with these bytes is not a client's.  Some of them are
 * HTTP, with which a web page can make a browser send commands to a server in
 * another network (CVE-2016-10517). */
static const struct {
	const char *text;
	size_t size;
	const char *reply;
} strangers[] = {
	/* TLS, with a session ticket */
	{ B("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03ticket"), "" },
	/* SSL 2, SMB, AMQP, MQTT, SOCKS, BitTorrent, memcached, DNS, PROXY 2,
	 * Java's RMI */
	{ B("\x80\x2e\x01\x00\x02"), "" },
	{ B("\0\0\0\x85\xffSMB"), "" },
	{ B("AMQP\0\0\x09\x01"), "" },
	{ B("\x10\x0c\0\x04MQTT"), "" },
	{ B("\x05\x01\0"), "" },
	{ B("\x13"
	    "BitTorrent protocol"),
	    "" },
	{ B("\x80\0\0\x03"), "" },
	{ B("\0\x1d\x12\x34\x01"), "" },
	{ B("\r\n\r\n\0\r\nQUIT\n\x21"), "" },
	{ B("JRMI\0\x02K"), "" },
	/* a key that a terminal does not use to edit a line */
	{ B("\x1b[A"), "" },
	{ B("PUT b k v\rPUT b k v"), "" },
	/* the character counts although it was erased */
	{ B("\x01\x08"), "" },
	{ B("PUT\x16" IAC "\xf8"), "" },
	{ B("GET / HTTP/1.1\r\nHost: x\r\n\r"), BAD_REQUEST },
	{ B("POST / http/1.0\r"), BAD_REQUEST },
	{ B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r"), BAD_REQUEST },
	{ B("CREATE b HTTP/1.1 \t\r"), BAD_REQUEST },
	{ B("ECHO \"a HTTP/1.1"), BAD_REQUEST },
	{ B("REGISTER sip:x;transport=TCP SIP/2.0\r"), "" },
	{ B("OPTIONS rtsp://x RTSP/1.0\r"), "" },
	{ B("REQMOD icap://x/ ICAP/1.0\r"), "" },
};

static const char request[] = "\nPUT b owned 1\nCREATE owned\r\n";

static void
expect_refusal(size_t prefix, size_t stranger, size_t piece)
{
	int fd = client_connect(server);
	size_t size;
	char *reply;

	send_pieces(fd, before[prefix].text, before[prefix].size, piece);
	send_pieces(fd, strangers[stranger].text, strangers[stranger].size,
	    piece);
	send_pieces(fd, B(request), piece);
	reply = client_read_all(fd, &size);
	ck_assert_msg(strcmp(reply, strangers[stranger].reply) == 0,
	    "%zu, %zu, in pieces of %zu: %s", prefix, stranger, piece, reply);
	free(reply);
}

TEST(test_strangers)
{
	size_t i, j;
	int fd;

	for (i = 0; i < COUNT(before); i++)
		for (j = 0; j < COUNT(pieces); j++)
			expect_refusal(i, (size_t)_i, pieces[j]);
	fd = client_connect(server);
	client_ask(fd, "EXISTS b owned\nEXISTS owned x\n",
	    "NOT FOUND\r\nNOT FOUND\r\n");
	client_ask(fd, "BUCKETS\n", "b\r\nOK\r\n");
	(void)close(fd);
}

/*
 * kvd refuses at once, and waits neither for the end of the line nor for that
 * of the input.
 */
TEST(test_at_once)
{
	int fd = client_connect(server);

	client_send(fd, B("PUT b owned "));
	client_send(fd, B("\x16"));
	client_expect_end(fd);
}

/* The first line is too long, and the bytes come after its limit. */
TEST(test_long)
{
	static const struct {
		const char *text;
		size_t size;
		const char *reply;
	} ends[] = {
		{ B("\x16"), "" },
		{ B("\0"), "" },
		{ B(" HTTP/1.1\r"), BAD_REQUEST },
		{ B(" SIP/2.0"), "" },
	};
	size_t line = 4 * MIB + 8 * KIB, size, i;
	char *text = malloc(line), *reply;
	int fd;

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', line);
	for (i = 0; i < COUNT(ends); i++) {
		fd = client_connect(server);
		client_send(fd, text, line);
		client_hear(fd, "ERROR line too long\r\n");
		client_send(fd, ends[i].text, ends[i].size);
		send_pieces(fd, B(request), SIZE_MAX);
		reply = client_read_all(fd, &size);
		ck_assert_str_eq(reply, ends[i].reply);
		free(reply);
	}
	free(text);
	fd = client_connect(server);
	client_ask(fd, "EXISTS b owned\n", "NOT FOUND\r\n");
	(void)close(fd);
}

/* Each of these is a valid first line, and any bytes may follow it. */
static const struct {
	const char *text;
	size_t size;
	const char *reply;
} clients[] = {
	{ B("\tECHO\ta\t\r\n"), "a\r\nOK\r\n" },
	{ B("ECHO caf\xc3\xa9 \xe9\n"), "caf\xc3\xa9 \"\\xe9\"\r\nOK\r\n" },
	{ B("ECHO a\r\0"), "a\r\nOK\r\n" },
	{ B("ECHO b\x08"
	    "a\x7f\x08 a\r\n"),
	    "a\r\nOK\r\n" },
	{ B("ECHO " IAC "\xf1"
	    "a\r" IAC "\xf1\n"),
	    "a\r\nOK\r\n" },
	{ B("ECHO a\r\x08\n"), "a\r\nOK\r\n" },
	{ B("ECHO " IAC IAC "\n"), "\"\\xff\"\r\nOK\r\n" },
	{ B("ECHO HTTP/1.1 a\n"), "HTTP/1.1 a\r\nOK\r\n" },
	{ B("ECHO libhttp/1.1\n"), "libhttp/1.1\r\nOK\r\n" },
	{ B("*1\r\n"), "UNKNOWN COMMAND\r\n" },
	{ B("SSH-2.0-OpenSSH_9.2\r\n"), "UNKNOWN COMMAND\r\n" },
	{ B("\"\n"), "ERROR unbalanced quotes\r\n" },
};

TEST(test_clients)
{
	static const char more[] = "ECHO \x16\x03\x01\0\r \x1b HTTP/1.1\n";
	static const char more_reply[] =
	    "\"\\x16\\x03\\x01\\x00\\r\" \"\\x1b\" HTTP/1.1\r\nOK\r\n";
	size_t i, j;
	int fd;

	for (i = 0; i < COUNT(clients); i++)
		for (j = 0; j < COUNT(pieces); j++) {
			fd = client_connect(server);
			send_pieces(fd, clients[i].text, clients[i].size,
			    pieces[j]);
			client_hear(fd, clients[i].reply);
			send_pieces(fd, B(more), pieces[j]);
			client_hear(fd, more_reply);
			(void)close(fd);
		}
}

/* Told to leave */

/* A worker that gets SIGTERM tells its client so, unless all of kvd stops. */
TEST(test_dismissed)
{
	int other = connect_and_ping(server), fd, i;

	for (i = 0; i < 3; i++) {
		fd = i == 0 ? client_connect(server) : connect_and_ping(server);
		if (i == 2)
			client_ask(fd, "SUBSCRIBE b\nPING\n", "OK\r\n");
		signal_process(server_worker(server, fd), SIGTERM);
		client_hear(fd, "ERROR disconnected\r\n");
		client_expect_end(fd);
	}
	client_ask(other, "PING\n", "OK\r\n");
	(void)close(other);
}

/* The worker shares the acceptor's descriptor for signals. */
TEST(test_other_signal)
{
	int fd = connect_and_ping(server), i;
	pid_t worker = server_worker(server, fd);

	for (i = 0; i < 100; i++) {
		signal_process(worker, SIGCHLD);
		client_ask(fd, "PING\n", "OK\r\n");
	}
	signal_process(worker, SIGCHLD);
	process_expect_idle(worker);
	signal_process(worker, SIGTERM);
	client_hear(fd, "ERROR disconnected\r\n");
	client_expect_end(fd);
}

#define GETS 32

/*
 * The worker sends all replies to the requests that it has read, and then the
 * farewell.
 */
TEST(test_dismissed_busy)
{
	static const char farewell[] = "\r\nOK\r\nERROR disconnected\r\n";
	static const char get[] = "GET b k\n";
	char gets[GETS * (sizeof(get) - 1)];
	size_t size = MIB, got, i;
	int fd = connect_and_ping(server);
	pid_t worker = server_worker(server, fd);
	char *value = malloc(size), *reply;

	ck_assert_ptr_nonnull(value);
	memset(value, 'v', size);
	client_say(fd, "PUT b k ");
	client_send(fd, value, size);
	client_ask(fd, "\n", "OK\r\n");
	/*
	 * The replies are more than the sockets hold; one write has all
	 * requests, so that the worker reads all of them.
	 */
	for (i = 0; i < GETS; i++)
		memcpy(gets + i * strlen(get), get, strlen(get));
	client_send(fd, gets, sizeof(gets));
	/* The worker is in the middle of its replies when a part has come. */
	client_expect(fd, value, size);
	signal_process(worker, SIGTERM);
	reply = client_read_all(fd, &got);
	ck_assert_uint_eq(got,
	    strlen(farewell) + (GETS - 1) * (size + strlen("\r\nOK\r\n")));
	ck_assert_str_eq(reply + got - strlen(farewell), farewell);
	free(reply);
	free(value);
}

/* An administrator may send SIGTERM to all processes of kvd. */
TEST(test_stop_all)
{
	int fds[8];
	size_t i;

	for (i = 0; i < COUNT(fds); i++)
		fds[i] = connect_and_ping(server);
	ck_assert_int_eq(kill(-server->pid, SIGTERM), 0);
	for (i = 0; i < COUNT(fds); i++) {
		client_hear(fds[i], "ERROR shutting down\r\n");
		client_expect_end(fds[i]);
	}
	(void)server_await_end(server, WAIT_MS);
	server_restart(server);
}

/* Memory */

static int
oom_score(pid_t pid)
{
	char path[64];
	FILE *file;
	int score;

	snprintf(path, sizeof(path), "/proc/%ld/oom_score_adj", (long)pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &score), 1);
	(void)fclose(file);
	return score;
}

static void
await_expendable(pid_t worker, int score)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (oom_score(worker) <= score)
		pause_until(deadline_ms, "the worker is like the acceptor");
}

/* Of kvd's processes, the kernel kills workers before all others. */
TEST(test_expendable)
{
	int score = oom_score(server_pid(server, "acceptor"));
	int silent = client_connect(server), idle = connect_and_ping(server);
	int subscriber = client_connect(server);

	client_ask(subscriber, "SUBSCRIBE b\nPING\n", "OK\r\n");
	if (score < 1000) {
		await_expendable(server_worker(server, silent), score);
		await_expendable(server_worker(server, idle), score);
		await_expendable(server_worker(server, subscriber), score);
	}
	ck_assert_int_ge(score, oom_score(server_pid(server, "registry")));
	client_ask(idle, "PING\n", "OK\r\n");
	(void)close(silent);
	(void)close(idle);
	(void)close(subscriber);
}

#ifndef KVD_INSTRUMENTED

/* From now on the client's worker gets no more memory. */
static int
connect_starved(void)
{
	int fd = connect_and_ping(server);

	/* On Linux a limit of 0 means no limit. */
	(void)process_limit(server_worker(server, fd), RLIMIT_DATA, 4096);
	return fd;
}

/*
 * Each of these needs memory for something else, and cannot get it: for the
 * client's input, for the registry's reply, or for an event.  A request that
 * ends in a blank is followed by a value.
 */
static const char *const hungry[] = {
	"PUT b k ",
	"\xff\xf1PUT b k ",
	"GET b big\n",
	"ENTRIES b\n",
	"BEGIN\nPUT b k ",
	"SUBSCRIBE b\nPING\n",
};

/* The worker may no longer take what the client sends after that. */
static void
put_big(int fd, const char *head)
{
	char *value = malloc(MIB + 1);

	ck_assert_ptr_nonnull(value);
	memset(value, 'v', MIB);
	value[MIB] = '\n';
	client_say(fd, head);
	(void)send(fd, value, MIB + 1, MSG_NOSIGNAL);
	free(value);
}

TEST(test_starved)
{
	const char *text = hungry[_i];
	int fd, other = connect_and_ping(server);

	put_big(other, "PUT b big ");
	client_hear(other, "OK\r\n");
	fd = connect_starved();
	if (text[strlen(text) - 1] == ' ')
		put_big(fd, text);
	else
		client_say(fd, text);
	if (strncmp(text, "SUBSCRIBE", strlen("SUBSCRIBE")) == 0) {
		client_hear(fd, "OK\r\n");
		put_big(other, "PUT b big ");
		client_hear(other, "OK\r\n");
	}
	client_expect_gone(fd);
	server_await_log(server, "out of memory: the client is disconnected",
	    1);
	ck_assert_uint_eq(server_log_count(server, "malformed"), 0);
	client_ask(other, "PING\n", "OK\r\n");
	(void)close(other);
}

#endif

static const struct test tests[] = {
	CASE("worker", setup, teardown),
	EACH(test_strangers, strangers),
	ONCE(test_at_once),
	ONCE(test_long),
	ONCE(test_clients),
	ONCE(test_dismissed),
	ONCE(test_other_signal),
	ONCE(test_dismissed_busy),
	ONCE(test_stop_all),
	ONCE(test_expendable),
#ifndef KVD_INSTRUMENTED
	EACH(test_starved, hungry),
#endif
};

SUITE("worker", tests)
