/* check_kvbench: kvbench with a real kvd, and with stub servers. */

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <ctype.h>
#include <limits.h>
#include <pty.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "fixture.h"

#define ARGS_MAX 40
#define BENCH_ERRORS 1

static struct server *s;
static char output[OUTPUT_SIZE];

static void
setup(void)
{
	static const char *const options[] = { "sync never", "max-value 64",
		NULL };

	s = server_start(options);
}

static void
teardown(void)
{
	server_stop(s);
}

/*
 * Returns where a JSON text (RFC 8259) ends; it knows as much of JSON as
 * kvbench uses.
 */
static const char *json_value(const char *);

static const char *
json_string(const char *p)
{
	ck_assert_int_eq(*p, '"');
	for (p++; *p != '"'; p++) {
		ck_assert_int_ge((unsigned char)*p, ' ');
		p += *p == '\\';
	}
	return p + 1;
}

static const char *
json_members(const char *p, char end)
{
	while (*++p != end) {
		if (end == '}') {
			p = json_string(p);
			ck_assert_int_eq(*p++, ':');
		}
		p = json_value(p);
		if (*p == end)
			break;
		ck_assert_int_eq(*p, ',');
	}
	return p + 1;
}

static const char *
json_value(const char *p)
{
	static const char *const words[] = { "true", "false", "null" };
	char *end;
	size_t i;

	if (*p == '{' || *p == '[')
		return json_members(p, *p == '{' ? '}' : ']');
	if (*p == '"')
		return json_string(p);
	for (i = 0; i < COUNT(words); i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	ck_assert(*p == '-' || isdigit((unsigned char)*p));
	(void)strtod(p, &end);
	return end;
}

/*
 * Returns the number that follows this text in a part of the output, which is
 * one JSON object.
 */
static double
json_number(const char *part, const char *behind)
{
	const char *p;

	ck_assert_int_eq(output[0], '{');
	ck_assert_str_eq(json_value(output), "\n");
	if ((p = strstr(output, part)) == NULL ||
	    (p = strstr(p, behind)) == NULL)
		ck_abort_msg("no %s in %s", behind, output);
	return strtod(p + strlen(behind), NULL);
}

#define FILL(behind) json_number("\"fill\":{", behind)
#define RUN(behind) json_number("\"run\":{", behind)

/* Splits `line` into arguments of kvbench, which precede `more`. */
static void
split(char *line, const char *args[ARGS_MAX], const char *path)
{
	char *word;
	size_t n = 0;

	args[n++] = path;
	while ((word = strsep(&line, " ")) != NULL && n < ARGS_MAX - 1)
		args[n++] = word;
	args[n] = NULL;
}

static const char *
kvbench_path(void)
{
	static char path[PATH_MAX + sizeof("/kvbench")];

	snprintf(path, sizeof(path), "%s/kvbench", build_dir());
	return path;
}

/* Runs kvbench and returns its exit status. */
__attribute__((format(printf, 2, 3))) static int
bench(int port, const char *format, ...)
{
	const char *args[ARGS_MAX];
	char line[512];
	va_list list;
	int n;

	n = snprintf(line, sizeof(line), "-p %d ", port);
	va_start(list, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, list);
	va_end(list);
	split(line, args, kvbench_path());
	return run_command(args, output);
}

static void
expect_output(const char *text)
{
	if (strstr(output, text) == NULL)
		ck_abort_msg("not in the output: %s\n%s", text, output);
}

#define expect_status(got, want) \
	ck_assert_msg((got) == (want), "not status %d: %s", (want), output)

TEST(test_closed)
{
	static const char *const args[] = {
		"-F -k 1000 -n 20000 -m get=8,put=2",
		"-F -k 1000 -n 20000 -m get=8,put=2 -P 16",
		"-F -k 1000 -n 20000 -m get=8,put=2 -P 100 -c 3 -T 2",
		"-F -k 1000 -n 20000 -m get=8,put=2 -d zipf -s 0-64 -T 3",
		"-F -k 7 -n 20000 -m get=8,put=2 -d sequential -P 200 -c 1",
		"-F -k 1000 -n 20000 -m get=8,put=2 -w 0.05 -P 7",
	};

	expect_status(bench(s->port, "-j %s", args[_i]), EX_OK);
	ck_assert_double_eq(RUN("\"requests\":"), 20000);
	ck_assert_double_eq(RUN("\"absent\":") + RUN("\"errors\":"), 0);
	ck_assert_double_gt(RUN("\"get\":{\"requests\":"), 12000);
	ck_assert_double_gt(RUN("\"put\":{\"requests\":"), 2000);
	ck_assert_double_gt(RUN("\"p50_us\":"), 0);
}

TEST(test_all_requests)
{
	expect_status(
	    bench(s->port,
		"-j -k 100 -n 5000 -P 5 -m get=2,put=1,delete=1,ping=1,echo=1"),
	    EX_OK);
	ck_assert_double_eq(RUN("\"requests\":"), 5000);
	ck_assert_double_gt(RUN("\"absent\":"), 100);
	ck_assert_double_gt(RUN("\"delete\":{\"requests\":"), 500);
	ck_assert_double_gt(RUN("\"ping\":{\"requests\":"), 500);
	ck_assert_double_gt(RUN("\"echo\":{\"requests\":"), 500);
}

TEST(test_text)
{
	expect_status(bench(s->port, "-F -k 10 -n 100 -s 1-8 -d zipf:1.2"),
	    EX_OK);
	expect_output("kvd at 127.0.0.1:");
	expect_output("get=1, 50 clients, 1 in flight\n10 keys, zipf (1.2), "
		      "values of 1 to 8 bytes\nfilled: 10 keys in ");
	expect_output("\n100 requests in ");
	expect_output("p99.9");
}

/* A run of two seconds or more is reported second by second. */
TEST(test_seconds)
{
	expect_status(bench(s->port, "-r 100 -t 2.1"), EX_OK);
	expect_output("\nsecond by second: ");
	expect_status(bench(s->port, "-j -r 100 -t 1.1"), EX_OK);
	ck_assert_double_ge(RUN("\"by_second\":["), 1);
}

/* A run that only fills the store leaves the keys for another run. */
TEST(test_fill)
{
	expect_status(bench(s->port, "-j -F -n 0 -k 5000 -b other -T 2"),
	    EX_OK);
	ck_assert_double_eq(FILL("\"requests\":"), 5000);
	ck_assert_double_eq(RUN("\"requests\":"), 0);
	expect_status(
	    bench(s->port, "-j -k 5000 -b other -d sequential -n 5000 -c 1"),
	    EX_OK);
	ck_assert_double_eq(RUN("\"absent\":"), 0);
}

/* At a fixed rate, the number of requests and the duration fix each other. */
TEST(test_open)
{
	expect_status(bench(s->port, "-j -F -k 100 -r 400 -n 200"), EX_OK);
	ck_assert_double_eq(RUN("\"requests\":"), 200);
	ck_assert_double_ge(RUN("\"seconds\":"), 0.49);
	expect_status(bench(s->port, "-j -r 1000 -t 0.5 -c 4 -T 2 -P 3"),
	    EX_OK);
	ck_assert_double_eq(RUN("\"requests\":") + RUN("\"unsent\":"), 500);
}

TEST(test_churn)
{
	expect_status(bench(s->port, "-j -C -c 4 -n 100 -m get=1,put=1"),
	    EX_OK);
	ck_assert_double_eq(RUN("\"requests\":"), 100);
	expect_status(bench(s->port, "-j -C -F -k 10 -r 200 -n 50"), EX_OK);
	ck_assert_double_eq(RUN("\"requests\":"), 50);
}

TEST(test_unix)
{
	const char *args[ARGS_MAX];
	struct server *u = server_new();
	char line[256];
	int i;

	server_option(u, "listen unix %s/sock", u->dir);
	server_run(u);
	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "-j -n 200 -u %s/sock%s", u->dir,
		    i == 0 ? "" : " -C");
		split(line, args, kvbench_path());
		expect_status(run_command(args, output), EX_OK);
		ck_assert_double_eq(RUN("\"requests\":"), 200);
	}
	server_stop(u);
}

