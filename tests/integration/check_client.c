/*
 * check_client: the protocol over the wire, as clients of every kind speak
 * it.
 */

#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "stream.h"
#include "terminal.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* The macro gives the size as well, because text after an inner NUL counts. */
#define B(text) text, sizeof(text) - 1

#define X15 "xxxxxxxxxxxxxxx"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 X15
#define X256 X255 "x"

#define UNKNOWN "UNKNOWN COMMAND\r\n"
#define MISSING "NOT FOUND\r\n"
#define EMPTY "\r\nOK\r\n"

/*
 * This conversation has the same replies each time it is repeated, on any
 * connection.
 */
static const struct line {
	const char *request;
	size_t request_size;
	const char *reply;
	size_t reply_size;
} lines[] = {
	/* the example of the guide */
	{ B("CREATE shopping\r\n"), B("OK\r\n") },
	{ B("CREATE shopping\r\n"), B("OK\r\n") },
	{ B("PUT shopping milk 1\r\n"), B("OK\r\n") },
	{ B("PUT shopping eggs 3\r\n"), B("OK\r\n") },
	{ B("GET shopping milk\r\n"), B("1\r\nOK\r\n") },
	{ B("GET shopping eggs\r\n"), B("3\r\nOK\r\n") },
	{ B("DELETE shopping eggs\r\n"), B("OK\r\n") },
	{ B("GET shopping eggs\r\n"), B(EMPTY) },
	{ B("DELETE shopping eggs\r\n"), B("OK\r\n") },
	{ B("UNKNOWN shopping\r\n"), B(UNKNOWN) },
	{ B("GET unknown milk\r\n"), B(MISSING) },

	/* a bucket or a key that does not exist */
	{ B("PUT unknown milk 1\r\n"), B(MISSING) },
	{ B("DELETE unknown milk\r\n"), B(MISSING) },
	{ B("EXISTS unknown milk\r\n"), B(MISSING) },
	{ B("EXISTS shopping milk\r\n"), B("OK\r\n") },
	{ B("EXISTS shopping eggs\r\n"), B(MISSING) },
	{ B("GET SHOPPING milk\r\n"), B(MISSING) },
	{ B("GET shopping MILK\r\n"), B(EMPTY) },

	/* words may be in upper or lower case */
	{ B("create shopping\r\n"), B("OK\r\n") },
	{ B("Put shopping milk 2\r\n"), B("OK\r\n") },
	{ B("gEt shopping milk\r\n"), B("2\r\nOK\r\n") },
	{ B("exists shopping milk\r\n"), B("OK\r\n") },
	{ B("deletE shopping milk\r\n"), B("OK\r\n") },
	{ B("get shopping milk\r\n"), B(EMPTY) },
	{ B("ping\r\n"), B("OK\r\n") },
	{ B("eChO a\r\n"), B("a\r\nOK\r\n") },

	/* ends of lines, and blanks */
	{ B("PING\n"), B("OK\r\n") },
	{ B("PING\r\n"), B("OK\r\n") },
	{ B("PING\r\0"), B("OK\r\n") },
	{ B("ECHO a\rb\n"), B("\"a\\rb\"\r\nOK\r\n") },
	{ B("\n"), B("") },
	{ B("\r\n"), B("") },
	{ B("\r\0"), B("") },
	{ B(" \t \r\n"), B("") },
	{ B("  PING\t\r\n"), B("OK\r\n") },
	{ B("\tECHO\ta \t b\t\n"), B("a b\r\nOK\r\n") },

	/* words and how they are quoted */
	{ B("ECHO one \"two words\" three\n"),
	    B("one \"two words\" three\r\nOK\r\n") },
	{ B("ECHO \"plain\" \"\" \"\\\"\"\n"),
	    B("plain \"\" \"\\\"\"\r\nOK\r\n") },
	{ B("ECHO a\"b c\\n\n"), B("a\"b c\\n\r\nOK\r\n") },
	{ B("ECHO \"\\\\\" \"\\n\" \"\\r\" \"\\t\" \"\\0\"\n"),
	    B("\\ \"\\n\" \"\\r\" \"\\t\" \"\\x00\"\r\nOK\r\n") },
	{ B("ECHO \"\\x41\\x1B\\xfF\"\n"), B("\"A\\x1b\\xff\"\r\nOK\r\n") },
	{ B("ECHO caf\xc3\xa9 \xe2\x82\xac\n"),
	    B("caf\xc3\xa9 \xe2\x82\xac\r\nOK\r\n") },
	{ B("ECHO \"\\xc3\\xa9\" \"\\xc3\"\n"),
	    B("\xc3\xa9 \"\\xc3\"\r\nOK\r\n") },
	{ B("CREATE \"a b\"\n"), B("OK\r\n") },
	{ B("PUT \"a b\" \"c\\nd\" \"\\0\"\n"), B("OK\r\n") },
	{ B("GET \"a b\" \"c\\x0ad\"\n"), B("\"\\x00\"\r\nOK\r\n") },
	{ B("PUT shopping milk \"\"\n"), B("OK\r\n") },
	{ B("GET shopping milk\n"), B("\"\"\r\nOK\r\n") },
	{ B("EXISTS shopping milk\n"), B("OK\r\n") },

	/* data that looks like a status */
	{ B("ECHO OK\n"), B("\"OK\"\r\nOK\r\n") },
	{ B("ECHO ok\n"), B("ok\r\nOK\r\n") },
	{ B("ECHO OK then\n"), B("OK then\r\nOK\r\n") },
	{ B("ECHO NOT FOUND\n"), B("\"NOT\" \"FOUND\"\r\nOK\r\n") },
	{ B("ECHO UNKNOWN COMMAND\n"), B("\"UNKNOWN\" \"COMMAND\"\r\nOK\r\n") },
	{ B("ECHO CONFLICT\n"), B("\"CONFLICT\"\r\nOK\r\n") },
	{ B("ECHO QUEUED\n"), B("\"QUEUED\"\r\nOK\r\n") },
	{ B("ECHO ERROR 7\n"), B("\"ERROR\" \"7\"\r\nOK\r\n") },
	{ B("PUT shopping milk OK\n"), B("OK\r\n") },
	{ B("GET shopping milk\n"), B("\"OK\"\r\nOK\r\n") },

	/* unknown words, and known words with a wrong number of arguments */
	{ B("PINGS\n"), B(UNKNOWN) },
	{ B("PIN\n"), B(UNKNOWN) },
	{ B("\"\"\n"), B(UNKNOWN) },
	{ B("\0\n"), B(UNKNOWN) },
	{ B("CREATE\n"), B(UNKNOWN) },
	{ B("CREATE a b\n"), B(UNKNOWN) },
	{ B("PUT shopping milk\n"), B(UNKNOWN) },
	{ B("PUT shopping milk 1 2\n"), B(UNKNOWN) },
	{ B("GET shopping\n"), B(UNKNOWN) },
	{ B("GET shopping\n"), B(UNKNOWN) },
	{ B("DELETE shopping\n"), B(UNKNOWN) },
	{ B("DELETE shopping milk 1\n"), B(UNKNOWN) },
	{ B("EXISTS shopping\n"), B(UNKNOWN) },
	{ B("EXISTS shopping milk 1\n"), B(UNKNOWN) },
	{ B("ECHO\n"), B(UNKNOWN) },
	{ B("PING 1\n"), B(UNKNOWN) },
	{ B("QUIT 1\n"), B(UNKNOWN) },

	/* invalid quotes and escapes */
	{ B("ECHO \"a\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("ECHO \"a\"b\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("ECHO \"a\\\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("ECHO \"a\\\"\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("\"\n"), B("ERROR unbalanced quotes\r\n") },
	{ B("ECHO \"\\q\"\n"), B("ERROR bad escape\r\n") },
	{ B("ECHO \"\\x4\"\n"), B("ERROR bad escape\r\n") },
	{ B("ECHO \"\\xg0\"\n"), B("ERROR bad escape\r\n") },

	/* names that are empty or too long */
	{ B("CREATE \"\"\n"), B("ERROR bucket name empty\r\n") },
	{ B("PUT \"\" k v\n"), B("ERROR bucket name empty\r\n") },
	{ B("GET \"\" k\n"), B("ERROR bucket name empty\r\n") },
	{ B("DELETE \"\" k\n"), B("ERROR bucket name empty\r\n") },
	{ B("EXISTS \"\" k\n"), B("ERROR bucket name empty\r\n") },
	{ B("PUT shopping \"\" v\n"), B("ERROR key empty\r\n") },
	{ B("GET shopping \"\"\n"), B("ERROR key empty\r\n") },
	{ B("DELETE shopping \"\"\n"), B("ERROR key empty\r\n") },
	{ B("EXISTS shopping \"\"\n"), B("ERROR key empty\r\n") },
	{ B("CREATE " X255 "\n"), B("OK\r\n") },
	{ B("CREATE " X256 "\n"), B("ERROR bucket name too long\r\n") },
	{ B("PUT " X255 " " X255 " v\n"), B("OK\r\n") },
	{ B("GET " X255 " \"" X255 "\"\n"), B("v\r\nOK\r\n") },
	{ B("PUT " X256 " k v\n"), B("ERROR bucket name too long\r\n") },
	{ B("GET " X256 " k\n"), B("ERROR bucket name too long\r\n") },
	{ B("DELETE " X256 " k\n"), B("ERROR bucket name too long\r\n") },
	{ B("EXISTS " X256 " k\n"), B("ERROR bucket name too long\r\n") },
	{ B("PUT shopping " X256 " v\n"), B("ERROR key too long\r\n") },
	{ B("GET shopping " X256 "\n"), B("ERROR key too long\r\n") },
	{ B("DELETE shopping " X256 "\n"), B("ERROR key too long\r\n") },
	{ B("EXISTS shopping " X256 "\n"), B("ERROR key too long\r\n") },
	{ B("DELETE " X255 " " X255 "\n"), B("OK\r\n") },
};

