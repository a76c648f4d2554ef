/*
 * check_telnet: telnet's commands and line editing over the wire, and with
 * the real telnet(1).
 */

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "stream.h"
#include "telnet_codes.h"
#include "terminal.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* The macro gives the size as well, because text after an inner NUL counts. */
#define B(text) text, sizeof(text) - 1

#define TM "\x06"

#define OK "OK\r\n"
#define UNKNOWN "UNKNOWN COMMAND\r\n"
#define UNTERMINATED "ERROR unterminated line\r\n"

/*
 * Each of these is a whole connection: what the client sends, and all that
 * comes back.
 */
static const struct {
	const char *sent;
	size_t sent_size;
	const char *reply;
	size_t reply_size;
} talks[] = {
	/* commands that kvd drops */
	{ B("PI" NOP "NG" GA "\r" DM "\n" BRK), B(OK) },
	{ B("PING\r" NOP "\0"), B(OK) },
	{ B(SB "\x18\nPUT b k v\r\n" IAC IAC SE "PING\n"), B(OK) },

	/* the byte 255 */
	{ B("ECHO \"" IAC IAC "\" a" IAC IAC "\n"),
	    B("\"\\xff\" \"a\\xff\"\r\n" OK) },
	{ B("PUT b \"" IAC IAC "\" " IAC IAC "\nGET b \"\\xff\"\n"),
	    B(OK "\"\\xff\"\r\n" OK) },
	{ B("ECHO \"\\x08\\x7f\\xff\"\n"), B("\"\\x08\\x7f\\xff\"\r\n" OK) },
	/*
	 * from a program that does not speak telnet: the line ends at its
	 * newline
	 */
	{ B("ECHO a" IAC "\nPING\n"), B("a\r\n" OK OK) },
	{ B("ECHO " IAC "\xe9t" IAC "\xe9\n"), B("\"\\xe9t\\xe9\"\r\n" OK) },

	/* line editing */
	{ B("PINH\x08G\n"), B(OK) },
	{ B("PINH\x7fG\r\n"), B(OK) },
	{ B("PINH" EC "G\n"), B(OK) },
	{ B("ECHO caf\xc3\xa9\x08"
	    "e\n"),
	    B("cafe\r\n" OK) },
	{ B("ECHO \xe2\x82\xac\x7f\xf0\x9f\x98\x80" EC "$\n"), B("$\r\n" OK) },
	{ B("ECHO \"a\\\x08\"\n"), B("a\r\n" OK) },
	{ B("DELETE b k" EL "PING\n"), B(OK) },
	{ B("PING\n\x08\x08\x7f" EC EL "ECHO a\n"), B(OK "a\r\n" OK) },
	{ B("PING\r\n\x08PING\r\0\x7fPING\n"), B(OK OK OK) },
	{ B("PIN\x08\x08\x08\x08\x08\x08PING\n"), B(OK) },
	{ B("PING\r\x08\n"), B(OK) },

	/* interrupt */
	{ B("PUT b k v" IP "PING\n"), B(OK) },
	{ B("PING\nPUT b" IP "PING\n"), B(OK OK) },
	{ B("PUT b" IP DO TM "PING\n"), B(WILL TM OK) },
	{ B("PUT b" IP DM DO TM "PING\n"), B(WILL TM OK) },

	/* answers come in order, also after replies that need the registry */
	{ B(AYT), B(YES) },
	{ B("PING\n" AYT "PING\n"), B(OK YES OK) },
	{ B("PUT b a 1\nGET b a\n" DO TM "GET b a\n" AYT "ECHO a\n" AO
	    "GET b a\n"),
	    B(OK "1\r\n" OK WILL TM "1\r\n" OK YES "a\r\n" OK DM "1\r\n" OK) },
	{ B("ECHO a" AYT "b\n"), B(YES "ab\r\n" OK) },
	{ B("QUIT\n" AYT), B(OK) },

	/* options */
	{ B(DO "\x03" WILL "\x18" DO "\x03" WILL "\x18"
	       "PING\n" DO "\x03" WILL "\x18" DONT "\x03" WONT "\x18" DO
	       "\x03"),
	    B(WONT "\x03" DONT "\x18" OK) },
	{ B("PI" DO "\n"
	    "NG" WILL "\r\n"),
	    B(WONT "\n" DONT "\r" OK) },
	{ B(DO TM DO TM DO TM), B(WILL TM WILL TM WILL TM) },

	/* an IAC at the end of the input does not make a line */
	{ B("PING\n" IAC), B(OK) },
	{ B("PING\n" WILL), B(OK) },
	{ B("PING\n" SB "PING\n"), B(OK) },
	{ B("PING\nPING" IAC), B(OK UNTERMINATED) },
	{ B("PING\nPING" EL), B(OK) },
	{ B("PING\nP\x08"), B(OK) },

	/* an HTTP request stays one in spite of line editing */
	{ B("GET / HTTP/1.1x\x08\r\nPUT b k v\r\n"),
	    B("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
	      "Content-Length: 0\r\n\r\n") },
};

