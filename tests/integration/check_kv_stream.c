/* check_kv_stream: kv import, export and watch with a real kvd. */

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "kv_run.h"

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

static const struct {
	const char *in;
	int status;
	const char *err;
} imports[] = {
	{ "", 0, "kv: 0 lines done, 0 failed\n" },
	{ "\n \n\r\n", 0, "kv: 0 lines done, 0 failed\n" },
	{ "CREATE c\nPUT c k v\nDELETE c k\n", 0,
	    "kv: 3 lines done, 0 failed\n" },
	{ "put b k v\nPUT b \"k\\n\" \"\"\r\n", 0,
	    "kv: 2 lines done, 0 failed\n" },
	{ "PUT b k v\nPUT b k hal", 4,
	    "kv: line 2: unterminated line\nkv: 1 lines done, 1 failed\n" },
	{ "PUT b k v\nGET b k\nPUT b k w\n", 4,
	    "kv: line 2: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: 2 lines done, 1 failed\n" },
	{ "QUIT\nSUBSCRIBE b\nBEGIN\nPUT b k\nPUT b k v EX\nPUT b k v PX 1\n",
	    4,
	    "kv: line 1: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 2: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 3: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 4: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 5: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 6: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: 0 lines done, 6 failed\n" },
	{ "\n\nPUT absent k v\n", 1,
	    "kv: line 3: no such bucket\nkv: 0 lines done, 1 failed\n" },
	{ "PUT b k v EX 5m\nADD b l v EX 500ms\nadd b m v ex 1d\n", 0,
	    "kv: 3 lines done, 0 failed\n" },
	{ "ADD b k v EX\nADD b k v IF 1\nDELETE b k IF v\n", 4,
	    "kv: line 1: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 2: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: line 3: not a CREATE, PUT, ADD or DELETE\n"
	    "kv: 0 lines done, 3 failed\n" },
	{ "PUT b \"k v\nPUT b \"\\q\" v\nPUT b k v\n", 4,
	    "kv: line 1: unbalanced quotes\nkv: line 2: bad escape\n"
	    "kv: 1 lines done, 2 failed\n" },
	{ "PUT b \"\" v\n", 4,
	    "kv: line 1: ERROR key empty\nkv: 0 lines done, 1 failed\n" },
};

TEST(test_import)
{
	kv_expect(KV("import"), imports[_i].in, imports[_i].status, "",
	    imports[_i].err);
	kv_expect(KV("ping"), NULL, 0, "", "");
}

/* One line in the middle is invalid: kv imports all others. */
TEST(test_import_many)
{
	const struct kv_result *r;

	r = kv_shell("seq 100000 | sed 's/.*/PUT b key& \"value &\"/; "
		     "50000s/\"$//' | \"$KV\" import");
	ck_assert_str_eq(r->err,
	    "kv: line 50000: unbalanced quotes\n"
	    "kv: 99999 lines done, 1 failed\n");
	ck_assert_int_eq(r->status, 4);
	kv_expect(KV("get", "b", "key1"), NULL, 0, "value 1", "");
	kv_expect(KV("get", "b", "key49999"), NULL, 0, "value 49999", "");
	kv_expect(KV("get", "b", "key50000"), NULL, 1, "", "");
	kv_expect(KV("get", "b", "key50001"), NULL, 0, "value 50001", "");
	kv_expect(KV("get", "b", "key100000"), NULL, 0, "value 100000", "");
}

/* All lines are invalid: kv counts the errors, but does not print each. */
TEST(test_import_all_bad)
{
	const struct kv_result *r;
	size_t lines = 0;
	const char *p;

	r = kv_shell("seq 10000 | sed 's/.*/PUT absent & 1/' | "
		     "\"$KV\" import");
	ck_assert_int_eq(r->status, 1);
	for (p = r->err; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 22);
	ck_assert_ptr_nonnull(strstr(r->err, "kv: line 20: no such bucket\n"));
	ck_assert_ptr_nonnull(
	    strstr(r->err, "kv: 0 lines done, 10000 failed\n"));
}

/* The requests and replies are larger than all buffers. */
TEST(test_import_large)
{
	const struct kv_result *r;

	r = kv_shell("x=$(head -c 300000 /dev/zero | tr '\\0' x); "
		     "for i in $(seq 100); do echo \"PUT b k$i $x\"; done | "
		     "\"$KV\" import");
	ck_assert_str_eq(r->err, "kv: 100 lines done, 0 failed\n");
	r = kv_shell("\"$KV\" get b k100 | wc -c");
	ck_assert_str_eq(r->out, "300000\n");
}

#ifndef KVD_INSTRUMENTED
/* However much is imported, the memory that kv uses is bounded. */
TEST(test_import_memory)
{
	const struct kv_result *r;

	r = kv_shell("ulimit -v 16384; seq 1000000 | "
		     "sed 's/.*/PUT b key 0123456789012345678901234567890&/' |"
		     "\"$KV\" import");
	ck_assert_str_eq(r->err, "kv: 1000000 lines done, 0 failed\n");
}
#endif