/*
 * Tests that send single bytes leave out the lines that are longer than this.
 */
#define SHORT_LINE 64

static struct server *server;

static void
setup(void)
{
	server = server_start(NULL);
}

/*
 * The server does not wait for the disk, and listens on a socket whose far end
 * the test can watch.
 */
static void
setup_unix(void)
{
	server = server_new();
	server_option(server, "sync never");
	listen_unix(server);
	server_run(server);
}

static void
teardown(void)
{
	server_stop(server);
}

TEST(test_lines)
{
	int fd = client_connect(server);
	size_t i;

	for (i = 0; i < COUNT(lines); i++)
		client_exchange(fd, lines[i].request, lines[i].request_size,
		    lines[i].reply, lines[i].reply_size);
	client_ask(fd, "PING\n", "OK\r\n");
	client_ask(fd, "qUIt\r\n", "OK\r\n");
	client_expect_end(fd);
}

/*
 * This holds the lines up to a given size, one after the other, and their
 * replies.
 */
struct conversation {
	struct buf out, want;
	size_t n;
	size_t out_end[COUNT(lines)]; /* of each line */
	size_t want_end[COUNT(lines)];
};

static void
conversation_init(struct conversation *c, size_t line_max)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < COUNT(lines); i++) {
		if (lines[i].request_size > line_max)
			continue;
		buf_append(&c->out, lines[i].request, lines[i].request_size);
		buf_append(&c->want, lines[i].reply, lines[i].reply_size);
		c->out_end[c->n] = buf_size(&c->out);
		c->want_end[c->n] = buf_size(&c->want);
		c->n++;
	}
	ck_assert(!buf_failed(&c->out) && !buf_failed(&c->want));
}