static struct server *server;

static void
setup(void)
{
	int fd;

	server = server_new();
	server_option(server, "sync never");
	server_option(server, "max-value 1k");
	server_option(server, "write-timeout 300ms");
	listen_unix(server);
	server_run(server);
	fd = client_connect(server);
	client_ask(fd, "CREATE b\n", OK);
	(void)close(fd);
}

static void
teardown(void)
{
	server_stop(server);
}

/* Sends the bytes in pieces of this size. */
static void
talk(int fd, size_t i, size_t piece)
{
	size_t at, n;

	for (at = 0; at < talks[i].sent_size; at += n) {
		n = talks[i].sent_size - at;
		if (n > piece)
			n = piece;
		client_send(fd, talks[i].sent + at, n);
	}
	client_half_close(fd);
	client_expect(fd, talks[i].reply, talks[i].reply_size);
	client_expect_end(fd);
}

TEST(test_talks)
{
	static const size_t pieces[] = { SIZE_MAX, 1, 2, 3 };
	size_t i, piece;

	for (i = 0; i < COUNT(talks); i++)
		for (piece = 0; piece < COUNT(pieces); piece++)
			talk(client_connect(server), i, pieces[piece]);
}

TEST(test_talks_unix)
{
	size_t i;

	for (i = 0; i < COUNT(talks); i++) {
		talk(server_connect_unix(server), i, SIZE_MAX);
		talk(server_connect_unix(server), i, 1);
	}
}

/*
 * Sends bytes of which the last is urgent (tcp(7)), as the mark of a Synch is.
 */
static void
send_urgent(int fd, const char *data, size_t size)
{
	ck_assert_int_eq(send(fd, data, size, MSG_OOB | MSG_NOSIGNAL),
	    (ssize_t)size);
}

static void
append_repeated(struct buf *b, const char *text, size_t times)
{
	while (times-- > 0)
		buf_append_text(b, text);
	ck_assert(!buf_failed(b));
}

/* CVE-2022-39028: EC and EL, as two bytes at the very start of a connection, made
 * a telnetd read through a null pointer. */
static const char *const first_bytes[] = { "\xff\xf7", "\xff\xf8" };

TEST(test_cve_2022_39028)
{
	int fd = client_connect(server);

	client_send(fd, first_bytes[_i], 2);
	client_ask(fd, "PING\n", OK);
	(void)close(fd);
}

/* CVE-2020-10188: urgent data in the middle of options made a telnetd write
 * behind a buffer of replies that it had not sent yet. */