/* The registry dies during the import, and the user does not notice. */
TEST(test_import_registry_killed)
{
	struct kv_process p;
	struct kv_result r;
	char data[64];
	int i;

	kv_start(&p, KV("import"));
	for (i = 0; i < 20000; i++) {
		int n = snprintf(data, sizeof(data), "PUT b k%d %d\n", i, i);

		if (i == 10000)
			process_kill(server_pid(server, "registry"));
		ck_assert_int_eq(write(p.in, data, (size_t)n), n);
	}
	kv_finish_run(&p, "", 0, &r);
	ck_assert_str_eq(r.err, "kv: 20000 lines done, 0 failed\n");
	ck_assert_int_eq(r.status, 0);
	kv_result_clear(&r);
	kv_expect(KV("get", "b", "k19999"), NULL, 0, "19999", "");
}

/* The server ends during the import, and kv reports at which line. */
TEST(test_import_server_stopped)
{
	static const char line[] = "PUT b k v\n";
	struct kv_process p;
	struct kv_result r;

	kv_start(&p, KV("import"));
	ck_assert_int_eq(write(p.in, line, strlen(line)), strlen(line));
	while (kv_run("", 0, KV("exists", "b", "k"))->status != 0)
		pause_until(now_ms() + WAIT_MS, "the first line");
	kv_stop_server(server);
	kv_finish_run(&p, line, strlen(line), &r);
	ck_assert_int_eq(r.status, 3);
	ck_assert_ptr_nonnull(
	    strstr(r.err, "; it is not known what was done from line 2 on"));
	ck_assert_ptr_nonnull(strstr(r.err, "kv: 1 lines done, 0 failed\n"));
	kv_result_clear(&r);
	server_restart(server);
}

/* Any data stays the same when it is exported and imported again. */
TEST(test_round_trip)
{
	const struct kv_result *r;

	r = kv_shell("for i in $(seq 0 255); do "
		     "x=$(printf '\\\\x%02x' $i); "
		     "echo \"PUT b \\\"key $x\\\" \\\"$x$x\\\"\"; "
		     "[ $((i % 16)) -ne 0 ] || echo \"CREATE \\\"$x\\\"\"; "
		     "done | \"$KV\" import -q");
	ck_assert_str_eq(r->err, "");
	r = kv_shell("set -e; d=$(mktemp -d); trap 'rm -r $d' EXIT; "
		     "\"$KV\" put -e 1000000 b ttl 1; "
		     "\"$KV\" export -q >$d/1; "
		     "\"$KV\" buckets | while IFS= read -r b; do "
		     "\"$KV\" -w drop \"$b\"; done; "
		     "[ \"$(\"$KV\" buckets -j)\" = '[]' ]; "
		     "\"$KV\" import -q <$d/1; \"$KV\" export -q >$d/2; "
		     "sed 's/ EX .*/ EX/' $d/1 >$d/3; "
		     "sed 's/ EX .*/ EX/' $d/2 | cmp - $d/3; "
		     "grep -c . $d/1; grep -c ' EX ' $d/2");
	ck_assert_str_eq(r->err, "");
	ck_assert_str_eq(r->out, "274\n1\n");
}

/* Puts a value until kv watch prints it. */
static void
put_until_seen(struct kv_process *p, const char *value)
{
	struct pollfd pfd = { .fd = p->out, .events = POLLIN };
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char want[32], line[LINE_SIZE];

	do {
		pause_until(deadline_ms, "an event");
		kv_expect(KV("put", "b", "k", value), NULL, 0, "", "");
	} while (poll(&pfd, 1, 0) == 0);
	/*
	 * kv watch is told how many events to print, and the next event ends
	 * it.
	 */
	kv_expect(KV("delete", "b", "k"), NULL, 0, "", "");
	snprintf(want, sizeof(want), "k SET TO %s", value);
	do
		kv_read_line(p->out, line);
	while (strcmp(line, want) == 0);
	ck_assert_str_eq(line, "k DELETED");
}

/* Nothing is missed and nothing is repeated while processes die. */
TEST(test_watch)
{
	char value[16], want[32];
	struct kv_process p;
	struct kv_result r;
	int i;

	server_keep_port(server);
	kv_start(&p, KV("watch", "-P", "k", "b"));
	/* This waits until kv watch has subscribed. */
	put_until_seen(&p, "1");
	for (i = 100; i < 180; i++) {
		if (i % 20 == 0)
			process_kill(server_pid(server, "registry"));
		if (i == 130) {
			server_kill_all(server);
			server_restart(server);
		}
		/* This disconnects kv watch. */
		if (i == 150) {
			pid_t pid;

			while (
			    server_pids(server, "kvd: worker ", &pid, 1) != 1)
				pause_until(now_ms() + WAIT_MS, "the worker");
			process_kill(pid);
		}
		snprintf(value, sizeof(value), "%d", i);
		kv_expect(KV("put", "b", "k", value), NULL, 0, "", "");
		kv_expect(KV("put", "b", "other", value), NULL, 0, "", "");
	}
	for (i = 100; i < 180; i++) {
		snprintf(want, sizeof(want), "k SET TO %d", i);
		kv_expect_line(p.out, want);
	}
	kv_expect(KV("drop", "b"), NULL, 0, "", "");
	kv_expect_line(p.out, "DROPPED");
	kv_finish_run(&p, "", 0, &r);
	ck_assert_int_eq(r.status, 1);
	ck_assert_ptr_nonnull(strstr(r.err, "subscribed again"));
	ck_assert_ptr_null(strstr(r.err, "missed"));
	kv_result_clear(&r);
}