static void
conversation_clear(struct conversation *c)
{
	buf_clear(&c->out);
	buf_clear(&c->want);
}

TEST(test_one_write)
{
	int fd = client_connect(server);
	struct conversation c;

	conversation_init(&c, SIZE_MAX);
	exchange_bufs(fd, &c.out, &c.want);
	conversation_clear(&c);
	client_ask(fd, "QUIT\n", "OK\r\n");
	client_expect_end(fd);
}

TEST(test_cut_anywhere)
{
	int fd = server_connect_unix(server);
	struct conversation c;
	const uint8_t *out, *want;
	size_t cut, i = 0, size, heard = 0;

	conversation_init(&c, SHORT_LINE);
	out = buf_data(&c.out);
	want = buf_data(&c.want);
	size = buf_size(&c.out);
	for (cut = 1; cut < size; cut++) {
		if (cut >= c.out_end[i])
			heard = c.want_end[i++];
		client_send(fd, out, cut);
		client_await_read(fd);
		/* The complete lines are answered before the rest has come. */
		client_expect(fd, want, heard);
		client_exchange(fd, out + cut, size - cut, want + heard,
		    buf_size(&c.want) - heard);
	}
	conversation_clear(&c);
	(void)close(fd);
}

static void
talk_byte_by_byte(int fd, bool await)
{
	struct conversation c;
	const uint8_t *out;
	size_t i, n = 0, size;

	conversation_init(&c, SHORT_LINE);
	out = buf_data(&c.out);
	size = buf_size(&c.out);
	for (i = 0; i < size; i++) {
		ck_assert_int_eq(send(fd, out + i, 1, 0), 1);
		if (await)
			client_await_read(fd);
		if (await && i + 1 == c.out_end[n]) {
			client_expect(fd, lines[n].reply, lines[n].reply_size);
			n++;
		}
	}
	if (!await)
		client_expect(fd, buf_data(&c.want), buf_size(&c.want));
	conversation_clear(&c);
	(void)close(fd);
}

TEST(test_byte_by_byte)
{
	talk_byte_by_byte(client_connect(server), false);
	talk_byte_by_byte(server_connect_unix(server), true);
}

#define PIPELINED 100000