TEST(test_cve_2020_10188)
{
	int fd = client_connect(server), i;
	struct buf out;

	buf_init(&out);
	append_repeated(&out, DO "\x18" SB "\x18\x01" IAC "\xf0" AYT, 2000);
	for (i = 0; i < 20; i++) {
		(void)send(fd, buf_data(&out), buf_size(&out),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)send(fd, DM, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	buf_clear(&out);
	(void)close(fd);
	fd = client_connect(server);
	client_ask(fd, "PING\n", OK);
	(void)close(fd);
	ck_assert_uint_eq(server_log_count(server, "died of"), 0);
}

/* The urgent byte keeps its place in the stream. */
TEST(test_urgent)
{
	int fd = client_connect(server), i;

	client_say(fd, "PI");
	send_urgent(fd, B(DM));
	client_ask(fd, "NG\n", OK);
	/* Ctrl-C, followed by a Synch */
	client_say(fd, "PUT b k v");
	send_urgent(fd, B(IP DM));
	client_send(fd, B(DO TM));
	client_expect(fd, B(WILL TM));
	client_ask(fd, "PING\n", OK);
	/* an urgent byte of text counts as text */
	send_urgent(fd, B("PING\n"));
	client_hear(fd, OK);
	for (i = 0; i < 100; i++) {
		client_say(fd, "ECHO lost");
		send_urgent(fd, B(IP DM));
		client_say(fd, "ECHO ");
		send_urgent(fd, B(NOP DM));
		client_ask(fd, "found\n", "found\r\n" OK);
	}
	(void)close(fd);
}

#define LINE_MAX_BYTES (4096 + 4 * KIB) /* for the max-value of setup() */

/* Sends a line of this many blanks without an end, and then these bytes. */
static void
say_long(int fd, size_t size, const void *rest, size_t rest_size,
    const char *reply)
{
	struct buf out;

	buf_init(&out);
	append_repeated(&out, " ", size);
	buf_append(&out, rest, rest_size);
	client_exchange(fd, buf_data(&out), buf_size(&out), reply,
	    strlen(reply));
	buf_clear(&out);
}

/*
 * A line that is too long gets one error.  The telnet commands that drop a line
 * drop it as well; after others it goes on to its end.
 */
TEST(test_too_long)
{
	static const char too_long[] = "ERROR line too long\r\nthat\r\nOK\r\n";
	int fd = client_connect(server);

	say_long(fd, LINE_MAX_BYTES + 99, B(IP "ECHO that\n"), too_long);
	say_long(fd, LINE_MAX_BYTES + 99, B(EL "ECHO that\n"), too_long);
	say_long(fd, LINE_MAX_BYTES + 99, B("\x08\x7f" EC "PING\nECHO that\n"),
	    too_long);
	say_long(fd, MIB, B("\x08\x7f" EC IP "ECHO that\n"), too_long);
	say_long(fd, MIB, B(AYT "PING\nECHO that\n"),
	    "ERROR line too long\r\n" YES "that\r\nOK\r\n");
	/* The line is short enough after it was edited. */
	say_long(fd, LINE_MAX_BYTES - 9, B("ECHO thatxxx\x08\x7f" EC "\n"),
	    "ERROR line too long\r\n");
	say_long(fd, LINE_MAX_BYTES - 9, B("ECHO that\x08t\n"),
	    "that\r\nOK\r\n");
	(void)close(fd);
}

/*
 * A line has the greatest length, and its CR and LF come separately: the CR
 * does not count as text.
 */
TEST(test_longest_line_cut)
{
	int fd = client_connect(server);

	say_long(fd, LINE_MAX_BYTES - 4, B("PING\r" AYT), YES);
	client_ask(fd, "\n", OK);
	say_long(fd, LINE_MAX_BYTES - 4, B("PING\r" AYT), YES);
	client_exchange(fd, "", 1, B(OK));
	say_long(fd, LINE_MAX_BYTES - 3, B("PING\r" AYT),
	    "ERROR line too long\r\n" YES);
	client_ask(fd, "\nPING\n", OK);
	(void)close(fd);
}

/* Floods */

/* All 256 options are sent with all verbs, twice, in one write. */
TEST(test_all_options)
{
	int fd = client_connect(server), verb, option, round;
	struct buf out, want;
	uint8_t b[3] = { 255 };

	buf_init(&out);
	buf_init(&want);
	for (round = 0; round < 2; round++)
		for (option = 0; option < 256; option++)
			for (verb = 251; verb <= 254; verb++) {
				b[1] = (uint8_t)verb;
				b[2] = (uint8_t)option;
				buf_append(&out, b, sizeof(b));
				if (verb == 252 || verb == 254)
					continue;
				if (verb == 253 && option == 6)
					b[1] = 251;
				else if (round == 1)
					continue;
				else
					b[1] = verb == 251 ? 254 : 252;
				buf_append(&want, b, sizeof(b));
			}
	buf_append_text(&out, "PING\n");
	buf_append_text(&want, OK);
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/*
 * Returns the memory that a process has allocated, in KiB, from
 * /proc/PID/status (proc(5)), or 0 if the process has ended.
 */
static long
data_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	if ((file = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmData: %ld kB", &kib) == 1)
			break;
	(void)fclose(file);
	return kib;
}

/* This allows for the buffers of some reads; sanitizers keep freed memory. */
#ifdef KVD_INSTRUMENTED
#define GROWTH_MAX_KIB LONG_MAX / 2
#else
#define GROWTH_MAX_KIB 1024
#endif

TEST(test_endless_sub)
{
	int fd = client_connect(server);
	struct buf out;
	long kib;
	pid_t pid;

	buf_init(&out);
	append_repeated(&out, "0123456789abcde\n", MIB / 16);
	client_ask(fd, "PING\n", OK);
	pid = server_worker(server, fd);
	kib = data_kib(pid);
	client_send(fd, B(SB));
	client_send(fd, buf_data(&out), buf_size(&out));
	client_send(fd, buf_data(&out), buf_size(&out));
	client_exchange(fd, B(AYT), B(YES));
	ck_assert_int_le(data_kib(pid), kib + GROWTH_MAX_KIB);
	client_ask(fd, "PING\n", OK);
	buf_clear(&out);
	(void)close(fd);
}

/*
 * Sends what it can without waiting; returns false if the connection has ended.
 */
static bool
stuff(int fd, const void *data, size_t size)
{
	ssize_t n;

	do
		n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n > 0);
	return errno == EAGAIN || errno == EINTR;
}

/*
 * Sends requests and reads no reply: the worker waits, and then closes the
 * connection.
 */
static void
flood(const char *request, size_t size)
{
	static const int buffer = 65536;
	int fd = client_connect(server);
	int64_t deadline_ms = now_ms() + WAIT_MS;
	size_t at, n = 64 * KIB / size * size;
	char *data = malloc(n);
	pid_t pid;
	long kib;

	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)), 0);
	for (at = 0; at < n; at += size)
		memcpy(data + at, request, size);
	client_ask(fd, "PING\n", OK);
	pid = server_worker(server, fd);
	kib = data_kib(pid);
	while (stuff(fd, data, n)) {
		ck_assert_int_le(data_kib(pid), kib + GROWTH_MAX_KIB);
		pause_until(deadline_ms, "a slow reader is not closed");
	}
	free(data);
	(void)close(fd);
}

