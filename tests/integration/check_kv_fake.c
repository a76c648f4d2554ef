/*
 * check_kv_fake: kv with servers that hang, send invalid replies, hang up, or
 * speak a newer protocol.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/buf.h"
#include "fake.h"
#include "kv_run.h"

#define GET "GET b k\r\n"
/* This is long enough for a server that does answer on a busy machine. */
#define SHORT "0.5"

/* Each of these is one request and its reply. */
static const struct {
	const char *args[8];
	const char *in, *expect, *reply;
	int status;
	const char *out, *err;
} replies[] = {
	/* every status that a reply can have */
	{ { "add", "b", "k", "v" }, NULL, "ADD b k v\r\n", "OK\r\n", 0, "",
	    "" },
	{ { "add", "b", "k", "v" }, NULL, "ADD b k v\r\n", "CONFLICT\r\n", 1,
	    "", "" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "NOT FOUND\r\n", 1, "",
	    "kv: no such bucket\n" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "UNKNOWN COMMAND\r\n", 4, "",
	    "kv: the server does not know DROP\n" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "ERROR storage full\r\n", 4, "",
	    "kv: storage full\n" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "ERROR registry unavailable\r\n",
	    3, "", "kv: registry unavailable\n" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "ERROR shutting down\r\n", 3, "",
	    "kv: shutting down\n" },
	{ { "drop", "b" }, NULL, "DROP b\r\n", "ERROR disconnected\r\n", 3, "",
	    "kv: disconnected\n" },
	{ { "ping" }, NULL, NULL, "ERROR too many clients\r\n", 3, "",
	    "kv: too many clients\n" },
	{ { "get", "b", "k" }, NULL, GET, "ERROR data damaged\r\n", 4, "",
	    "kv: data damaged\n" },
	/* the request that each command sends */
	{ { "put", "-e", "5", "b", "k", "v" }, NULL, "PUT b k v EX 5\r\n",
	    "OK\r\n", 0, "", "" },
	{ { "put", "-e", "10m", "b", "k", "v" }, NULL, "PUT b k v EX 10m\r\n",
	    "OK\r\n", 0, "", "" },
	{ { "add", "-e500ms", "b", "k", "v" }, NULL, "ADD b k v EX 500ms\r\n",
	    "CONFLICT\r\n", 1, "", "" },
	{ { "incr", "-e", "1d", "b", "k" }, NULL, "INCR b k EX 1d\r\n",
	    "1\r\nOK\r\n", 0, "1\n", "" },
	{ { "incr", "-e", "1h", "b", "k", "5" }, NULL, "INCR b k 5 EX 1h\r\n",
	    "6\r\nOK\r\n", 0, "6\n", "" },
	{ { "delete", "-i", "a b", "b", "k" }, NULL,
	    "DELETE b k IF \"a b\"\r\n", "OK\r\n", 0, "", "" },
	{ { "delete", "-i", "-", "b", "k" }, "\xff",
	    "DELETE b k IF \"\\xff\"\r\n", "CONFLICT\r\n", 1, "", "" },
	{ { "get", "b", "k", "l", "m" }, NULL, "GET b k l m\r\n",
	    "1\r\n\r\n\"\"\r\nOK\r\n", 1, "1\n\n\"\"\n", "" },
	{ { "get", "-j", "b", "k", "l", "m" }, NULL, "GET b k l m\r\n",
	    "1\r\n\r\n\"\\xff\"\r\nOK\r\n", 1,
	    "[\"1\",\nnull,\n{\"base64\":\"/w==\"}]\n", "" },
	{ { "get", "b", "k", "l" }, NULL, "GET b k l\r\n",
	    "1\r\n\"OK\"\r\nOK\r\n", 0, "1\n\"OK\"\n", "" },
	{ { "get", "b", "k", "l" }, NULL, "GET b k l\r\n", "NOT FOUND\r\n", 1,
	    "", "kv: no such bucket\n" },
	{ { "take", "b", "k" }, NULL, "TAKE b k\r\n", "\"a b\"\r\nOK\r\n", 0,
	    "a b", "" },
	{ { "take", "-j", "b", "k" }, NULL, "TAKE b k\r\n", "\"a b\"\r\nOK\r\n",
	    0, "\"a b\"\n", "" },
	{ { "take", "b", "k" }, NULL, "TAKE b k\r\n", "\r\nOK\r\n", 1, "", "" },
	{ { "pop", "b" }, NULL, "POP b\r\n", "k \"a b\"\r\nOK\r\n", 0,
	    "k \"a b\"\n", "" },
	{ { "pop", "-P", "", "b" }, NULL, "POP b PREFIX \"\"\r\n", "\r\nOK\r\n",
	    1, "", "" },
	{ { "pop", "-j", "-P", "k", "b" }, NULL, "POP b PREFIX k\r\n",
	    "k 1\r\nOK\r\n", 0, "{\"key\":\"k\",\"value\":\"1\"}\n", "" },
	{ { "pop", "b" }, NULL, "POP b\r\n", "NOT FOUND\r\n", 1, "",
	    "kv: no such bucket\n" },
	{ { "clear", "b" }, NULL, "CLEAR b\r\n", "0\r\nOK\r\n", 0, "0\n", "" },
	{ { "clear", "b" }, NULL, "CLEAR b\r\n", "NOT FOUND\r\n", 1, "",
	    "kv: no such bucket\n" },
	{ { "put", "b", "k", "" }, NULL, "PUT b k \"\"\r\n", "OK\r\n", 0, "",
	    "" },
	{ { "put", "b", "k", "-" }, "a\n\xff\x7f\b\t",
	    "PUT b k "
	    "\"a\\n\\xff\\x7f\\x08\\t\""
	    "\r\n",
	    "OK\r\n", 0, "", "" },
	{ { "put", "b c", "\"", "caf\xc3\xa9" }, NULL,
	    "PUT \"b c\" \"\\\"\" caf\xc3\xa9\r\n", "OK\r\n", 0, "", "" },
	{ { "cas", "b", "k", "", "-" }, "n", "CAS b k \"\" n\r\n",
	    "CONFLICT\r\n", 1, "", "" },
	{ { "expire", "b", "k", "7" }, NULL, "EXPIRE b k 7\r\n", "OK\r\n", 0,
	    "", "" },
	{ { "expire", "b", "k", "7" }, NULL, "EXPIRE b k 7\r\n",
	    "NOT FOUND\r\n", 1, "", "kv: no such bucket or key\n" },
	{ { "persist", "b", "k" }, NULL, "PERSIST b k\r\n", "OK\r\n", 0, "",
	    "" },
	{ { "incr", "b", "k" }, NULL, "INCR b k\r\n", "1\r\nOK\r\n", 0, "1\n",
	    "" },
	{ { "incr", "b", "k", "-5" }, NULL, "INCR b k -5\r\n", "-4\r\nOK\r\n",
	    0, "-4\n", "" },
	{ { "incr", "b", "k" }, NULL, "INCR b k\r\n",
	    "ERROR value is not a number\r\n", 4, "",
	    "kv: value is not a number\n" },
	{ { "ttl", "b", "k" }, NULL, "TTL b k\r\n", "\r\nOK\r\n", 1, "", "" },
	{ { "ttl", "b", "k" }, NULL, "TTL b k\r\n", "17\r\nOK\r\n", 0, "17\n",
	    "" },
	{ { "count", "b" }, NULL, "COUNT b\r\n", "0\r\nOK\r\n", 0, "0\n", "" },
	{ { "keys", "b" }, NULL, "KEYS b\r\n",
	    "a\r\n\"b c\"\r\n\"OK\"\r\nDROPPED\r\nOK\r\n", 0,
	    "a\n\"b c\"\n\"OK\"\nDROPPED\n", "" },
	{ { "keys", "-0", "-P", "", "b" }, NULL, "KEYS b PREFIX \"\"\r\n",
	    "\"b c\"\r\nOK\r\n", 0, "b c", "" },
	{ { "keys", "-L9", "-A", "a b", "-Px", "b" }, NULL,
	    "KEYS b PREFIX x AFTER \"a b\" LIMIT 9\r\n", "OK\r\n", 0, "", "" },
	{ { "keys", "-j", "b" }, NULL, "KEYS b\r\n",
	    "a\r\n\"\\xff\"\r\n\"\\\"\"\r\nOK\r\n", 0,
	    "[\"a\",\n{\"base64\":\"/w==\"},\n\"\\\"\"]\n", "" },
	{ { "buckets", "-j" }, NULL, "BUCKETS\r\n", "OK\r\n", 0, "[]\n", "" },
	{ { "entries", "b" }, NULL, "ENTRIES b\r\n",
	    "k DELETED\r\nl \"\"\r\nOK\r\n", 0, "k DELETED\nl \"\"\n", "" },
	{ { "entries", "-j", "b" }, NULL, "ENTRIES b\r\n",
	    "k v\r\nl \"\"\r\nOK\r\n", 0,
	    "[{\"key\":\"k\",\"value\":\"v\"},\n{\"key\":\"l\",\"value\":\"\"}]"
	    "\n",
	    "" },
	{ { "stats" }, NULL, "STATS\r\n", "a 1\r\nb x\r\nOK\r\n", 0,
	    "a 1\nb x\n", "" },
	{ { "stats", "-j" }, NULL, "STATS\r\n",
	    "a 1\r\nb x\r\nc 01\r\nd -0\r\ne -\r\nOK\r\n", 0,
	    "{\"a\":1,\n\"b\":\"x\",\n\"c\":\"01\",\n\"d\":-0,\n\"e\":\"-\"}\n",
	    "" },
	/*
	 * replies that make no sense: the status is 3, and no partial result is
	 * printed
	 */
	{ { "get", "b", "k" }, NULL, GET, "OK\r\n", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "a b\r\nOK\r\n", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "a\r\nb\r\nOK\r\n", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "a\nOK\n", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "\"a\r\nOK\r\n", 3, "", NULL },
	{ { "put", "b", "k", "v" }, NULL, NULL, "1\r\nOK\r\n", 3, "", NULL },
	{ { "get", "b", "k", "l" }, NULL, NULL, "a\r\nOK\r\n", 3, "", NULL },
	{ { "get", "b", "k", "l" }, NULL, NULL, "a b\r\nc\r\nOK\r\n", 3, "",
	    NULL },
	{ { "pop", "b" }, NULL, NULL, "a\r\nOK\r\n", 3, "", NULL },
	{ { "pop", "b" }, NULL, NULL, "a b\r\nc d\r\nOK\r\n", 3, "", NULL },
	{ { "clear", "b" }, NULL, NULL, "x\r\nOK\r\n", 3, "", NULL },
	{ { "clear", "b" }, NULL, NULL, "-1\r\nOK\r\n", 3, "", NULL },
	{ { "clear", "b" }, NULL, NULL, "OK\r\n", 3, "", NULL },
	{ { "keys", "b" }, NULL, NULL, "a b\r\nOK\r\n", 3, "", NULL },
	{ { "keys", "b" }, NULL, NULL, "\r\nOK\r\n", 3, "", NULL },
	{ { "entries", "b" }, NULL, NULL, "a\r\nOK\r\n", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, NULL, "HTTP/1.1 400 Bad Request\r\n\r\n",
	    3, "", NULL },
	/* servers that hang up */
	{ { "ping" }, NULL, "PING\r\n", "", 3, "", NULL },
	{ { "ping" }, NULL, "PING\r\n", "O", 3, "", NULL },
	{ { "ping" }, NULL, "PING\r\n", "OK\r", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "val", 3, "", NULL },
	{ { "get", "b", "k" }, NULL, GET, "value\r\n", 3, "", NULL },
	{ { "raw", "GET", "b", "k" }, NULL, GET, "value", 3, "", NULL },
	{ { "raw", "GET", "b", "k" }, NULL, GET, "", 3, "", NULL },
	{ { "raw" }, "PING\n", "PING\n", "", 3, "", NULL },
};

