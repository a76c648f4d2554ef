/* check_kv_lock: kv lock with a real kvd, which is killed and stopped. */

#include <signal.h>
#include <unistd.h>

#include "kv_run.h"
#include "proc.h"

static struct server *server;

static void
setup(void)
{
	server = kv_start_server("b");
	server_keep_port(server);
}

static void
teardown(void)
{
	server_stop(server);
}

static void
expect_free(void)
{
	kv_expect(KV("exists", "b", "k"), NULL, 1, "", "");
}

static void
finish(struct kv_process *p, int status, struct kv_result *r)
{
	kv_finish_run(p, "", 0, r);
	ck_assert_msg(r->status == status, "status %d, not %d: \"%s\" \"%s\"",
	    r->status, status, r->out, r->err);
}

static void
finish_quietly(struct kv_process *p, int status)
{
	struct kv_result r;

	finish(p, status, &r);
	ck_assert_str_eq(r.err, "");
	kv_result_clear(&r);
}

/* Waits until standard error has a line with this text. */
static void
expect_error(struct kv_process *p, const char *text)
{
	char line[LINE_SIZE];

	do
		kv_read_line(p->err, line);
	while (strstr(line, text) == NULL);
}

/* Starts a command that prints a line, and waits for an input. */
static void
start_held(struct kv_process *p, const char *script, const char *time,
    const char *option)
{
	kv_start(p,
	    KV("lock", "-e", time, option, "b", "k", "sh", "-c", script));
	kv_expect_line(p->out, "held");
}

#define WAIT_FOR_INPUT "echo held; read x; exit 9"

static const struct {
	const char *args[8];
	int status;
	const char *out;
} statuses[] = {
	{ { "lock", "b", "k", "true" }, 0, "" },
	{ { "lock", "b", "k", "sh", "-c", "echo hi; exit 7" }, 7, "hi\n" },
	{ { "lock", "b", "k", "sh", "-c", "kill -9 $$" }, 128 + SIGKILL, "" },
	{ { "lock", "-w", "1d", "b", "k", "echo", "-x", "-" }, 0, "-x -\n" },
	{ { "-w", "lock", "b", "\"k\"", "echo", "\"x\"" }, 0, "\"x\"\n" },
	{ { "lock", "b", "k", "/nonexistent" }, 127, "" },
	{ { "lock", "b", "k", "/" }, 126, "" },
	/* The bucket is created. */
	{ { "lock", "new", "k", "true" }, 0, "" },
};

TEST(test_status)
{
	kv_expect(statuses[_i].args, NULL, statuses[_i].status,
	    statuses[_i].out,
	    statuses[_i].status == 126 || statuses[_i].status == 127 ? NULL :
								       "");
	expect_free();
}

/* While the command runs the value names who has the lock. */
TEST(test_token)
{
	char host[256] = "", want[300];
	const struct kv_result *r;
	const char *random;

	r = kv_shell("exec \"$KV\" lock -e 1h b k sh -c "
		     "'echo $PPID; exec \"$KV\" get b k'");
	ck_assert_int_eq(r->status, 0);
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(want, sizeof(want), "%.64s/%d/", host, atoi(r->out));
	random = strstr(r->out, want);
	ck_assert_msg(random != NULL, "%s", r->out);
	ck_assert_uint_eq(strspn(random + strlen(want), "0123456789abcdef"),
	    32);
	expect_free();
}

TEST(test_taken)
{
	int64_t start_ms;

	kv_expect(KV("put", "b", "k", "other"), NULL, 0, "", "");
	kv_expect(KV("lock", "b", "k", "echo", "no"), NULL, 1, "", "");
	kv_expect(KV("lock", "-w", "0", "b", "k", "echo", "no"), NULL, 1, "",
	    "");
	start_ms = now_ms();
	kv_expect(KV("lock", "-w", "300ms", "b", "k", "echo", "no"), NULL, 1,
	    "", "");
	ck_assert_int_ge(now_ms() - start_ms, 300);
	kv_expect(KV("get", "b", "k"), NULL, 0, "other", "");
}

/* A lock that somebody lets go of, that expires, or whose bucket is dropped is
 * noticed by who waits. */
TEST(test_wait)
{
	struct kv_process p;
	struct kv_result r;

	kv_expect(KV("put", "b", "k", "other"), NULL, 0, "", "");
	kv_expect(KV("put", "b", "kk", "other"), NULL, 0, "", "");
	kv_start(&p, KV("lock", "-w", "1d", "b", "k", "echo", "got"));
	/* It is waiting as soon as it has a worker, or a little later. */
	while (server_count(server, "kvd: worker ") < 1)
		pause_until(now_ms() + WAIT_MS, "the worker");
	switch (_i) {
	case 0:
		kv_expect(KV("delete", "b", "k"), NULL, 0, "", "");
		break;
	case 1:
		kv_expect(KV("expire", "b", "k", "10ms"), NULL, 0, "", "");
		break;
	case 2:
		kv_expect(KV("drop", "b"), NULL, 0, "", "");
		break;
	default:
		process_kill(server_pid(server, "registry"));
		kv_expect(KV("take", "b", "k"), NULL, 0, "other", "");
		break;
	}
	kv_expect_line(p.out, "got");
	finish(&p, 0, &r);
	/* The subscription ended with the bucket. */
	if (_i != 2)
		ck_assert_str_eq(r.err, "");
	kv_result_clear(&r);
}