TEST(test_flood)
{
	flood(B(AYT));
	flood(B(DO TM));
}

/* There are many telnet commands, and none of them shows in the replies. */
TEST(test_dense)
{
	int fd = client_connect(server);
	struct buf out, want;

	buf_init(&out);
	buf_init(&want);
	append_repeated(&out, "ECHO ab\x08" NOP "\x7f\xc3\xa9" EC "c\r\n",
	    20000);
	append_repeated(&want, "c\r\n" OK, 20000);
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* telnet(1) */

static bool
have_telnet(void)
{
	return have_program("telnet");
}

static void
terminal_ask(struct terminal *t, const char *request, const char *reply)
{
	terminal_type(t, request);
	terminal_type(t, "\r");
	terminal_expect(t, reply);
}

/*
 * Checks that telnet(1) is still in line mode: it echoes the line, and the
 * reply comes.  The first request has a reply that cannot be taken for an echo.
 * It makes sure that telnet(1) has left its prompt and has read the refusal of
 * an option, as it would lose the escape character until then.
 */
static void
terminal_settle(struct terminal *t)
{
	terminal_ask(t, "ECHO \"\\x69t\"", "it");
	terminal_expect(t, OK);
	terminal_ask(t, "ECHO it", "ECHO it\r\nit\r\n" OK);
}

static void
terminal_start(struct terminal *t)
{
	terminal_open(t, server->host, server->port);
	terminal_expect(t, "Escape character is '^]'.\r\n");
	terminal_settle(t);
}

/*
 * Gives a command at the prompt of telnet(1), which the escape character opens.
 */
static void
terminal_command(struct terminal *t, const char *command)
{
	terminal_type(t, "\035");
	terminal_expect(t, "telnet> ");
	terminal_type(t, command);
	terminal_type(t, "\r");
}

static void
terminal_end(struct terminal *t)
{
	terminal_command(t, "quit");
	terminal_expect(t, "Connection closed.");
	terminal_close(t);
}

/*
 * telnet(1) discards its input until its timing mark is answered, so it would
 * show nothing more from a server that does not answer.
 */
TEST(test_interrupt)
{
	struct terminal t;
	int i;

	if (!have_telnet())
		return;
	terminal_start(&t);
	for (i = 0; i < 3; i++) {
		terminal_type(&t, "DELETE b k");
		terminal_type(&t, "\003");
		terminal_expect(&t, "^C");
		terminal_settle(&t);
	}
	/* with a Synch, whose last byte is urgent */
	terminal_command(&t, "toggle autosynch");
	terminal_settle(&t);
	for (i = 0; i < 3; i++) {
		terminal_type(&t, "\003");
		terminal_expect(&t, "^C");
		terminal_settle(&t);
	}
	terminal_end(&t);
}

TEST(test_send)
{
	static const char *const sends[] = { "ip", "ec", "el", "ao", "synch",
		"brk", "nop", "ga", "abort", "susp", "eof", "do echo",
		"will echo", "dont echo", "wont echo" };
	struct terminal t;
	char command[64];
	size_t i;

	if (!have_telnet())
		return;
	terminal_start(&t);
	terminal_command(&t, "send ayt");
	terminal_expect(&t, YES);
	for (i = 0; i < COUNT(sends); i++) {
		snprintf(command, sizeof(command), "send %s", sends[i]);
		terminal_command(&t, command);
		terminal_settle(&t);
	}
	terminal_end(&t);
}

/* After kvd has refused its options, telnet(1) still sends a line at a time. */
TEST(test_modes)
{
	static const char *const commands[] = { "mode character", "mode line",
		"set binary", "toggle crlf", "unset binary" };
	struct terminal t;
	size_t i;

	if (!have_telnet())
		return;
	terminal_start(&t);
	for (i = 0; i < COUNT(commands); i++) {
		terminal_command(&t, commands[i]);
		terminal_settle(&t);
	}
	terminal_end(&t);
}

static const struct test tests[] = {
	CASE("telnet", setup, teardown),
	ONCE(test_talks),
	ONCE(test_talks_unix),
	EACH(test_cve_2022_39028, first_bytes),
	ONCE(test_cve_2020_10188),
	ONCE(test_urgent),
	ONCE(test_too_long),
	ONCE(test_longest_line_cut),
	ONCE(test_all_options),
	ONCE(test_endless_sub),
	ONCE(test_flood),
	ONCE(test_dense),
	ONCE(test_interrupt),
	ONCE(test_send),
	ONCE(test_modes),
};

SUITE("telnet", tests)