/* Appends one of four commands on one of a few hundred keys. */
static void
append_request(struct buf *out, struct buf *want, int i)
{
	char text[64];
	int key = i / 4 % 499;

	switch (i % 4) {
	case 0:
		snprintf(text, sizeof(text), "PUT b k%d %d\r\n", key, i);
		buf_append_text(want, "OK\r\n");
		break;
	case 1:
		snprintf(text, sizeof(text), "GET b k%d\r\n", key);
		break;
	case 2:
		snprintf(text, sizeof(text), "DELETE b k%d\n", key);
		buf_append_text(want, "OK\r\n");
		break;
	default:
		snprintf(text, sizeof(text), "EXISTS b k%d\n", key);
		buf_append_text(want, MISSING);
		break;
	}
	buf_append_text(out, text);
	if (i % 4 == 1) {
		snprintf(text, sizeof(text), "%d\r\nOK\r\n", i - 1);
		buf_append_text(want, text);
	}
}

TEST(test_pipelined)
{
	int fd = client_connect(server), i;
	struct buf out, want;

	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < PIPELINED; i++)
		append_request(&out, &want, i);
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Values */

static void
append_repeated(struct buf *b, const char *text, size_t times)
{
	while (times-- > 0)
		buf_append_text(b, text);
	ck_assert(!buf_failed(b));
}

/* Sends PUT b k with a value that repeats `text` this many times. */
static void
put_repeated(int fd, const char *text, size_t times, const char *reply)
{
	struct buf out;

	buf_init(&out);
	buf_append_text(&out, "PUT b k \"");
	append_repeated(&out, text, times);
	buf_append_text(&out, "\"\r\n");
	client_exchange(fd, buf_data(&out), buf_size(&out), reply,
	    strlen(reply));
	buf_clear(&out);
}

static void
get_repeated(int fd, const char *quote, const char *text, size_t times)
{
	struct buf want;

	buf_init(&want);
	buf_append_text(&want, quote);
	append_repeated(&want, text, times);
	buf_append_text(&want, quote);
	buf_append_text(&want, "\r\nOK\r\n");
	client_exchange(fd, "GET b k\n", 8, buf_data(&want), buf_size(&want));
	buf_clear(&want);
}

TEST(test_value_sizes)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE b\n", "OK\r\n");
	put_repeated(fd, "v", 0, "OK\r\n");
	client_ask(fd, "GET b k\n", "\"\"\r\nOK\r\n");
	put_repeated(fd, "v", MIB, "OK\r\n");
	get_repeated(fd, "", "v", MIB);
	put_repeated(fd, "w", MIB + 1, "ERROR value too long\r\n");
	get_repeated(fd, "", "v", MIB);
	/*
	 * These need the longest line, and the longest reply, that a value can
	 * have.
	 */
	put_repeated(fd, "\\x07", MIB, "OK\r\n");
	get_repeated(fd, "\"", "\\x07", MIB);
	put_repeated(fd, "\\x07", MIB + 1, "ERROR value too long\r\n");
	get_repeated(fd, "\"", "\\x07", MIB);
	(void)close(fd);
}

/* Appends a byte as kvd writes it inside quotes. */
static void
append_as_quoted(struct buf *b, unsigned int c)
{
	static const char named[] = "\"\"\\\\\nn\rr\tt";
	const char *p;
	char text[8];

	for (p = named; *p != '\0'; p += 2)
		if ((unsigned char)*p == c) {
			snprintf(text, sizeof(text), "\\%c", p[1]);
			buf_append_text(b, text);
			return;
		}
	if (c >= 0x20 && c < 0x7f)
		snprintf(text, sizeof(text), "%c", (int)c);
	else
		snprintf(text, sizeof(text), "\\x%02x", c);
	buf_append_text(b, text);
}

static void
expect_value(int fd, const char *quote, const struct buf *value)
{
	struct buf want;

	buf_init(&want);
	buf_append_text(&want, quote);
	buf_append(&want, buf_data(value), buf_size(value));
	buf_append_text(&want, quote);
	buf_append_text(&want, "\r\nOK\r\n");
	client_exchange(fd, "GET b k\n", 8, buf_data(&want), buf_size(&want));
	buf_clear(&want);
}