TEST(test_reply)
{
	struct fake f;

	FAKE(&f, { 0, replies[_i].expect, replies[_i].reply, FAKE_CLOSE, 0 });
	kv_expect(replies[_i].args, replies[_i].in, replies[_i].status,
	    replies[_i].out, replies[_i].err);
	fake_finish(&f);
}

/* The reply comes one byte a packet. */
TEST(test_bytewise)
{
	struct fake f;

	FAKE(&f, { 0, GET, "\"", 0, 0 }, { 0, NULL, "v", 0, 0 },
	    { 0, NULL, "\"", 0, 0 }, { 0, NULL, "\r", 0, 0 },
	    { 0, NULL, "\n", 0, 0 }, { 0, NULL, "O", 0, 0 },
	    { 0, NULL, "K", 0, 0 }, { 0, NULL, "\r", 0, 0 },
	    { 0, NULL, "\n", FAKE_HANG, 0 });
	kv_expect(KV("get", "b", "k"), NULL, 0, "v", "");
	fake_finish(&f);
}

TEST(test_reset)
{
	struct fake f;

	FAKE(&f, { 0, GET, "value\r\n", FAKE_RESET, 0 });
	kv_expect(KV("get", "b", "k"), NULL, 3, "", NULL);
	fake_finish(&f);
}