/* kvd is killed and starts again while kv waits. */
TEST(test_wait_restart)
{
	struct kv_process p;
	struct kv_result r;

	kv_expect(KV("put", "b", "k", "other"), NULL, 0, "", "");
	kv_start(&p, KV("lock", "-w", "1d", "b", "k", "echo", "got"));
	while (server_count(server, "kvd: worker ") < 1)
		pause_until(now_ms() + WAIT_MS, "the worker");
	server_kill_all(server);
	server_restart(server);
	kv_expect(KV("delete", "b", "k"), NULL, 0, "", "");
	kv_expect_line(p.out, "got");
	finish(&p, 0, &r);
	kv_result_clear(&r);
	expect_free();
}

/* The lock lasts longer than its time: it is renewed, and each renewal is an
 * event. */
TEST(test_renewed)
{
	struct kv_process p, watch;
	struct kv_result r;
	char line[LINE_SIZE];
	int i;

	start_held(&p, WAIT_FOR_INPUT, "6", "-k");
	kv_start(&watch, KV("watch", "-P", "k", "b"));
	for (i = 0; i < 4; i++) {
		kv_read_line(watch.out, line);
		ck_assert(strncmp(line, "k SET TO ", 9) == 0);
		kv_expect(KV("lock", "b", "k", "echo", "no"), NULL, 1, "", "");
	}
	finish_quietly(&p, 9);
	kv_expect_line(watch.out, "k DELETED");
	process_kill(watch.pid);
	kv_finish_run(&watch, "", 0, &r);
	kv_result_clear(&r);
}

/* The holder is killed: its command ends, and its lock by itself. */
TEST(test_killed)
{
	struct kv_process p;
	struct kv_result r;
	char line[LINE_SIZE];
	struct proc proc;

	kv_start(&p,
	    KV("lock", "-e", "1", "b", "k", "sh", "-c",
		"echo $$; exec sleep 1000"));
	kv_read_line(p.out, line);
	signal_process(p.pid, SIGKILL);
	kv_expect(KV("lock", "-w", "1d", "b", "k", "echo", "got"), NULL, 0,
	    "got\n", "");
	while (proc_read(atoi(line), &proc) && !proc_is_dead(&proc))
		pause_until(now_ms() + WAIT_MS, "the end of the command");
	finish(&p, 128 + SIGKILL, &r);
	kv_result_clear(&r);
}

/* Somebody takes the lock away: kv says so at once, and does not take it back. */
TEST(test_lost)
{
	struct kv_process p;
	struct kv_result r;

	start_held(&p, WAIT_FOR_INPUT, "1d", "-w1d");
	if (_i == 0)
		kv_expect(KV("put", "b", "k", "other"), NULL, 0, "", "");
	else if (_i == 1)
		kv_expect(KV("delete", "b", "k"), NULL, 0, "", "");
	else
		kv_expect(KV("drop", "b"), NULL, 0, "", "");
	expect_error(&p, "kv: the lock is lost: ");
	finish(&p, 9, &r);
	ck_assert_str_eq(r.err, "");
	kv_result_clear(&r);
	if (_i == 0)
		kv_expect(KV("get", "b", "k"), NULL, 0, "other", "");
}

/* With -k the command ends, also one that ignores SIGTERM. */
TEST(test_lost_kill)
{
	struct kv_process p;
	struct kv_result r;

	start_held(&p,
	    _i == 0 ? "echo held; exec sleep 1000" :
		      "trap '' TERM; echo held; exec sleep 1000",
	    "1d", "-k");
	kv_expect(KV("delete", "b", "k"), NULL, 0, "", "");
	finish(&p, 3, &r);
	ck_assert_ptr_nonnull(strstr(r.err, "kv: the lock is lost: "));
	kv_result_clear(&r);
}

/* kvd stays away for longer than the lock lasts. */
TEST(test_server_gone)
{
	struct kv_process p;
	struct kv_result r;

	start_held(&p, "echo held; exec sleep 1000", "2", "-k");
	kv_stop_server(server);
	finish(&p, 3, &r);
	ck_assert_ptr_nonnull(strstr(r.err,
	    "kv: the lock is lost: it could not be renewed in time\n"));
	kv_result_clear(&r);
	server_restart(server);
}

/* kvd hangs: its processes are there, and do not answer. */
TEST(test_server_hangs)
{
	pid_t registry = server_pid(server, "registry");
	struct kv_process p;
	struct kv_result r;

	start_held(&p, "echo held; exec sleep 1000", "2", "-k");
	signal_process(registry, SIGSTOP);
	finish(&p, 3, &r);
	signal_process(registry, SIGCONT);
	ck_assert_ptr_nonnull(strstr(r.err, "kv: the lock is lost: "));
	kv_result_clear(&r);
}