/* One value has all bytes; what kvd prints for it is then sent back to kvd. */
TEST(test_all_bytes)
{
	int fd = client_connect(server);
	struct buf out, want;
	unsigned int c;
	char text[8];

	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	buf_append_text(&out, "PUT b k \"");
	for (c = 0; c < 256; c++) {
		snprintf(text, sizeof(text), "\\x%02X", c);
		buf_append_text(&out, text);
		append_as_quoted(&want, c);
	}
	buf_append_text(&out, "\"\n");
	client_exchange(fd, buf_data(&out), buf_size(&out), "OK\r\n", 4);
	expect_value(fd, "\"", &want);
	buf_truncate(&out, strlen("PUT b k \""));
	buf_append(&out, buf_data(&want), buf_size(&want));
	buf_append_text(&out, "\"\n");
	client_ask(fd, "DELETE b k\n", "OK\r\n");
	client_exchange(fd, buf_data(&out), buf_size(&out), "OK\r\n", 4);
	expect_value(fd, "\"", &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

TEST(test_each_byte)
{
	int fd = client_connect(server);
	const char *quote;
	struct buf want;
	unsigned int c;
	char text[32];

	buf_init(&want);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (c = 0; c < 256; c++) {
		snprintf(text, sizeof(text), "PUT b k \"\\x%02x\"\n", c);
		client_ask(fd, text, "OK\r\n");
		quote = c > 0x20 && c < 0x7f && c != '"' ? "" : "\"";
		buf_truncate(&want, 0);
		/* Outside quotes nothing is escaped. */
		if (quote[0] == '\0')
			buf_append_byte(&want, (uint8_t)c);
		else
			append_as_quoted(&want, c);
		expect_value(fd, quote, &want);
	}
	buf_clear(&want);
	(void)close(fd);
}

/*
 * Between quotes a byte may be sent raw, except those that telnet or the end of
 * a line uses.
 */
TEST(test_raw_bytes)
{
	int fd = client_connect(server);
	struct buf out, want;
	unsigned int c;

	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	buf_append_text(&out, "PUT b k \"");
	for (c = 0x20; c < 0xff; c++) {
		if (c == 0x7f || c == '"' || c == '\\')
			continue;
		buf_append_byte(&out, (uint8_t)c);
		append_as_quoted(&want, c);
	}
	buf_append_text(&out, "\"\n");
	client_exchange(fd, buf_data(&out), buf_size(&out), "OK\r\n", 4);
	expect_value(fd, "\"", &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Lines */

#define SMALL_VALUE KIB
#define SMALL_LINE (4096 + 4 * SMALL_VALUE)

/* Sends PING, padded with blanks to this size, and then `end`. */
static void
ping_line(int fd, size_t size, const char *end, const char *reply)
{
	struct buf out;

	buf_init(&out);
	buf_append_text(&out, "PING");
	append_repeated(&out, " ", size - 4);
	buf_append_text(&out, end);
	client_exchange(fd, buf_data(&out), buf_size(&out), reply,
	    strlen(reply));
	buf_clear(&out);
}

TEST(test_line_too_long)
{
	static const char *const options[] = { "max-value 1k", NULL };
	static const char too_long[] = "ERROR line too long\r\n";
	int fd;

	server = server_start(options);
	fd = client_connect(server);
	ping_line(fd, SMALL_LINE, "\n", "OK\r\n");
	ping_line(fd, SMALL_LINE, "\r\n", "OK\r\n");
	ping_line(fd, SMALL_LINE + 1, "\n", too_long);
	client_ask(fd, "PING\n", "OK\r\n");
	ping_line(fd, SMALL_LINE + 1, "\r\n", too_long);
	client_ask(fd, "PING\n", "OK\r\n");
	/*
	 * A line that is too long gets one error, no matter when its end comes.
	 */
	ping_line(fd, 4 * MIB, "", too_long);
	client_ask(fd, "  still the same line\nPING\n", "OK\r\n");
	ping_line(fd, 4 * MIB, "\r\nECHO a\n",
	    "ERROR line too long\r\na\r\nOK\r\n");
	client_ask(fd, "CREATE b\n", "OK\r\n");
	put_repeated(fd, "\\xff", SMALL_VALUE, "OK\r\n");
	put_repeated(fd, "v", SMALL_VALUE + 1, "ERROR value too long\r\n");
	get_repeated(fd, "\"", "\\xff", SMALL_VALUE);
	/*
	 * The input that was discarded does not count as an unterminated line.
	 */
	ping_line(fd, 2 * SMALL_LINE, "", too_long);
	client_half_close(fd);
	client_expect_end(fd);
	server_stop(server);
}

TEST(test_unterminated)
{
	static const char *const ends[] = { "CREATE b", "CREATE b\r", "\"", " ",
		"CREATE b\\n" };
	size_t i;
	int fd;

	for (i = 0; i < COUNT(ends); i++) {
		fd = client_connect(server);
		client_say(fd, "PING\nECHO a\n");
		client_say(fd, ends[i]);
		client_half_close(fd);
		client_hear(fd, "OK\r\na\r\nOK\r\nERROR unterminated line\r\n");
		client_expect_end(fd);
	}
	fd = client_connect(server);
	client_ask(fd, "GET b k\n", MISSING);
	(void)close(fd);
}

TEST(test_half_close)
{
	static const char *const texts[][2] = {
		{ "", "" },
		{ "\n", "" },
		{ "PING\n", "OK\r\n" },
		{ "CREATE b\nPUT b k v\r\nGET b k\r\n",
		    "OK\r\nOK\r\nv\r\nOK\r\n" },
	};
	size_t i;
	int fd;

	for (i = 0; i < COUNT(texts); i++) {
		fd = client_connect(server);
		client_say(fd, texts[i][0]);
		client_half_close(fd);
		client_hear(fd, texts[i][1]);
		client_expect_end(fd);
	}
	/*
	 * A client may close its writing half long before it has all replies.
	 */
	fd = client_connect(server);
	for (i = 0; i < 1000; i++)
		client_say(fd, "PUT b k v\nGET b k\n");
	client_half_close(fd);
	for (i = 0; i < 1000; i++)
		client_hear(fd, "OK\r\nv\r\nOK\r\n");
	client_expect_end(fd);
}

TEST(test_quit)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE b\nQUIT\r\nPUT b k v\r\nPING\r\n",
	    "OK\r\nOK\r\n");
	client_expect_end(fd);
	fd = client_connect(server);
	client_ask(fd, "GET b k\n", EMPTY);
	(void)close(fd);
}

/*
 * Input that kvd never reads must not cause a reset, which would discard
 * replies.
 */
TEST(test_quit_in_midst)
{
	int fd = client_connect(server);
	struct buf out;

	buf_init(&out);
	buf_append_text(&out, "PING\nQUIT\n");
	append_repeated(&out, "PUT b k v\n", 6 * KIB);
	client_exchange(fd, buf_data(&out), buf_size(&out), "OK\r\nOK\r\n", 8);
	buf_clear(&out);
	client_expect_end(fd);
}

TEST(test_http)
{
	static const char first[] = "HTTP/1.1 400 Bad Request\r\n";
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nCREATE http\r\n\r\nCREATE http\n",
		"POST /CREATE HTTP/1.0\r\n\r\nCREATE http\r\n",
		"CREATE http HTTP/1.1\nCREATE http\n",
		"\r\n \r\nGET / HTTP/1.1\r\nCREATE http\r\n",
	};
	size_t i, size;
	char *reply;
	int fd;

	for (i = 0; i < COUNT(requests); i++) {
		fd = client_connect(server);
		client_say(fd, requests[i]);
		reply = client_read_all(fd, &size);
		ck_assert_msg(strncmp(reply, first, strlen(first)) == 0, "%s",
		    reply);
		ck_assert_ptr_null(strstr(reply, "OK"));
		free(reply);
	}
	/* A request line is taken for HTTP only if it is the first line. */
	fd = client_connect(server);
	client_ask(fd, "EXISTS http k\n", MISSING);
	client_ask(fd, "ECHO HTTP/1.1\n", "HTTP/1.1\r\nOK\r\n");
	client_ask(fd, "GET / HTTP/1.1\n", MISSING);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}

/* A first line that is too long and comes in many reads may still be HTTP. */
TEST(test_http_long)
{
	static const char *const options[] = { "max-value 1k", NULL };
	static const char after[] = " HTTP/1.1\r\nHost: a\r\nCREATE http\r\n";
	char *reply, path[40000];
	size_t size;
	int fd;

	server = server_start(options);
	fd = client_connect(server);
	memset(path, 'a', sizeof(path));
	client_say(fd, "POST /");
	client_send(fd, path, sizeof(path));
	/* The error shows that kvd has read the beginning of the line. */
	client_hear(fd, "ERROR line too long\r\n");
	client_say(fd, after);
	reply = client_read_all(fd, &size);
	ck_assert_ptr_nonnull(strstr(reply, "HTTP/1.1 400 Bad Request\r\n"));
	ck_assert_ptr_null(strstr(reply, "OK"));
	free(reply);
	fd = client_connect(server);
	client_ask(fd, "EXISTS http k\n", MISSING);
	(void)close(fd);
	server_stop(server);
}

TEST(test_words)
{
	size_t size = 2 * 65537;
	char *line;
	int fd;

	line = malloc(size);
	ck_assert_ptr_nonnull(line);
	memset(line, ' ', size);
	for (size_t i = 0; i < size; i += 2)
		line[i] = 'a';
	line[size - 1] = '\n';
	fd = client_connect(server);
	client_send(fd, line, size);
	client_hear(fd, "ERROR too many words\r\n");
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	free(line);
}

/* The clients that people have */

/* Runs a shell command, because the test needs printf and a pipe. */
static void
expect_shell(const char *want, const char *format, const char *netcat)
{
	char command[512], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "printf '%s' | %s %s %d", format,
	    netcat, server->host, server->port);
	ck_assert_int_eq(run_command(args, output), 0);
	ck_assert_str_eq(output, want);
}