static const struct {
	const char *args[8];
	const char *in;
} patient[] = {
	{ { "-t", SHORT, "get", "b", "k" }, NULL },
	{ { "-t", SHORT, "raw", "PING" }, NULL },
	{ { "-t", SHORT, "raw" }, "PING\n" },
	{ { "-t", SHORT, "watch", "b" }, NULL },
	{ { "-t", SHORT, "import" }, "PUT b k v\n" },
	{ { "-t", SHORT, "export" }, NULL },
	{ { "-t", SHORT, "keys", "b" }, NULL },
};

/* The server never answers. */
TEST(test_hung)
{
	int64_t start_ms = now_ms();
	struct fake f;

	/*
	 * A half-close is not the end of the client: the server waits for a
	 * second client.
	 */
	FAKE(&f, { 0, NULL, NULL, 0, 0 }, { 1, NULL, NULL, 0, 0 });
	kv_expect(patient[_i].args, patient[_i].in, 3, "", NULL);
	ck_assert_int_ge(now_ms() - start_ms, 400);
	ck_assert_int_lt(now_ms() - start_ms, WAIT_MS / 2);
	fake_kill(&f);
}

/* The server stops in the middle of a reply. */
TEST(test_hung_midway)
{
	struct fake f;

	FAKE(&f, { 0, "KEYS b\r\n", "a\r\nb\r\nc", FAKE_HANG, 0 });
	kv_expect(KV("-t", SHORT, "keys", "b"), NULL, 3, "", NULL);
	fake_finish(&f);
}