/* kvbench counts and reports the requests that kvd refuses. */
TEST(test_errors)
{
	expect_status(bench(s->port, "-s 65 -m put -n 100"), BENCH_ERRORS);
	expect_output("100 errors, the first: ERROR value too long\n");
	expect_status(bench(s->port, "-j -s 65 -m put -n 100"), BENCH_ERRORS);
	ck_assert_double_eq(RUN("\"errors\":"), 100);
}

TEST(test_wrong_value)
{
	int fd;

	expect_status(bench(s->port, "-F -k 10 -n 100"), EX_OK);
	fd = client_connect(s);
	client_ask(fd, "PUT kvbench key:000000000003 tampered\r\n", "OK\r\n");
	expect_status(bench(s->port, "-k 10 -n 1000"), EX_PROTOCOL);
	expect_output("wrong reply to get key:000000000003");
	expect_output("tampered\n");
	(void)close(fd);
}

TEST(test_wrong_protocol)
{
	expect_status(bench(s->port, "-x resp -n 1"), EX_PROTOCOL);
	expect_output("does not speak resp; it says: UNKNOWN COMMAND\n");
	expect_status(bench(s->port, "-x memcached -n 1"), EX_PROTOCOL);
	expect_output("does not speak memcached");
	expect_status(bench(s->port, "-x echo -n 1"), EX_PROTOCOL);
	expect_output("does not speak echo");
}

