/* check_kv_stream: kv import, export and watch with a real kvd. */

#include <poll.h>
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

TEST(test_watch)
{
	char line[LINE_SIZE];
	struct kv_process p;
	struct kv_result r;

	kv_start(&p, KV("watch", "b"));
	/* This waits until kv watch has subscribed. */
	put_until_seen(&p, "1");
	/*
	 * This waits until kv watch has subscribed again; of the lost events it
	 * prints only that some were missed.
	 */
	process_kill(server_pid(server, "registry"));
	put_until_seen(&p, "2");
	server_kill_all(server);
	server_keep_port(server);
	server_restart(server);
	do
		kv_read_line(p.err, line);
	while (strstr(line, "subscribed again") == NULL);
	kv_expect(KV("put", "b", "k", "3"), NULL, 0, "", "");
	kv_expect_line(p.out, "k SET TO 3");
	kv_expect(KV("drop", "b"), NULL, 0, "", "");
	kv_expect_line(p.out, "DROPPED");
	kv_finish_run(&p, "", 0, &r);
	ck_assert_int_eq(r.status, 1);
	kv_result_clear(&r);
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
};

SUITE("kv_stream", tests)
