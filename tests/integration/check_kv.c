/* check_kv: kv as scripts use it, with a real kvd. */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "kv_run.h"

#define NO_BUCKET "kv: no such bucket\n"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static struct server *server;

static void
setup(void)
{
	server = kv_start_server("b");
}

static void
teardown(void)
{
	server_stop(server);
}

/* These run in order; NULL for `err` is any text that is not empty. */
static const struct {
	const char *args[8];
	const char *in;
	int status;
	const char *out, *err;
} basics[] = {
	{ { "create", "b" }, NULL, 0, "", "" },
	{ { "put", "b", "k", "v" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "v", "" },
	{ { "-j", "get", "b", "k" }, NULL, 0, "\"v\"\n", "" },
	{ { "get", "-j", "b", "k" }, NULL, 0, "\"v\"\n", "" },
	{ { "get", "b", "absent" }, NULL, 1, "", "" },
	{ { "get", "-j", "b", "absent" }, NULL, 1, "", "" },
	{ { "put", "b", "empty", "" }, NULL, 0, "", "" },
	{ { "get", "b", "empty" }, NULL, 0, "", "" },
	{ { "get", "-j", "b", "empty" }, NULL, 0, "\"\"\n", "" },
	{ { "exists", "b", "empty" }, NULL, 0, "", "" },
	{ { "exists", "b", "absent" }, NULL, 1, "", "" },
	{ { "exists", "absent", "k" }, NULL, 1, "", "" },
	{ { "delete", "b", "empty" }, NULL, 0, "", "" },
	{ { "delete", "b", "empty" }, NULL, 0, "", "" },
	{ { "exists", "b", "empty" }, NULL, 1, "", "" },
	{ { "get", "absent", "k" }, NULL, 1, "", NO_BUCKET },
	{ { "put", "absent", "k", "v" }, NULL, 1, "", NO_BUCKET },
	{ { "delete", "absent", "k" }, NULL, 1, "", NO_BUCKET },
	{ { "ping" }, NULL, 0, "", "" },
	{ { "raw", "PING" }, NULL, 0, "OK\n", "" },
	{ { "raw", "GET", "b", "k" }, NULL, 0, "v\nOK\n", "" },
	{ { "raw", "ECHO", "a b", "" }, NULL, 0, "\"a b\" \"\"\nOK\n", "" },
	{ { "raw" }, "GET b k\nGET b absent\nPING\n", 0, "v\nOK\n\nOK\nOK\n",
	    "" },
	{ { "raw" }, "GET absent k\nPING\n", 1, "NOT FOUND\nOK\n", "" },
	{ { "raw" }, "GET absent k\nX\n", 4, "NOT FOUND\nUNKNOWN COMMAND\n",
	    "" },
	{ { "raw" }, "PING\nPING", 4, "OK\nERROR unterminated line\n", "" },
	{ { "raw" }, "QUIT\nPING\n", 0, "OK\n", "" },
	{ { "raw" }, "", 0, "", "" },
	/* no command, and no terminal */
	{ { NULL }, "GET b k\nGET b absent\n", 0, "v\nOK\n\nOK\n", "" },
	{ { NULL }, "X\n", 4, "UNKNOWN COMMAND\n", "" },
	{ { NULL }, "", 0, "", "" },
	{ { "raw" }, "\r\n \t\n", 0, "", "" },
	/* values that look like options */
	{ { "put", "b", "-k", "-v" }, NULL, 0, "", "" },
	{ { "get", "b", "-k" }, NULL, 0, "-v", "" },
	{ { "put", "b", "k", "-" }, "from input\n", 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "from input\n", "" },
	{ { "put", "b", "k", "-" }, "-", 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "-", "" },
	{ { "put", "b", "k", "OK" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "OK", "" },
	{ { "put", "b", "k", "\"a b\"" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "\"a b\"", "" },
	{ { "-w", "put", "b", "k", "\"a\\x20b\"" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "a b", "" },
	{ { "put", "-w", "b", "\"k\\0\"", "nul" }, NULL, 0, "", "" },
	{ { "get", "-w", "b", "\"k\\0\"" }, NULL, 0, "nul", "" },
	{ { "put", "-w", "b", "k", "a\"b" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "a\"b", "" },
	{ { "create", "two words" }, NULL, 0, "", "" },
	{ { "put", "two words", "a\nb", "\x7f\x08" }, NULL, 0, "", "" },
	{ { "get", "two words", "a\nb" }, NULL, 0, "\x7f\x08", "" },
	{ { "get", "-j", "two words", "a\nb" }, NULL, 0, "\"\\u007f\\u0008\"\n",
	    "" },
	{ { "put", "b", "k", "\xff\xfe" }, NULL, 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "\xff\xfe", "" },
	{ { "get", "-j", "b", "k" }, NULL, 0, "{\"base64\":\"//4=\"}\n", "" },
	{ { "put", "b", "k", "caf\xc3\xa9 \xc2\x9b" }, NULL, 0, "", "" },
	{ { "get", "-j", "b", "k" }, NULL, 0, "\"caf\xc3\xa9 \\u009b\"\n", "" },
	/* requests that the server refuses */
	{ { "create", "" }, NULL, 4, "", "kv: bucket name empty\n" },
	{ { "put", "b", "", "v" }, NULL, 4, "", "kv: key empty\n" },
	{ { "get", "b", X64 X64 X64 X64 }, NULL, 4, "", "kv: key too long\n" },
};

TEST(test_basics)
{
	size_t i;

	for (i = 0; i < COUNT(basics); i++)
		kv_expect(basics[i].args, basics[i].in, basics[i].status,
		    basics[i].out, basics[i].err);
}

/* kv refuses each of these command lines without a server. */
static const char *const wrong[][8] = {
	{ "nonsense" },
	{ "-x", "ping" },
	{ "-h" },
	{ "get" },
	{ "get", "b" },
	{ "get", "-e", "1", "b", "k" },
	{ "get", "-x", "b", "k" },
	{ "put", "-e", "0", "b", "k", "v" },
	{ "put", "-e", "1.5", "b", "k", "v" },
	{ "put", "-e", "10000000001", "b", "k", "v" },
	{ "put", "-e" },
	{ "expire", "b", "k", "0" },
	{ "expire", "b", "k", "-1" },
	{ "expire", "b", "k", "1w" },
	{ "expire", "b", "k", "10000000001s" },
	{ "add", "-e", "m", "b", "k", "v" },
	{ "incr", "-e", "0ms", "b", "k" },
	{ "-e", "5", "put", "b", "k", "v" },
	{ "take", "b" },
	{ "take", "b", "k", "l" },
	{ "delete", "-i", "b", "k" },
	{ "pop", "b", "k" },
	{ "clear" },
	{ "clear", "-P", "b" },
	{ "watch", "-s", "-1", "b" },
	{ "watch", "-s", "now", "b" },
	{ "export", "-e", "1", "b" },
	{ "lock", "b", "k" },
	{ "lock", "-e", "999ms", "b", "k", "true" },
	{ "lock", "-e", "soon", "b", "k", "true" },
	{ "lock", "-w", "-1", "b", "k", "true" },
	{ "incr", "b", "k", "one" },
	{ "incr", "b", "k", "9223372036854775808" },
	{ "incr", "b", "k", "" },
	{ "incr", "b", "k", "-" },
	{ "incr", "b", "k", "1", "2" },
	{ "cas", "b", "k", "-", "-" },
	{ "keys", "-L", "0", "b" },
	{ "keys", "-L", "x", "b" },
	{ "keys" },
	{ "buckets", "b" },
	{ "ping", "x" },
	{ "import", "file" },
	{ "help", "nonsense" },
	{ "-w", "help", "\"gets\"" },
	{ "nonsense", "--help" },
	{ "--nonsense" },
	{ "get", "--nonsense", "b", "k" },
	{ "-q" },
	{ "-t", "0", "ping" },
	{ "-t", "1x", "ping" },
	{ "-t", "86401", "ping" },
	{ "-t", "nan", "ping" },
	{ "-p", "0", "ping" },
	{ "-p", "65536", "ping" },
	{ "-p", "http", "ping" },
	{ "-h", "", "ping" },
	{ "-u", "", "ping" },
	{ "-u", "/s", "-p", "1", "ping" },
	{ "-u", X64 X64, "ping" },
	{ "-w", "get", "b", "\"k" },
	{ "-w", "get", "b", "\"a\" b" },
	{ "-w", "get", "b", "\"\\q\"" },
};

static const char *const wrong_servers[] = { "[::1", "[::1]x", "[::1]:", "::1",
	"host:", "host:0", "host:x", ":4040", "unix:" };

TEST(test_usage)
{
	size_t i;

	(void)unsetenv("KV_SERVER");
	for (i = 0; i < COUNT(wrong); i++)
		kv_expect(wrong[i], NULL, 2, "", NULL);
	for (i = 0; i < COUNT(wrong_servers); i++) {
		kv_use_address("%s", wrong_servers[i]);
		kv_expect(KV("ping"), NULL, 2, "", NULL);
	}
}

TEST(test_help)
{
	const struct kv_result *r = kv_run("", 0, KV("help"));

	ck_assert_int_eq(r->status, 0);
	ck_assert_ptr_nonnull(strstr(r->out, "usage: kv "));
	ck_assert_ptr_nonnull(
	    strstr(r->out, "  watch [-p prefix] [-s revision] bucket\n"));
	r = kv_run("", 0, KV("help", "put"));
	ck_assert_int_eq(r->status, 0);
	ck_assert_str_eq(r->out,
	    "  put [-e time] bucket key value\n          set a value\n");
	kv_expect(KV("-w", "help", "\"put\""), NULL, 0,
	    "  put [-e time] bucket key value\n          set a value\n", "");
	kv_expect(KV("put", "--help"), NULL, 0,
	    "  put [-e time] bucket key value\n          set a value\n", "");
	/* After the first argument, --help is data. */
	kv_expect(KV("put", "b", "--help", "--version"), NULL, 0, "", "");
	kv_expect(KV("get", "b", "--help"), NULL, 0, "--version", "");
}

TEST(test_inform)
{
	static const char *const versions[][4] = { { "-V" }, { "--version" },
		{ "get", "-V" }, { "get", "--version" },
		{ "-p", "1", "--version" } };
	char *help = strdup(kv_run("", 0, KV("help"))->out);
	size_t i;

	ck_assert_ptr_nonnull(help);
	for (i = 0; i < COUNT(versions); i++)
		kv_expect(versions[i], NULL, 0, "kv " PACKAGE_VERSION "\n", "");
	kv_expect(KV("--help"), NULL, 0, help, "");
	kv_expect(KV("-j", "--help"), NULL, 0, help, "");
	free(help);
}

/* The test tries every way to give the address of the server. */
TEST(test_server)
{
	char port[16], path[128];

	snprintf(port, sizeof(port), "%d", server->port);
	(void)unsetenv("KV_SERVER");
	kv_expect(KV("-h", "127.0.0.1", "-p", port, "ping"), NULL, 0, "", "");
	kv_expect(KV("-p", port, "ping"), NULL, 0, "", "");
	kv_expect(KV("ping", "-p", port), NULL, 0, "", "");
	kv_expect(KV("-h", "localhost", "-p", port, "ping"), NULL, 0, "", "");
	kv_use_address("127.0.0.1:1");
	kv_expect(KV("ping"), NULL, 3, "", NULL);
	kv_expect(KV("-p", port, "ping"), NULL, 0, "", "");
	kv_use_address("[127.0.0.1]:%s", port);
	kv_expect(KV("ping"), NULL, 0, "", "");
	kv_use_address("nonsense::");
	kv_expect(KV("-h", "127.0.0.1", "-p", port, "ping"), NULL, 0, "", "");
	snprintf(path, sizeof(path), "%s/no-socket", server->dir);
	kv_expect(KV("-u", path, "ping"), NULL, 3, "", NULL);
	kv_use_address("unix:%s", path);
	kv_expect(KV("ping"), NULL, 3, "", NULL);
	kv_expect(KV("-p", port, "ping"), NULL, 0, "", "");
}

TEST(test_unix)
{
	struct server *s = server_new();
	char path[128];

	snprintf(path, sizeof(path), "%s/socket", s->dir);
	server_option(s, "listen unix %s", path);
	server_run(s);
	(void)unsetenv("KV_SERVER");
	kv_expect(KV("-u", path, "ping"), NULL, 0, "", "");
	kv_use_address("unix:%s", path);
	kv_expect(KV("ping"), NULL, 0, "", "");
	server_stop(s);
}

static void
round_trip(const char *data, size_t size)
{
	const struct kv_result *r;

	r = kv_run(data, size, KV("put", "b", "k", "-"));
	ck_assert_int_eq(r->status, 0);
	r = kv_run("", 0, KV("get", "b", "k"));
	ck_assert_int_eq(r->status, 0);
	ck_assert_uint_eq(r->out_size, size);
	ck_assert(memcmp(r->out, data, size) == 0);
}

/*
 * The value has each byte, alone and together with all others, also those that
 * the driver of a terminal interprets.
 */
TEST(test_binary)
{
	char all[512];
	int c;

	for (c = 0; c < 256; c++) {
		all[c] = (char)c;
		all[511 - c] = (char)c;
	}
	round_trip(all, sizeof(all));
	for (c = 0; c < 256; c += 3)
		round_trip(all + c, 1);
	round_trip("\xff\xff\xff\xf4\xff\xfd\x06\x08\x7f\r\n\r\0", 13);
}

/* Arguments may have any byte but NUL, which no argument can hold. */
TEST(test_binary_arguments)
{
	const struct kv_result *r;
	char all[256];
	int c;

	for (c = 1; c < 256; c++)
		all[c - 1] = (char)c;
	all[255] = '\0';
	kv_expect(KV("create", all), NULL, 0, "", "");
	kv_expect(KV("put", all, all, all), NULL, 0, "", "");
	r = kv_run("", 0, KV("get", all, all));
	ck_assert_int_eq(r->status, 0);
	ck_assert_str_eq(r->out, all);
}

TEST(test_huge)
{
	size_t size = (size_t)1 << 20, i;
	char *data = malloc(size + 1);

	ck_assert_ptr_nonnull(data);
	/*
	 * The value is as long as max-value allows, and each of its bytes takes
	 * four on the line.
	 */
	memset(data, 0xff, size);
	round_trip(data, size);
	for (i = 0; i < size; i++)
		data[i] = (char)(i * 7);
	round_trip(data, size);
	ck_assert_int_eq(
	    kv_run(data, size + 1, KV("put", "b", "k", "-"))->status, 4);
	kv_expect(KV("raw", "EXISTS", "b", "k"), NULL, 0, "OK\n", "");
	free(data);
}

/* The loops print their progress, for slow machines. */
TEST(test_loop)
{
	const struct kv_result *r;

	r = kv_shell("for i in $(seq 300); do "
		     "\"$KV\" put b \"k$i\" \"$i\" || exit; echo $i; done; "
		     "for i in $(seq 300); do "
		     "[ \"$(\"$KV\" get b \"k$i\")\" = \"$i\" ] || exit; "
		     "echo $i; done");
	ck_assert_str_eq(r->err, "");
	ck_assert_int_eq(r->status, 0);
}

TEST(test_unreachable)
{
	int port = server->port;

	kv_stop_server(server);
	kv_use_address("127.0.0.1:%d", port);
	kv_expect(KV("put", "b", "k", "v"), NULL, 3, "", NULL);
	kv_expect(KV("import"), "PUT b k v\n", 3, "", NULL);
	kv_expect(KV("export"), NULL, 3, "", NULL);
	kv_expect(KV("watch", "b"), NULL, 3, "", NULL);
	kv_expect(KV("raw"), "PING\n", 3, "", NULL);
	kv_use_address("no-such-host.invalid:%d", port);
	kv_expect(KV("-t", "5", "ping"), NULL, 3, "", NULL);
	server_restart(server);
}

/* Standard streams may be closed, full, or without a reader. */
TEST(test_streams)
{
	const struct kv_result *r;

	kv_expect(KV("put", "b", "k", "v"), NULL, 0, "", "");
	r = kv_shell("\"$KV\" get b k >/dev/full");
	ck_assert_int_eq(r->status, 5);
	ck_assert_ptr_nonnull(strstr(r->err, "standard output"));
	r = kv_shell("\"$KV\" put b k - <&-");
	ck_assert_int_eq(r->status, 5);
	r = kv_shell("\"$KV\" put b k closed <&- >&- 2>&-");
	ck_assert_int_eq(r->status, 0);
	kv_expect(KV("get", "b", "k"), NULL, 0, "closed", "");
	r = kv_shell("\"$KV\" get b k >&-");
	ck_assert_int_eq(r->status, 5);
}

/* Each command that prints something reports that it could not. */
static const char *const printing[] = {
	"get b k",
	"get -j b k",
	"incr b n",
	"count b",
	"get b k n k",
	"take b k",
	"pop b",
	"clear b",
	"keys b",
	"keys -0 b",
	"entries -j b",
	"buckets",
	"stats",
	"export",
	"raw PING",
	"raw <<<PING",
	"<<<PING",
	"help",
	"help get",
	"--help",
	"get --help",
	"-V",
	"--version",
};

TEST(test_no_room)
{
	static const char *const outputs[] = { ">/dev/full", ">&-",
		">/dev/full <&-", ">&- <&-", ">&- 2>&-" };
	const struct kv_result *r;
	char script[128];
	size_t i;

	for (i = 0; i < COUNT(outputs); i++) {
		/* Some of the commands remove them. */
		kv_expect(KV("put", "b", "k", "v"), NULL, 0, "", "");
		kv_expect(KV("put", "b", "n", "1"), NULL, 0, "", "");
		/* This command needs the input that would be closed. */
		if (strstr(printing[_i], "<<<") != NULL &&
		    strstr(outputs[i], "<&-") != NULL)
			continue;
		snprintf(script, sizeof(script), "\"$KV\" %s %s", printing[_i],
		    outputs[i]);
		r = kv_shell(script);
		ck_assert_msg(r->status == 5, "%s: %d", script, r->status);
		if (strstr(outputs[i], "2>&-") == NULL)
			ck_assert_ptr_nonnull(
			    strstr(r->err, "standard output: "));
	}
}

/* kv watch waits while nothing comes that it could write. */
TEST(test_watch_gone)
{
	struct pollfd pfd = { .events = POLLIN };
	struct kv_process p;
	struct kv_result r;
	int fds[2], status;

	/* a socket whose peer has closed before kv starts */
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	(void)close(fds[1]);
	kv_start_to(&p, fds[0], KV("watch", "b"));
	(void)close(fds[0]);
	kv_finish_run(&p, "", 0, &r);
	ck_assert_int_eq(r.status, 128 + SIGPIPE);
	kv_result_clear(&r);
	/* a socket whose peer closes while kv uses it */
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	kv_start_to(&p, fds[0], KV("watch", "b"));
	(void)close(fds[0]);
	pfd.fd = fds[1];
	do
		kv_expect(KV("put", "b", "k", "v"), NULL, 0, "", "");
	while (poll(&pfd, 1, 10) == 0);
	kv_expect_line(fds[1], "k SET TO v");
	(void)close(fds[1]);
	kv_finish_run(&p, "", 0, &r);
	ck_assert_int_eq(r.status, 128 + SIGPIPE);
	kv_result_clear(&r);
	/* a closed output, and an output that can only be read */
	ck_assert_int_eq(kv_shell("\"$KV\" watch b >&-")->status, 5);
	ck_assert_int_eq(kv_shell("\"$KV\" watch b 1</dev/null")->status, 5);
	/* kv that waits for requests */
	kv_start(&p, KV("raw"));
	(void)close(p.out);
	pfd.fd = p.err;
	ck_assert_int_eq(poll(&pfd, 1, WAIT_MS), 1);
	ck_assert_int_eq(waitpid(p.pid, &status, 0), p.pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	(void)close(p.in);
	(void)close(p.err);
}

/* Other processes have set O_NONBLOCK, for their own use. */
TEST(test_nonblocking)
{
	struct kv_process p;
	struct kv_result r;
	size_t size = (size_t)1 << 20;
	char *value = malloc(size);
	int fds[2];

	ck_assert_ptr_nonnull(value);
	memset(value, 'v', size);
	kv_start(&p, KV("put", "b", "k", "-"));
	ck_assert_int_eq(fcntl(p.in, F_SETFL, O_NONBLOCK), 0);
	kv_finish_run(&p, value, size, &r);
	ck_assert_int_eq(r.status, 0);
	kv_result_clear(&r);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	kv_start_to(&p, fds[1], KV("get", "b", "k"));
	(void)close(fds[1]);
	p.out = fds[0];
	kv_finish_run(&p, "", 0, &r);
	ck_assert_str_eq(r.err, "");
	ck_assert_int_eq(r.status, 0);
	ck_assert_uint_eq(r.out_size, size);
	kv_result_clear(&r);
	free(value);
}

/* A parent may leave kv a disorderly environment: kv behaves as usual. */
TEST(test_parent)
{
	const struct kv_result *r;
	char script[256];

	if (kv_shell("env --block-signal=PIPE true")->status != 0) {
		printf("env(1) has no --block-signal: a test is skipped\n");
		return;
	}
	r = kv_shell("yes | head -n 500000 | \"$KV\" put b big - && "
		     "env --block-signal --ignore-signal=PIPE \"$KV\" "
		     "get b big | head -n 1; echo ${PIPESTATUS[0]}");
	ck_assert_str_eq(r->err, "");
	ck_assert_str_eq(r->out, "y\n141\n");
	r = kv_shell("env --block-signal \"$KV\" watch b | :; "
		     "exit ${PIPESTATUS[0]}");
	ck_assert_int_eq(r->status, 128 + SIGPIPE);
	/* kv waits for the child of its own that looks up the name. */
	snprintf(script, sizeof(script),
	    "env --block-signal --ignore-signal=CHLD \"$KV\" -h localhost "
	    "-p %d ping",
	    server->port);
	ck_assert_int_eq(kv_shell(script)->status, 0);
}

/* The value is more than a pipe holds, and its reader exits after one line. */
TEST(test_early_close)
{
	const struct kv_result *r;

	r = kv_shell("yes | head -n 500000 | \"$KV\" put b big - && "
		     "\"$KV\" get b big | head -n 1; "
		     "echo ${PIPESTATUS[0]}");
	ck_assert_str_eq(r->err, "");
	ck_assert_str_eq(r->out, "y\n141\n");
	/* The result is the same where SIGPIPE is ignored. */
	r = kv_shell("trap '' PIPE; \"$KV\" get b big | head -n 1; "
		     "echo ${PIPESTATUS[0]}");
	ck_assert_str_eq(r->err, "");
	ck_assert_str_eq(r->out, "y\n141\n");
}

/* These run in order. */
static const struct {
	const char *args[10];
	const char *in;
	int status;
	const char *out, *err;
} values[] = {
	{ { "add", "b", "k", "1" }, NULL, 0, "", "" },
	{ { "add", "b", "k", "2" }, NULL, 1, "", "" },
	{ { "cas", "b", "k", "2", "3" }, NULL, 1, "", "" },
	{ { "cas", "b", "k", "1", "-" }, "5", 0, "", "" },
	{ { "cas", "b", "k", "-", "6" }, "5", 0, "", "" },
	{ { "get", "b", "k" }, NULL, 0, "6", "" },
	{ { "incr", "b", "k" }, NULL, 0, "7\n", "" },
	{ { "incr", "b", "k", "-10" }, NULL, 0, "-3\n", "" },
	{ { "incr", "-j", "b", "new", "9223372036854775807" }, NULL, 0,
	    "9223372036854775807\n", "" },
	{ { "incr", "b", "new" }, NULL, 4, "", NULL },
	{ { "incr", "absent", "new" }, NULL, 1, "", NO_BUCKET },
	{ { "ttl", "b", "k" }, NULL, 1, "", "" },
	{ { "expire", "b", "k", "10000000000" }, NULL, 0, "", "" },
	{ { "persist", "b", "k" }, NULL, 0, "", "" },
	{ { "ttl", "b", "k" }, NULL, 1, "", "" },
	{ { "expire", "b", "k", "100d" }, NULL, 0, "", "" },
	{ { "persist", "b", "k" }, NULL, 0, "", "" },
	{ { "add", "-e", "1h", "b", "a b", "one" }, NULL, 0, "", "" },
	{ { "get", "b", "k", "gone", "a b" }, NULL, 1, "-3\n\none\n", "" },
	{ { "get", "b", "k", "a b" }, NULL, 0, "-3\none\n", "" },
	{ { "-w", "get", "-j", "b", "\"a b\"", "k" }, NULL, 0,
	    "[\"one\",\n\"-3\"]\n", "" },
	{ { "delete", "-i", "two", "b", "a b" }, NULL, 1, "", "" },
	{ { "delete", "-i", "-", "b", "a b" }, "one", 0, "", "" },
	{ { "delete", "-i", "one", "b", "a b" }, NULL, 1, "", "" },
	{ { "put", "b", "a b", "" }, NULL, 0, "", "" },
	{ { "take", "b", "a b" }, NULL, 0, "", "" },
	{ { "take", "b", "a b" }, NULL, 1, "", "" },
	{ { "incr", "-e", "1d", "b", "window", "2" }, NULL, 0, "2\n", "" },
	{ { "take", "b", "window" }, NULL, 0, "2", "" },
	{ { "expire", "b", "absent", "1" }, NULL, 1, "", NULL },
	{ { "count", "b" }, NULL, 0, "2\n", "" },
	{ { "add", "b", "l", "5" }, NULL, 0, "", "" },
	{ { "pop", "-P", "l", "b" }, NULL, 0, "l 5\n", "" },
	{ { "pop", "-p", "l", "b" }, NULL, 1, "", "" },
	{ { "clear", "-p", "ne", "b" }, NULL, 0, "1\n", "" },
	{ { "pop", "b" }, NULL, 0, "k -3\n", "" },
	{ { "pop", "b" }, NULL, 1, "", "" },
	{ { "clear", "b" }, NULL, 0, "0\n", "" },
	{ { "clear", "absent" }, NULL, 1, "", NO_BUCKET },
	{ { "pop", "absent" }, NULL, 1, "", NO_BUCKET },
	{ { "take", "absent", "k" }, NULL, 1, "", NO_BUCKET },
	{ { "count", "absent" }, NULL, 1, "", NO_BUCKET },
	{ { "drop", "b" }, NULL, 0, "", "" },
	{ { "drop", "b" }, NULL, 1, "", NO_BUCKET },
};

TEST(test_values)
{
	const struct kv_result *r;
	size_t i;

	for (i = 0; i < COUNT(values); i++)
		kv_expect(values[i].args, values[i].in, values[i].status,
		    values[i].out, values[i].err);
	kv_expect(KV("create", "b"), NULL, 0, "", "");
	kv_expect(KV("put", "-e", "100", "b", "k", "v"), NULL, 0, "", "");
	r = kv_run("", 0, KV("ttl", "b", "k"));
	ck_assert_int_eq(r->status, 0);
	ck_assert_int_ge(atoi(r->out), 70);
	ck_assert_int_le(atoi(r->out), 100);
}

TEST(test_stats)
{
	const struct kv_result *r;

	r = kv_run("", 0, KV("stats"));
	ck_assert_int_eq(r->status, 0);
	ck_assert_ptr_nonnull(strchr(r->out, ' '));
	r = kv_run("", 0, KV("stats", "-j"));
	ck_assert_int_eq(r->out[0], '{');
	ck_assert_str_eq(r->out + r->out_size - 2, "}\n");
}

static const struct {
	const char *args[8];
	const char *out;
} lists[] = {
	{ { "keys", "b" }, "\"\\x00\"\na\nab\n\"c d\"\n" },
	{ { "keys", "-P", "a", "b" }, "a\nab\n" },
	{ { "keys", "-L", "1", "-A", "a", "b" }, "ab\n" },
	{ { "-w", "keys", "-P", "\"c\\x20\"", "b" }, "\"c d\"\n" },
	{ { "keys", "-j", "b" }, "[\"\\u0000\",\n\"a\",\n\"ab\",\n\"c d\"]\n" },
	{ { "keys", "-0", "-P", "c", "b" }, "c d" },
	{ { "keys", "-j", "-P", "x", "b" }, "[]\n" },
	{ { "keys", "-P", "x", "b" }, "" },
	{ { "entries", "b" },
	    "\"\\x00\" nul\na 1\nab \"\"\n\"c d\" \"\\xff\"\n" },
	{ { "entries", "-j", "-P", "c", "b" },
	    "[{\"key\":\"c d\",\"value\":{\"base64\":\"/w==\"}}]\n" },
	{ { "buckets" }, "b\n\"two words\"\n" },
	{ { "buckets", "-j", "-P", "t" }, "[\"two words\"]\n" },
	{ { "export", "-q" },
	    "CREATE b\nPUT b \"\\x00\" nul\nPUT b a 1\n"
	    "PUT b ab \"\"\nPUT b \"c d\" \"\\xff\"\nCREATE \"two words\"\n" },
	{ { "export", "-qs", "b" },
	    "CREATE b\nPUT b \"\\x00\" nul\nPUT b a 1\nPUT b ab \"\"\n"
	    "PUT b \"c d\" \"\\xff\"\n" },
};

TEST(test_lists)
{
	size_t i;

	kv_expect(KV("import", "-q"),
	    "PUT b a 1\nPUT b ab \"\"\nPUT b \"c d\" \"\\xff\"\n"
	    "PUT b \"\\0\" nul\nCREATE \"two words\"\n",
	    0, "", "");
	for (i = 0; i < COUNT(lists); i++) {
		const struct kv_result *r = kv_run("", 0, lists[i].args);

		ck_assert_str_eq(r->out, lists[i].out);
		ck_assert_str_eq(r->err, "");
		ck_assert_int_eq(r->status, 0);
	}
	kv_expect(KV("keys", "absent"), NULL, 1, "", NO_BUCKET);
	kv_expect(KV("keys", "-j", "absent"), NULL, 1, "", NO_BUCKET);
	kv_expect(KV("export", "-q", "absent"), NULL, 1, "", NULL);
}

static const struct test tests[] = {
	CASE("kv", setup, teardown),
	ONCE(test_basics),
	ONCE(test_usage),
	ONCE(test_help),
	ONCE(test_inform),
	EACH(test_no_room, printing),
	ONCE(test_watch_gone),
	ONCE(test_nonblocking),
	ONCE(test_parent),
	ONCE(test_server),
	ONCE(test_unix),
	ONCE(test_binary),
	ONCE(test_binary_arguments),
	ONCE(test_huge),
	ONCE(test_loop),
	ONCE(test_unreachable),
	ONCE(test_streams),
	ONCE(test_early_close),
	ONCE(test_values),
	ONCE(test_stats),
	ONCE(test_lists),
};

SUITE("kv", tests)