TEST(test_too_many)
{
	static const char *const options[] = { "max-clients 2", NULL };
	struct server *few = server_start(options);

	expect_status(bench(few->port, "-c 8 -t 5"), EX_UNAVAILABLE);
	expect_output("connection lost");
	server_stop(few);
}

/* After a signal kvbench ends early, and prints the figures so far. */
TEST(test_interrupted)
{
	static const int signals[] = { SIGINT, SIGTERM };
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char port[16];
	int status;
	pid_t pid;

	snprintf(port, sizeof(port), "%d", s->port);
	pid = test_fork();
	if (pid == 0) {
		execl(kvbench_path(), "kvbench", "-q", "-p", port, "-t", "600",
		    "-c", "3", (char *)NULL);
		_exit(127);
	}
	while (server_count(s, "kvd: worker") < 3)
		pause_until(deadline_ms, "kvbench does not connect");
	ck_assert_int_eq(kill(pid, signals[_i]), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OK);
}

/*
 * Collects all that kvbench writes to a terminal, and returns its exit status.
 */
static int
run_on_terminal(const char *args[])
{
	size_t n = 0;
	int fd, status;
	ssize_t got;
	pid_t pid;

	fflush(NULL);
	pid = forkpty(&fd, NULL, NULL, NULL);
	if (pid == 0) {
		(void)execv(args[0], (char *const *)(void *)args);
		_exit(127);
	}
	ck_assert_int_gt(pid, 0);
	/* The end of input from a pseudo-terminal is EIO. */
	while (n < sizeof(output) - 1 &&
	    (got = read(fd, output + n, sizeof(output) - 1 - n)) > 0)
		n += (size_t)got;
	output[n] = '\0';
	(void)close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(test_progress)
{
	const char *args[ARGS_MAX];
	char line[64];

	snprintf(line, sizeof(line), "-c 1 -t 3 -p %d", s->port);
	split(line, args, kvbench_path());
	expect_status(run_on_terminal(args), EX_OK);
	expect_output("\rrun: ");
	expect_output(" a second");
	/* The progress line is erased before the report. */
	expect_output("  \rkvd at ");
}

static const char *const bad_usage[] = {
	"-c 0",
	"-c x",
	"-c -1",
	"-P 0",
	"-k 0",
	"-k 1000000001",
	"-n 1x",
	"-t 0",
	"-t -1",
	"-t nan",
	"-r inf",
	"-d normal",
	"-m get=0",
	"-m incr",
	"-s 65M",
	"-x http",
	"-x memcached -m echo",
	"-b a\"b",
	"-b ",
	"-C -P 2",
	"-c 2 -T 3",
	"-u /tmp/x",
	"-p http",
	"-p 65536",
	"-h ",
	"-W 0",
	"-S -1",
	"-z",
	"argument",
};

TEST(test_usage)
{
	expect_status(bench(1, "%s", bad_usage[_i]), EX_USAGE);
}

TEST(test_version)
{
	expect_status(bench(1, "-V"), EX_OK);
	expect_output("kvbench ");
	expect_status(bench(1, "--version"), EX_OK);
	expect_output("kvbench ");
	expect_status(bench(1, "--help"), EX_OK);
	expect_output("usage: kvbench ");
}

/* These are the stub servers, by how they answer a request. */

enum stub {
	STUB_SILENT,
	STUB_CLOSE, /* closes before it answers */
	STUB_NOISE,
	STUB_RESP, /* speaks RESP, and has one key */
	STUB_STALL, /* is STUB_RESP, but pauses once for STALL_MS */
	STUB_HANG, /* is STUB_RESP, but pauses for ever */
	STUB_FORGET, /* is a memcached without memory */
	STUB_LEAVE, /* is STUB_RESP, but ends after some requests */
};

#define STALL_MS 600
#define STALL_AT 100
#define LEAVE_AT 50

struct stub_server {
	pid_t pid;
	int port;
};

/* Reads a RESP request; its last argument is the value of a SET. */
static bool
read_resp(FILE *f, char verb[64], char last[128])
{
	char line[128];
	int n, i;

	if (fgets(line, sizeof(line), f) == NULL || line[0] != '*')
		return false;
	n = atoi(line + 1);
	for (i = 0; i < n; i++) {
		if (fgets(line, sizeof(line), f) == NULL ||
		    fgets(last, 128, f) == NULL)
			return false;
		if (i == 0)
			snprintf(verb, 64, "%.60s", last);
	}
	return true;
}

static void
serve_resp(FILE *in, FILE *out, enum stub kind)
{
	char verb[64], last[128], value[128] = "";
	int n;

	for (n = 0; read_resp(in, verb, last); n++) {
		if (kind == STUB_LEAVE && n == LEAVE_AT)
			return;
		if (kind == STUB_STALL && n == STALL_AT)
			(void)usleep(STALL_MS * 1000);
		while (kind == STUB_HANG && n == STALL_AT)
			(void)pause();
		if (strncmp(verb, "PING", 4) == 0)
			fputs("+PONG\r\n", out);
		else if (strncmp(verb, "SET", 3) == 0) {
			memcpy(value, last, sizeof(value));
			fputs("+OK\r\n", out);
		} else
			fprintf(out, "$%zu\r\n%s", strlen(value) - 2, value);
		fflush(out);
	}
}

static void
serve_memcached(FILE *in, FILE *out)
{
	char line[128];

	while (fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, "version", 7) == 0)
			fputs("VERSION 0\r\n", out);
		else if (strncmp(line, "set ", 4) == 0)
			fputs(fgets(line, sizeof(line), in) == NULL ?
				"" :
				"STORED\r\n",
			    out);
		else
			fputs("END\r\n", out);
		fflush(out);
	}
}