/* kvd is away for less time than the lock lasts. */
TEST(test_server_restart)
{
	struct kv_process p;
	struct kv_result r;

	start_held(&p, WAIT_FOR_INPUT, "1d", "-k");
	server_kill_all(server);
	expect_error(&p, "kv: ");
	server_restart(server);
	kv_expect(KV("lock", "b", "k", "echo", "no"), NULL, 1, "", "");
	finish(&p, 9, &r);
	ck_assert_ptr_null(strstr(r.err, "lost"));
	kv_result_clear(&r);
	expect_free();
}

/* kvd is away when the command ends. */
TEST(test_release_late)
{
	struct kv_process p;
	struct kv_result r;

	start_held(&p, WAIT_FOR_INPUT, "1d", _i == 0 ? "-k" : "-t1");
	server_kill_all(server);
	ck_assert_int_eq(close(p.in), 0);
	p.in = -1;
	if (_i == 0)
		server_restart(server);
	finish(&p, 9, &r);
	ck_assert_int_eq(strstr(r.err, "kv: cannot let go of the lock") != NULL,
	    _i == 1);
	kv_result_clear(&r);
	if (_i == 0)
		expect_free();
	else
		server_restart(server);
}

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
	SIGUSR2 };

/* The command gets kv's signals. */
TEST(test_signals)
{
	struct kv_process p;

	(void)signal(signals[_i], SIG_DFL);
	start_held(&p,
	    "trap 'exit 42' HUP INT QUIT TERM USR1 USR2; echo held; "
	    "while :; do sleep 0.1; done",
	    "1d", "-k");
	signal_process(p.pid, signals[_i]);
	finish_quietly(&p, 42);
	expect_free();
	start_held(&p, "echo held; exec sleep 1000", "1d", "-k");
	signal_process(p.pid, signals[_i]);
	finish_quietly(&p, 128 + signals[_i]);
	expect_free();
}

/* kv that waits ends, and leaves nothing behind. */
TEST(test_signals_waiting)
{
	struct kv_process p;

	(void)signal(signals[_i], SIG_DFL);
	kv_expect(KV("put", "b", "k", "other"), NULL, 0, "", "");
	kv_start(&p, KV("lock", "-w", "1d", "b", "k", "echo", "got"));
	while (server_count(server, "kvd: worker ") < 1)
		pause_until(now_ms() + WAIT_MS, "the worker");
	signal_process(p.pid, signals[_i]);
	finish_quietly(&p, 128 + signals[_i]);
	kv_expect(KV("delete", "-i", "other", "b", "k"), NULL, 0, "", "");
	expect_free();
}

/* Signals that kv was started to ignore stay ignored. */
TEST(test_ignored)
{
	struct kv_process p;

	(void)signal(SIGHUP, SIG_IGN);
	start_held(&p, WAIT_FOR_INPUT, "1d", "-k");
	signal_process(p.pid, SIGHUP);
	finish_quietly(&p, 9);
}

/* The command has the descriptors that kv was started with, and no others. */
TEST(test_descriptors)
{
	const struct kv_result *r;

	r = kv_shell("a=$(ls /proc/self/fd | wc -l); "
		     "b=$(\"$KV\" lock b k ls /proc/self/fd | wc -l); "
		     "[ $a -eq $b ] || echo $a $b");
	ck_assert_str_eq(r->out, "");
	ck_assert_int_eq(r->status, 0);
}

/* Each of 50 adds to a file, one at a time, while the registry is killed. */
TEST(test_increments)
{
	struct kv_process p;
	struct kv_result r;
	char script[1024];
	int i;

	snprintf(script, sizeof(script),
	    "cd '%s' && echo 0 >n || exit; echo ready; for i in $(seq 50); do "
	    "\"$KV\" lock -w 1d b k sh -c '"
	    "mkdir one || echo two at a time; n=$(cat n); sleep 0.01; "
	    "echo $((n + 1)) >n; rmdir one' || echo $? & done; wait; "
	    "cat n; rm n",
	    server->dir);
	kv_start_shell(&p, script);
	kv_expect_line(p.out, "ready");
	for (i = 0; i < 5; i++) {
		process_kill(server_pid(server, "registry"));
		pause_ms(100);
	}
	finish(&p, 0, &r);
	ck_assert_str_eq(r.out, "50\n");
	ck_assert_ptr_null(strstr(r.err, "lost"));
	kv_result_clear(&r);
	expect_free();
}

static const struct test tests[] = {
	CASE("kv_lock", setup, teardown),
	EACH(test_status, statuses),
	ONCE(test_token),
	ONCE(test_taken),
	LOOP(test_wait, 4),
	ONCE(test_wait_restart),
	ONCE(test_renewed),
	ONCE(test_killed),
	LOOP(test_lost, 3),
	LOOP(test_lost_kill, 2),
	ONCE(test_server_gone),
	ONCE(test_server_hangs),
	ONCE(test_server_restart),
	LOOP(test_release_late, 2),
	EACH(test_signals, signals),
	EACH(test_signals_waiting, signals),
	ONCE(test_ignored),
	ONCE(test_descriptors),
	ONCE(test_increments),
};

SUITE("kv_lock", tests)