TEST(test_netcat)
{
	static const char *const args[] = { "nc", "-h", NULL };
	char help[OUTPUT_SIZE];

	if (!have_program("nc"))
		return;
	(void)run_command(args, help);
	if (strstr(help, "OpenBSD") == NULL) {
		printf("nc is not OpenBSD's: its test is skipped\n");
		return;
	}
	expect_shell("OK\r\nOK\r\n1\r\nOK\r\n",
	    "CREATE b\\nPUT b milk 1\\nGET b milk\\n", "nc -N");
	expect_shell("OK\r\nERROR unterminated line\r\n",
	    "DELETE b milk\\nPUT b milk 2", "nc -N");
	expect_shell(EMPTY, "GET b milk\\r\\n", "nc -N");
	expect_shell("", "", "nc -N");
	/* The program ends by itself when kvd closes the connection. */
	expect_shell("OK\r\n", "QUIT\\n", "nc");
}

TEST(test_telnet)
{
	struct terminal t;

	if (!have_program("telnet"))
		return;
	terminal_open(&t, server->host, server->port);
	terminal_expect(&t, "Connected to ");
	terminal_expect(&t, "Escape character is '^]'.\r\n");
	terminal_type(&t, "CREATE shopping\r");
	terminal_expect(&t, "CREATE shopping\r\nOK\r\n");
	terminal_type(&t, "PUT shopping milk 1\r");
	terminal_expect(&t, "PUT shopping milk 1\r\nOK\r\n");
	terminal_type(&t, "GET shopping milk\r");
	terminal_expect(&t, "GET shopping milk\r\n1\r\nOK\r\n");
	terminal_type(&t, "\035");
	terminal_expect(&t, "telnet> ");
	terminal_type(&t, "quit\r");
	terminal_expect(&t, "Connection closed.");
	terminal_close(&t);
}