/* The server does not read, and the request is more than all buffers hold. */
TEST(test_does_not_read)
{
	size_t size = (size_t)32 << 20;
	char *data = calloc(1, size);
	const struct kv_result *r;
	struct fake f;

	ck_assert_ptr_nonnull(data);
	/* The server accepts, and then waits for data that never comes. */
	FAKE(&f, { 0, "PUT b k", NULL, 0, 0 }, { 1, NULL, NULL, 0, 0 });
	r = kv_run(data, size, KV("-t", SHORT, "put", "b", "k", "-"));
	ck_assert_int_eq(r->status, 3);
	ck_assert_ptr_nonnull(strstr(r->err, "no answer within 0.5 seconds"));
	fake_kill(&f);
	free(data);
}

/* The server does not even accept. */
TEST(test_full_backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/kv.XXXXXX";
	int fd, i, fds[8];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (i = 0; i < 8; i++) {
		fds[i] = socket(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	kv_expect(KV("-u", addr.sun_path, "-t", SHORT, "ping"), NULL, 3, "",
	    NULL);
	for (i = 0; i < 8; i++)
		(void)close(fds[i]);
	(void)close(fd);
	(void)unlink(addr.sun_path);
	(void)rmdir(dir);
}

/*
 * The name server does not answer.  A name server at 127.0.0.1 would be
 * refused, so a socket listens at another loopback address, and nobody reads
 * from it.
 */
TEST(test_slow_dns)
{
	static const char script[] =
	    "unshare -m /bin/bash -c '"
	    "f=$(mktemp) || exit 77; "
	    "printf \"nameserver 127.0.0.77\\noptions timeout:60\\n\" >$f; "
	    "mount --bind $f /etc/resolv.conf || { rm $f; exit 77; }; "
	    "rm $f; exec \"$KV\" -t 0.5 -h slow.example.com ping' || "
	    "exit $(( $? == 1 ? 77 : $? ))";
	struct sockaddr_in {
		sa_family_t family;
		uint8_t rest[14];
	} addr = { AF_INET, { 0, 53, 127, 0, 0, 77 } };
	int64_t start_ms = now_ms();
	const struct kv_result *r;
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1) {
		fprintf(stderr, "skipped: no port 53 for the test\n");
		(void)close(fd);
		return;
	}
	(void)unsetenv("KV_SERVER");
	r = kv_shell(script);
	(void)close(fd);
	if (r->status == 77) {
		fprintf(stderr, "skipped: no mount namespace\n");
		return;
	}
	ck_assert_int_eq(r->status, 3);
	ck_assert_ptr_nonnull(strstr(r->err, "not found in time"));
	ck_assert_int_lt(now_ms() - start_ms, WAIT_MS / 2);
}

/* The list has no end, and its reader exits after some lines. */
TEST(test_head)
{
	const struct kv_result *r;
	struct fake f;

	FAKE(&f, { 0, "KEYS b\r\n", "key\r\n", FAKE_CLOSE, 1000000 });
	r = kv_shell("\"$KV\" keys b | head -n 1; echo ${PIPESTATUS[0]}");
	ck_assert_str_eq(r->out, "key\n141\n");
	ck_assert_str_eq(r->err, "");
	fake_finish(&f);
}

/* kv clear goes on until nothing is left, and says how far it came. */
TEST(test_clear)
{
	struct fake f;

	FAKE(&f, { 0, "CLEAR b PREFIX \"a \"\r\n", "1000\r\nOK\r\n", 0, 0 },
	    { 0, "CLEAR b PREFIX \"a \"\r\n", "7\r\nOK\r\n", 0, 0 },
	    { 0, "CLEAR b PREFIX \"a \"\r\n", "0\r\nOK\r\n", FAKE_HANG, 0 });
	kv_expect(KV("clear", "-P", "a ", "b"), NULL, 0, "1007\n", "");
	fake_finish(&f);
	FAKE(&f, { 0, "CLEAR b\r\n", "1000\r\nOK\r\n", 0, 0 },
	    { 0, "CLEAR b\r\n", "ERROR data damaged\r\n", FAKE_HANG, 0 });
	kv_expect(KV("clear", "b"), NULL, 4, "",
	    "kv: 1000 keys were removed before\nkv: data damaged\n");
	fake_finish(&f);
	FAKE(&f, { 0, "CLEAR b\r\n", "1000\r\nOK\r\n", 0, 0 },
	    { 0, "CLEAR b\r\n", NULL, FAKE_CLOSE, 0 });
	kv_expect(KV("clear", "-jq", "b"), NULL, 3, "", NULL);
	fake_finish(&f);
}

/* A list that is cut short is an error. */
TEST(test_cut_list)
{
	const struct kv_result *r;
	struct fake f;

	FAKE(&f, { 0, "KEYS b\r\n", "key\r\n", FAKE_CLOSE, 100000 });
	r = kv_run("", 0, KV("keys", "b"));
	ck_assert_int_eq(r->status, 3);
	ck_assert_uint_gt(r->out_size, 0);
	fake_finish(&f);
}

/* watch */

#define SINCE(revision) "SUBSCRIBE b SINCE " #revision "\r\nPING\r\n"
#define SUBSCRIBE SINCE(0)
#define MISSED                                                            \
	"kv: the server does not know all that has happened: events may " \
	"have been missed\n"

TEST(test_watch)
{
	struct fake f;

	FAKE(&f,
	    { 0, SUBSCRIBE,
		"OK\r\na SET TO 1\r\n\"b c\" SET TO \"\"\r\na DELETED\r\n"
		"\"ERROR\" DELETED\r\nDROPPED\r\n",
		FAKE_HANG, 0 });
	kv_expect(KV("watch", "b"), NULL, 1,
	    "a SET TO 1\n\"b c\" SET TO \"\"\na DELETED\n"
	    "\"ERROR\" \"DELETED\"\nDROPPED\n",
	    "");
	fake_finish(&f);
}

TEST(test_watch_json)
{
	struct fake f;

	FAKE(&f,
	    { 0, SUBSCRIBE,
		"OK\r\na SET TO \"\\xff\"\r\na DELETED\r\nMISSED\r\n"
		"DROPPED\r\n",
		FAKE_HANG, 0 });
	kv_expect(KV("watch", "-j", "b"), NULL, 1,
	    "{\"event\":\"set\",\"key\":\"a\",\"value\":{\"base64\":\"/"
	    "w==\"}}\n"
	    "{\"event\":\"deleted\",\"key\":\"a\"}\n{\"event\":\"missed\"}\n"
	    "{\"event\":\"dropped\"}\n",
	    MISSED);
	fake_finish(&f);
}

static const struct {
	const char *reply;
	int status;
} refusals[] = {
	{ "NOT FOUND\r\nOK\r\n", 1 },
	{ "UNKNOWN COMMAND\r\nOK\r\n", 4 },
	{ "ERROR too many clients\r\n", 3 },
	{ "ERROR registry unavailable\r\nOK\r\n", 3 },
	{ "nonsense\r\nOK\r\n", 3 },
};

TEST(test_watch_refused)
{
	struct fake f;

	FAKE(&f, { 0, SUBSCRIBE, refusals[_i].reply, FAKE_CLOSE, 0 });
	kv_expect(KV("watch", "b"), NULL, refusals[_i].status, "", NULL);
	fake_finish(&f);
}

/* After each kind of disconnection kv watch subscribes again. */
TEST(test_watch_reconnect)
{
	const struct kv_result *r;
	const char *p;
	struct fake f;
	int n = 0;

	FAKE(&f, { 0, SUBSCRIBE, "OK\r\na SET TO 1\r\n", FAKE_CLOSE, 0 },
	    { 1, SUBSCRIBE, "OK\r\na SET TO 2\r\na SE", FAKE_RESET, 0 },
	    { 2, SUBSCRIBE, "ERROR too many clients\r\n", FAKE_CLOSE, 0 },
	    { 3, SUBSCRIBE, "ERROR registry unavailable\r\n", FAKE_HANG, 0 },
	    { 4, SUBSCRIBE, "OK\r\na SET TO 3\r\nERROR lagged\r\n", FAKE_HANG,
		0 },
	    { 5, SUBSCRIBE, "OK\r\na SET TO 4\r\nERROR shutting down\r\n",
		FAKE_CLOSE, 0 },
	    { 6, SUBSCRIBE, "a SET TO 5\r\nOK\r\n", FAKE_CLOSE, 0 },
	    { 7, SUBSCRIBE, "NOT FOUND\r\nOK\r\n", FAKE_HANG, 0 });
	r = kv_run("", 0, KV("watch", "b"));
	/* A reset may discard data that had come before it. */
	ck_assert_ptr_nonnull(
	    strstr(r->out, "a SET TO 3\na SET TO 4\na SET TO 5\n"));
	for (p = r->err; (p = strstr(p, MISSED)) != NULL; p++)
		n++;
	ck_assert_int_eq(n, 4);
	ck_assert_ptr_nonnull(strstr(r->err, "kv: no such bucket\n"));
	ck_assert_int_eq(r->status, 1);
	fake_finish(&f);
}

/*
 * A new connection goes on behind the last commit.  The events of the commit
 * that was cut short come again, and are not printed again.
 */
TEST(test_watch_resume)
{
	const struct kv_result *r;
	struct fake f;

	FAKE(&f,
	    { 0, SINCE(0),
		"AT 5\r\nOK\r\na SET TO 1\r\nb SET TO 1\r\nAT 6\r\n"
		"a SET TO 2\r\nb SET TO 2\r\n",
		FAKE_CLOSE, 0 },
	    { 1, SINCE(6), "AT 6\r\na SET TO 2\r\nOK\r\n", FAKE_CLOSE, 0 },
	    { 2, SINCE(6),
		"AT 6\r\na SET TO 2\r\nb SET TO 2\r\nc DELETED\r\n"
		"AT 7\r\nOK\r\nd SET TO 3\r\n",
		FAKE_CLOSE, 0 },
	    { 3, SINCE(7), "MISSED\r\nAT 9\r\nOK\r\nd SET TO 4\r\nAT 10\r\n",
		FAKE_CLOSE, 0 },
	    { 4, SINCE(10), "AT 10\r\nOK\r\nDROPPED\r\n", FAKE_HANG, 0 });
	r = kv_run("", 0, KV("watch", "b"));
	ck_assert_str_eq(r->out,
	    "a SET TO 1\nb SET TO 1\na SET TO 2\nb SET TO 2\nc DELETED\n"
	    "d SET TO 3\nd SET TO 4\nDROPPED\n");
	ck_assert_int_eq(r->status, 1);
	ck_assert_ptr_nonnull(strstr(r->err, MISSED));
	ck_assert_ptr_null(strstr(strstr(r->err, MISSED) + 1, MISSED));
	fake_finish(&f);
}

/* With -s the revisions are printed, from the one that was asked for on. */
TEST(test_watch_since)
{
	struct fake f;

	FAKE(&f,
	    { 0, "SUBSCRIBE b PREFIX \"a b\" SINCE 5\r\nPING\r\n",
		"AT 5\r\nOK\r\n\"a b\" SET TO 1\r\nAT 6\r\nAT DELETED\r\n"
		"AT 8\r\nDROPPED\r\n",
		FAKE_HANG, 0 });
	kv_expect(KV("watch", "-P", "a b", "-s", "5", "b"), NULL, 1,
	    "AT 5\n\"a b\" SET TO 1\nAT 6\nAT DELETED\nAT 8\nDROPPED\n", "");
	fake_finish(&f);
	FAKE(&f,
	    { 0, SUBSCRIBE, "AT 5\r\nOK\r\na DELETED\r\nDROPPED\r\n", FAKE_HANG,
		0 });
	kv_expect(KV("watch", "-j", "-s", "0", "b"), NULL, 1,
	    "{\"event\":\"at\",\"revision\":5}\n"
	    "{\"event\":\"deleted\",\"key\":\"a\"}\n"
	    "{\"event\":\"dropped\"}\n",
	    "");
	fake_finish(&f);
}

/* kv watch pings a silent server, and disconnects if no reply comes. */
TEST(test_watch_silence)
{
	struct fake f;

	FAKE(&f, { 0, SUBSCRIBE, "OK\r\n", 0, 0 },
	    { 0, "PING\r\n", "OK\r\n", 0, 0 },
	    { 0, "PING\r\n", "a SET TO 1\r\n", FAKE_HANG, 0 },
	    { 1, SUBSCRIBE, "OK\r\nDROPPED\r\n", FAKE_HANG, 0 });
	kv_expect(KV("-t", SHORT, "watch", "b"), NULL, 1,
	    "a SET TO 1\nDROPPED\n", NULL);
	fake_finish(&f);
}

/* The reader of the output has exited, and kv watch has nothing to write. */
TEST(test_watch_head)
{
	const struct kv_result *r;
	struct fake f;

	FAKE(&f, { 0, SUBSCRIBE, "OK\r\na SET TO 1\r\n", FAKE_HANG, 0 });
	r = kv_shell("\"$KV\" watch b | head -n 1; echo ${PIPESTATUS[0]}");
	ck_assert_str_eq(r->out, "a SET TO 1\n141\n");
	ck_assert_str_eq(r->err, "");
	fake_finish(&f);
}

/* export, import */

#define ASK(key) "TTL b " key "\r\nEXISTS b " key "\r\n"

TEST(test_export)
{
	struct fake f;

	FAKE(&f,
	    { 0, "BUCKETS LIMIT 256\r\n", "b\r\n\"c d\"\r\ne\r\nOK\r\n", 0, 0 },
	    { 0, "ENTRIES b\r\n",
		"k \"v w\"\r\n\"l m\" \"\"\r\ngone 1\r\nlast 2\r\nOK\r\n", 0,
		0 },
	    { 1, ASK("k") ASK("\"l m\"") ASK("gone") ASK("last"),
		"17\r\nOK\r\nOK\r\n\r\nOK\r\nOK\r\n\r\nOK\r\nNOT FOUND\r\n"
		"0\r\nOK\r\nOK\r\n",
		0, 0 },
	    { 0, "ENTRIES \"c d\"\r\n", "OK\r\n", 0, 0 },
	    { 0, "ENTRIES e\r\n", "NOT FOUND\r\n", 0, 0 },
	    { 0, "BUCKETS LIMIT 256 AFTER e\r\n", "OK\r\n", FAKE_HANG, 0 });
	kv_expect(KV("export"), NULL, 0,
	    "CREATE b\nPUT b k \"v w\" EX 17\nPUT b \"l m\" \"\"\n"
	    "PUT b last 2 EX 1\nCREATE \"c d\"\n",
	    "kv: 3 keys in 2 buckets\n");
	fake_finish(&f);
}

TEST(test_export_plain)
{
	struct fake f;

	FAKE(&f, { 0, "ENTRIES b\r\n", "k v\r\nOK\r\n", 0, 0 },
	    { 0, "ENTRIES c\r\n", "NOT FOUND\r\n", 0, 0 },
	    { 0, "ENTRIES d\r\n", "l w\r\nOK\r\n", FAKE_HANG, 0 });
	kv_expect(KV("export", "-qs", "b", "c", "d"), NULL, 1,
	    "CREATE b\nPUT b k v\nCREATE d\nPUT d l w\n",
	    "kv: no such bucket: c\n");
	fake_finish(&f);
}

/* An invalid reply is not taken for "no time to live". */
static const struct {
	const char *reply;
	int status;
	const char *err;
} ttl_errors[] = {
	{ "UNKNOWN COMMAND\r\nOK\r\n", 4,
	    "kv: cannot read times to live: UNKNOWN COMMAND; use -s to export "
	    "without them\n" },
	{ "\r\nOK\r\nERROR data damaged\r\n", 4,
	    "kv: cannot read times to live: ERROR data damaged; use -s to "
	    "export without them\n" },
	{ "\r\nOK\r\nERROR registry unavailable\r\n", 3,
	    "kv: cannot read times to live: ERROR registry unavailable; use -s "
	    "to export without them\n" },
	{ "ERROR too many clients\r\n", 3,
	    "kv: cannot read times to live: ERROR too many clients; use -s to "
	    "export without them\n" },
	{ "a b\r\nOK\r\nOK\r\n", 3, NULL },
	{ "\r\nOK\r\nx\r\nOK\r\n", 3, NULL },
	{ "\r\nOK\r\n", 3, NULL },
};

TEST(test_export_ttl)
{
	struct fake f;

	FAKE(&f, { 0, "ENTRIES b\r\n", "k v\r\nOK\r\n", 0, 0 },
	    { 1, ASK("k"), ttl_errors[_i].reply, FAKE_CLOSE, 0 });
	kv_expect(KV("export", "b"), NULL, ttl_errors[_i].status, "",
	    ttl_errors[_i].err);
	fake_finish(&f);
}

/* An export that is cut short is an error. */
TEST(test_export_cut)
{
	struct fake f;

	FAKE(&f, { 0, "ENTRIES b\r\n", "k v\r\nl", FAKE_CLOSE, 0 });
	kv_expect(KV("export", "-s", "b"), NULL, 3, "", NULL);
	fake_finish(&f);
}

static const struct {
	const char *reply;
	int status;
	const char *err;
} import_ends[] = {
	{ "OK\r\nOK\r\nERROR shutting down\r\n", 3,
	    "kv: ERROR shutting down; it is not known what was done from "
	    "line 4 on\nkv: 2 lines done, 0 failed\n" },
	{ "OK\r\n", 3,
	    "kv: the server closed the connection; it is not known "
	    "what was done from line 3 on\nkv: 1 lines done, 0 failed\n" },
	{ "OK\r\nCONFLICT\r\nNOT FOUND\r\n", 1,
	    "kv: line 3: CONFLICT\nkv: line 4: no such bucket\n"
	    "kv: 1 lines done, 2 failed\n" },
	{ "OK\r\nERROR registry unavailable\r\nOK\r\n", 3,
	    "kv: line 3: ERROR registry unavailable\n"
	    "kv: 2 lines done, 1 failed\n" },
	{ "OK\r\nERROR storage full\r\nNOT FOUND\r\n", 4,
	    "kv: line 3: ERROR storage full\nkv: line 4: no such bucket\n"
	    "kv: 1 lines done, 2 failed\n" },
};

TEST(test_import_end)
{
	struct fake f;

	FAKE(&f,
	    { 0, "create b\r\nADD b k v\r\nPUT b \"k\\xff\" v EX 1\r\n",
		import_ends[_i].reply, FAKE_CLOSE, 0 });
	kv_expect(KV("import"),
	    "create b\n\n  ADD b\tk \"v\" \r\nPUT b k\xff v EX 1\n",
	    import_ends[_i].status, "", import_ends[_i].err);
	fake_finish(&f);
}

/* This is the value in kv/import.c and in kv(1). */
#define WINDOW 4096
#define IMPORT_LINES (2 * WINDOW + 10)

/* Appends the requests that kv makes from these lines of the input. */
static void
add_requests(struct buf *b, int first, int last)
{
	char line[64];

	for (; first <= last; first++) {
		snprintf(line, sizeof(line), "PUT b %d v\r\n", first);
		buf_append_text(b, line);
	}
	buf_append_byte(b, '\0');
}

/*
 * kv import sends WINDOW requests, and no more, before it has a reply, and
 * still reports the number of the line that a reply is about.  The input is a
 * file, so that kv can read all of it at once.  The server waits for exactly
 * WINDOW requests, then refuses the first and the last of them.  If kv sent
 * fewer, both would wait for ever; if it sent more, it would report other
 * lines.
 */
TEST(test_import_window)
{
	static char refuse[] = "CONFLICT\r\n";
	struct buf requests[3], accept;
	char script[128];
	const struct kv_result *r;
	struct fake f;
	int i;

	for (i = 0; i < 3; i++)
		buf_init(&requests[i]);
	buf_init(&accept);
	add_requests(&requests[0], 1, WINDOW);
	add_requests(&requests[1], WINDOW + 1, 2 * WINDOW);
	add_requests(&requests[2], 2 * WINDOW + 1, IMPORT_LINES);
	for (i = 0; i < WINDOW - 2; i++)
		buf_append_text(&accept, "OK\r\n");
	buf_append_byte(&accept, '\0');
	FAKE(&f, { 0, (char *)buf_data(&requests[0]), refuse, 0, 0 },
	    { 0, NULL, (char *)buf_data(&accept), 0, 0 },
	    { 0, NULL, refuse, 0, 0 },
	    { 0, (char *)buf_data(&requests[1]), refuse, 0, 0 },
	    { 0, NULL, (char *)buf_data(&accept), 0, 0 },
	    { 0, NULL, refuse, 0, 0 },
	    { 0, (char *)buf_data(&requests[2]), "OK\r\n", FAKE_HANG, 10 });
	snprintf(script, sizeof(script),
	    "f=$(mktemp) && seq -f 'PUT b %%.0f v' %d >$f; "
	    "\"$KV\" import <$f; status=$?; rm $f; exit $status",
	    IMPORT_LINES);
	r = kv_shell(script);
	ck_assert_str_eq(r->err,
	    "kv: line 1: CONFLICT\nkv: line 4096: CONFLICT\n"
	    "kv: line 4097: CONFLICT\nkv: line 8192: CONFLICT\n"
	    "kv: 8198 lines done, 4 failed\n");
	ck_assert_int_eq(r->status, 1);
	fake_finish(&f);
	for (i = 0; i < 3; i++)
		buf_clear(&requests[i]);
	buf_clear(&accept);
}

/*
 * kv import stops reading its input while the server reads nothing: most of the
 * 64 MiB stay with the process that writes them.
 */
TEST(test_import_ahead)
{
	const struct kv_result *r;
	struct fake f;

	/* The server accepts the connection, and waits for a second one. */
	FAKE(&f, { 0, NULL, NULL, 0, 0 }, { 1, NULL, NULL, 0, 0 });
	r = kv_shell("x=$(head -c 65536 /dev/zero | tr '\\0' x); "
		     "{ yes \"PUT b k $x\" | head -n 1024 && "
		     "echo all is read >&2; } | "
		     "\"$KV\" -t " SHORT " import");
	ck_assert_int_eq(r->status, 3);
	ck_assert_ptr_nonnull(strstr(r->err, "no answer within 0.5 seconds"));
	ck_assert_ptr_null(strstr(r->err, "all is read"));
	fake_kill(&f);
}

static const struct test tests[] = {
	CASE("kv_fake", NULL, NULL),
	EACH(test_reply, replies),
	ONCE(test_bytewise),
	ONCE(test_reset),
	EACH(test_hung, patient),
	ONCE(test_hung_midway),
	ONCE(test_does_not_read),
	ONCE(test_full_backlog),
	ONCE(test_slow_dns),
	ONCE(test_head),
	ONCE(test_clear),
	ONCE(test_cut_list),
	ONCE(test_watch),
	ONCE(test_watch_json),
	EACH(test_watch_refused, refusals),
	ONCE(test_watch_reconnect),
	ONCE(test_watch_resume),
	ONCE(test_watch_since),
	ONCE(test_watch_silence),
	ONCE(test_watch_head),
	ONCE(test_export),
	ONCE(test_export_plain),
	EACH(test_export_ttl, ttl_errors),
	ONCE(test_export_cut),
	EACH(test_import_end, import_ends),
	ONCE(test_import_window),
	ONCE(test_import_ahead),
};

SUITE("kv_fake", tests)