static void
serve(int fd, enum stub kind)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char data[512];

	if (in == NULL || out == NULL)
		_exit(1);
	if (kind == STUB_SILENT)
		while (read(fd, data, sizeof(data)) > 0)
			;
	else if (kind == STUB_CLOSE)
		while (read(fd, data, 1) == -1)
			;
	else if (kind == STUB_NOISE)
		fputs("\001\002\377no such thing\n", out);
	else if (kind == STUB_FORGET)
		serve_memcached(in, out);
	else
		serve_resp(in, out, kind);
	(void)fclose(out);
	(void)fclose(in);
}

static void
stub_start(struct stub_server *stub, enum stub kind)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(sin);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, size), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	stub->port = ntohs(sin.sin_port);
	stub->pid = test_fork();
	if (stub->pid == 0) {
		(void)alarm(WAIT_MS / 1000);
		for (;;)
			serve(accept(fd, NULL, NULL), kind);
	}
	(void)close(fd);
}

static void
stub_stop(struct stub_server *stub)
{
	ck_assert_int_eq(kill(stub->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(stub->pid, NULL, 0), stub->pid);
}

static const struct {
	enum stub kind;
	const char *args;
	int status;
	const char *output;
} stub_table[] = {
	{ STUB_SILENT, "-W 0.2", EX_UNAVAILABLE,
	    "no reply to the first request" },
	{ STUB_CLOSE, "-q", EX_UNAVAILABLE, "127.0.0.1:" },
	{ STUB_NOISE, "-q", EX_PROTOCOL, "does not speak kvd" },
	{ STUB_RESP, "-x resp -k 1 -F -n 500 -c 1 -m get=3,put=2", EX_OK,
	    "500 requests" },
	{ STUB_FORGET, "-x memcached -k 1 -n 500 -c 1", EX_OK,
	    "500 keys not there" },
	{ STUB_FORGET, "-x memcached -k 1 -F -n 500 -c 1", EX_PROTOCOL,
	    "key:000000000000 is missing" },
	{ STUB_LEAVE, "-x resp -k 1 -m put -n 100 -c 1", EX_UNAVAILABLE,
	    "connection lost" },
	{ STUB_HANG, "-x resp -k 1 -m put -n 200 -c 1 -W 0.2", EX_UNAVAILABLE,
	    "no reply for" },
};

TEST(test_stub)
{
	struct stub_server stub;

	stub_start(&stub, stub_table[_i].kind);
	expect_status(bench(stub.port, "%s", stub_table[_i].args),
	    stub_table[_i].status);
	expect_output(stub_table[_i].output);
	stub_stop(&stub);
}

/*
 * A server that pauses for a while delays one request of a closed loop, but at
 * a fixed rate it delays all that were due during the pause.
 */
TEST(test_coordinated_omission)
{
	struct stub_server stub;

	stub_start(&stub, STUB_STALL);
	expect_status(
	    bench(stub.port, "-j -x resp -k 1 -m put -n 200 -c 1 -r 200"),
	    EX_OK);
	/* Of the 200 requests in one second, those of 0.6 s were late. */
	ck_assert_double_ge(RUN("\"p90_us\":"), STALL_MS * 500);
	ck_assert_double_ge(RUN("\"max_us\":"), STALL_MS * 900);
	stub_stop(&stub);
}

/* The requests that could not be sent in the last half second count as well. */
TEST(test_unsent)
{
	struct stub_server stub;

	stub_start(&stub, STUB_STALL);
	expect_status(
	    bench(stub.port, "-j -x resp -k 1 -m put -t 0.6 -c 1 -r 250"),
	    EX_OK);
	ck_assert_double_ge(RUN("\"unsent\":"), 20);
	ck_assert_double_eq(RUN("\"requests\":") + RUN("\"unsent\":"), 150);
	ck_assert_double_eq(RUN("\"latency\":{\"requests\":"), 150);
	stub_stop(&stub);
}

/* kvbench gives up a name without an address after -W seconds at the latest. */
TEST(test_no_host)
{
	expect_status(bench(1, "-W 1 -h name.invalid -n 1"), EX_NOHOST);
	expect_output("kvbench: name.invalid: ");
}

/* No server listens at this port, which was free a moment ago. */
TEST(test_refused)
{
	struct stub_server stub;

	stub_start(&stub, STUB_SILENT);
	stub_stop(&stub);
	expect_status(bench(stub.port, "-n 1"), EX_UNAVAILABLE);
	expect_output("cannot connect: Connection refused\n");
}

static const struct test tests[] = {
	CASE("kvd", setup, teardown),
	LOOP(test_closed, 6),
	ONCE(test_all_requests),
	ONCE(test_text),
	ONCE(test_seconds),
	ONCE(test_fill),
	ONCE(test_open),
	ONCE(test_churn),
	ONCE(test_unix),
	ONCE(test_errors),
	ONCE(test_wrong_value),
	ONCE(test_wrong_protocol),
	ONCE(test_too_many),
	LOOP(test_interrupted, 2),
	ONCE(test_progress),
	CASE("alone", NULL, NULL),
	EACH(test_usage, bad_usage),
	ONCE(test_version),
	EACH(test_stub, stub_table),
	ONCE(test_coordinated_omission),
	ONCE(test_unsent),
	ONCE(test_no_host),
	ONCE(test_refused),
};

SUITE("kvbench", tests)