/* Waits, because a worker ends some time after its client. */
static void
await_workers(size_t n)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (server_count(server, "kvd: worker") != n)
		pause_until(deadline_ms, "other number of workers");
}

TEST(test_two_clients)
{
	int one = client_connect(server), two = client_connect(server);

	client_ask(one, "CREATE b\n", "OK\r\n");
	client_ask(two, "PUT b k 1\n", "OK\r\n");
	client_ask(one, "GET b k\n", "1\r\nOK\r\n");
	client_ask(one, "PUT b k 2\n", "OK\r\n");
	client_ask(two, "GET b k\n", "2\r\nOK\r\n");
	(void)close(one);
	client_ask(two, "GET b k\n", "2\r\nOK\r\n");
	await_workers(1);
	client_ask(two, "GET b k\n", "2\r\nOK\r\n");
	(void)close(two);
}

#define CLIENTS 50

static void
put_own(int fd, int i)
{
	char request[64];

	snprintf(request, sizeof(request), "PUT b k%d v%d\n", i, i);
	client_ask(fd, request, "OK\r\n");
}

static void
get_own(int fd, int i)
{
	char request[64], reply[64];

	snprintf(request, sizeof(request), "GET b k%d\n", i);
	snprintf(reply, sizeof(reply), "v%d\r\nOK\r\n", i);
	client_ask(fd, request, reply);
}

TEST(test_fifty_clients)
{
	int fds[CLIENTS], i;

	for (i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(server);
		client_say(fds[i], "CREATE b\n");
	}
	for (i = 0; i < CLIENTS; i++) {
		client_hear(fds[i], "OK\r\n");
		put_own(fds[i], i);
	}
	await_workers(CLIENTS);
	(void)close(fds[7]);
	process_kill(server_worker(server, fds[23]));
	client_expect_end(fds[23]);
	await_workers(CLIENTS - 2);
	for (i = 0; i < CLIENTS; i++) {
		if (i == 7 || i == 23)
			continue;
		get_own(fds[i], i);
		(void)close(fds[i]);
	}
}

/* Other sockets */