/* Reads lines up to this one; others are revisions, each larger than the one
 * before.  Returns the last one. */
static int64_t
expect_behind_revisions(struct kv_process *p, const char *want, int64_t last)
{
	char line[LINE_SIZE];
	int64_t revision;

	for (;;) {
		kv_read_line(p->out, line);
		if (strcmp(line, want) == 0)
			return last;
		ck_assert_int_eq(sscanf(line, "AT %" SCNd64, &revision), 1);
		ck_assert_int_gt(revision, last);
		last = revision;
	}
}

/* With -s, one kv watch goes on where another one has ended. */
TEST(test_watch_since)
{
	char at[LINE_SIZE];
	struct kv_process p;
	struct kv_result r;
	int64_t first, last;

	kv_start(&p, KV("watch", "-s", "0", "b"));
	kv_read_line(p.out, at);
	ck_assert_int_eq(sscanf(at, "AT %" SCNd64, &first), 1);
	signal_process(p.pid, SIGTERM);
	kv_finish_run(&p, "", 0, &r);
	kv_result_clear(&r);
	kv_expect(KV("put", "b", "k", "1"), NULL, 0, "", "");
	kv_expect(KV("raw"), "BEGIN\nPUT b l 2\nDELETE b k\nCOMMIT\n", 0,
	    "OK\nQUEUED\nQUEUED\nOK\nOK\nOK\n", "");
	kv_start(&p, KV("watch", "-s", at + 3, "b"));
	last = expect_behind_revisions(&p, "k SET TO 1", first);
	first = last;
	last = expect_behind_revisions(&p, "l SET TO 2", last);
	ck_assert_int_gt(last, first);
	kv_expect_line(p.out, "k DELETED");
	kv_expect(KV("drop", "b"), NULL, 0, "", "");
	first = last;
	last = expect_behind_revisions(&p, "DROPPED", last);
	ck_assert_int_gt(last, first);
	kv_finish_run(&p, "", 0, &r);
	ck_assert_str_eq(r.err, "");
	ck_assert_int_eq(r.status, 1);
	kv_result_clear(&r);
}

/* Are these the lines of n jobs, each once, in any order? */
static void
expect_jobs(const char *lines, int n)
{
	bool seen[1000] = { false };
	int a, b, size, i;

	for (i = 0; *lines != '\0'; i++, lines += size) {
		ck_assert_int_eq(sscanf(lines, "job%d %d%n", &a, &b, &size), 2);
		ck_assert(a == b && a > 0 && a <= n && !seen[a]);
		seen[a] = true;
		ck_assert_int_eq(lines[size++], '\n');
	}
	ck_assert_int_eq(i, n);
}

/* Many take from a queue while the registry is killed: each entry is taken
 * once. */
TEST(test_pop)
{
	struct kv_process p;
	struct kv_result r;
	int i;

	kv_expect(KV("import", "-q"), "PUT b zz kept\n", 0, "", "");
	kv_start_shell(&p,
	    "seq -w 300 | sed 's/.*/PUT b job& &/' | \"$KV\" import -q; "
	    "echo ready; for i in $(seq 20); do "
	    "while \"$KV\" pop -P job b; do :; done & done; wait");
	kv_expect_line(p.out, "ready");
	for (i = 0; i < 3; i++) {
		process_kill(server_pid(server, "registry"));
		pause_ms(20);
	}
	kv_finish_run(&p, "", 0, &r);
	ck_assert_str_eq(r.err, "");
	expect_jobs(r.out, 300);
	kv_result_clear(&r);
	kv_expect(KV("entries", "b"), NULL, 0, "zz kept\n", "");
}

/* The bar is of a terminal; the number is printed. */
TEST(test_clear)
{
	const struct kv_result *r;

	r = kv_shell("seq 5000 | sed 's/.*/PUT b a& 1/' | \"$KV\" import -q; "
		     "\"$KV\" put b b1 1; \"$KV\" clear -P a b; "
		     "\"$KV\" clear -j b; \"$KV\" count b");
	ck_assert_str_eq(r->err, "");
	ck_assert_str_eq(r->out, "5000\n1\n0\n");
}

static const struct test tests[] = {
	CASE("kv_stream", setup, teardown),
	EACH(test_import, imports),
	ONCE(test_import_many),
	ONCE(test_import_all_bad),
	ONCE(test_import_large),
#ifndef KVD_INSTRUMENTED
	ONCE(test_import_memory),
#endif
	ONCE(test_import_registry_killed),
	ONCE(test_import_server_stopped),
	ONCE(test_round_trip),
	ONCE(test_watch),
	ONCE(test_watch_since),
	ONCE(test_pop),
	ONCE(test_clear),
};

SUITE("kv_stream", tests)