TEST(test_unix_socket)
{
	int fd, other;

	server = server_new();
	server_option(server, "listen unix %s/sock", server->dir);
	server_run(server);
	fd = server_connect_unix(server);
	other = server_connect_unix(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	client_ask(other, "GET b k\n", "v\r\nOK\r\n");
	ck_assert_uint_eq(server_count(server, "kvd: worker unix"), 2);
	client_ask(fd, "QUIT\n", "OK\r\n");
	client_expect_end(fd);
	client_half_close(other);
	client_expect_end(other);
	server_stop(server);
}

static bool
have_ipv6(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool have;

	have = fd != -1 &&
	    bind(fd, (const struct sockaddr *)&sin6, sizeof(sin6)) == 0;
	if (fd != -1)
		(void)close(fd);
	if (!have)
		printf("there is no IPv6: its test is skipped\n");
	return have;
}

TEST(test_ipv6)
{
	static const char *const options[] = { "listen 127.0.0.1:0",
		"listen [::1]:0", NULL };
	int fd, other;

	if (!have_ipv6())
		return;
	server = server_start(options);
	fd = client_connect_to("::1", server_port(server, "::1"));
	other =
	    client_connect_to("127.0.0.1", server_port(server, "127.0.0.1"));
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	client_ask(other, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	(void)close(other);
	server_stop(server);
}

/* Limits */

TEST(test_idle_timeout)
{
	static const char *const options[] = { "idle-timeout 200ms", NULL };
	int64_t start_ms;
	int fd, i;

	server = server_start(options);
	start_ms = now_ms();
	fd = client_connect(server);
	client_hear(fd, "ERROR idle timeout\r\n");
	client_expect_end(fd);
	ck_assert_int_ge(now_ms() - start_ms, 200);
	/* Half a line counts as no line. */
	fd = client_connect(server);
	client_say(fd, "PUT b k");
	client_hear(fd, "ERROR idle timeout\r\n");
	client_expect_end(fd);
	/* kvd waits in another way for a client that has not paused yet. */
	fd = client_connect(server);
	for (i = 0; i < 20; i++)
		client_ask(fd, "PING\n", "OK\r\n");
	start_ms = now_ms();
	client_hear(fd, "ERROR idle timeout\r\n");
	client_expect_end(fd);
	ck_assert_int_ge(now_ms() - start_ms, 190);
	server_stop(server);
}

/*
 * Connects again and again, because a client's place becomes free some time
 * after the client has left.
 */
static int
connect_when_free(void)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct exchange x = { .out = "PING\n",
		.out_size = 5,
		.want = "OK\r\n",
		.want_size = 4 };
	int fd;

	for (;;) {
		fd = client_connect(server);
		if (exchange_run(fd, &x) == EXCHANGE_OK)
			return fd;
		(void)close(fd);
		pause_until(deadline_ms, "no place gets free");
	}
}

TEST(test_max_clients)
{
	static const char *const options[] = { "max-clients 2", NULL };
	int one, two, three;

	server = server_start(options);
	one = client_connect(server);
	two = client_connect(server);
	client_ask(one, "PING\n", "OK\r\n");
	client_ask(two, "PING\n", "OK\r\n");
	three = client_connect(server);
	client_hear(three, "ERROR too many clients\r\n");
	client_expect_end(three);
	client_ask(one, "PING\n", "OK\r\n");
	client_ask(two, "QUIT\n", "OK\r\n");
	client_expect_end(two);
	three = connect_when_free();
	client_ask(one, "PING\n", "OK\r\n");
	(void)close(one);
	(void)close(three);
	server_stop(server);
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

/* The client requests more than any buffer holds, and reads no reply. */
TEST(test_slow_reader)
{
	static const char *const options[] = { "write-timeout 300ms", NULL };
	int64_t deadline_ms, start_ms;
	char request[4096 + 16];
	int slow, fd;

	memset(request, 'x', sizeof(request));
	memcpy(request, "ECHO ", 5);
	request[sizeof(request) - 1] = '\n';
	server = server_start(options);
	slow = client_connect(server);
	fd = client_connect(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	start_ms = now_ms();
	deadline_ms = start_ms + WAIT_MS;
	while (stuff(slow, request, sizeof(request))) {
		client_ask(fd, "PUT b k v\nGET b k\n", "OK\r\nv\r\nOK\r\n");
		pause_until(deadline_ms, "a slow reader is not closed");
	}
	ck_assert_int_ge(now_ms() - start_ms, 300);
	(void)close(slow);
	client_ask(fd, "PING\n", "OK\r\n");
	await_workers(1);
	(void)close(fd);
	server_stop(server);
}

static const struct test tests[] = {
	CASE("client", setup, teardown),
	ONCE(test_lines),
	ONCE(test_one_write),
	ONCE(test_pipelined),
	ONCE(test_value_sizes),
	ONCE(test_all_bytes),
	ONCE(test_each_byte),
	ONCE(test_raw_bytes),
	ONCE(test_unterminated),
	ONCE(test_half_close),
	ONCE(test_quit),
	ONCE(test_quit_in_midst),
	ONCE(test_http),
	ONCE(test_words),
	ONCE(test_netcat),
	ONCE(test_telnet),
	ONCE(test_two_clients),
	ONCE(test_fifty_clients),
	CASE("cut", setup_unix, teardown),
	ONCE(test_cut_anywhere),
	ONCE(test_byte_by_byte),
	CASE("options", NULL, NULL),
	ONCE(test_line_too_long),
	ONCE(test_http_long),
	ONCE(test_unix_socket),
	ONCE(test_ipv6),
	ONCE(test_idle_timeout),
	ONCE(test_max_clients),
	ONCE(test_slow_reader),
};

SUITE("client", tests)
