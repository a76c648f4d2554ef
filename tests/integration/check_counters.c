/*
 * check_counters: these tests compare what kvd counts, and logs of connections,
 * with what clients really did.
 */

#include <sys/socket.h>
#include <sys/stat.h>

#include <signal.h>
#include <unistd.h>

#include "common/clock.h"
#include "counters.h"
#include "crowd.h"
#include "fixture.h"

#define OK "OK\r\n"

static struct server *server;
static struct scoreboard *board;

static void
start(const char *const options[])
{
	server = server_start(options);
	board = counters_open(server);
}

static void
setup(void)
{
	start(NULL);
}

static void
stop(void)
{
	scoreboard_close(board);
	server_stop(server);
}

static void
teardown(void)
{
	counters_expect_balance(board);
	stop();
}

static uint64_t
closed(enum close_reason reason)
{
	return counters_get(board, COUNTER_CLOSED + reason, 1);
}

/* Commands */

/* Each of these is one read of the worker. */
TEST(test_commands)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE b\n", OK);
	client_ask(fd, "PUT b k v\n", OK);
	client_ask(fd, "PUT b k v EX 1000\n", OK);
	client_ask(fd, "GET b k\nGET b k\nGET b k\n",
	    "v\r\nOK\r\nv\r\nOK\r\nv\r\nOK\r\n");
	client_ask(fd, "INCR b k\n", "ERROR value not a number\r\n");
	client_ask(fd, "GET none k\n", "NOT FOUND\r\n");
	client_ask(fd, "FROB\nGET\n", "UNKNOWN COMMAND\r\nUNKNOWN COMMAND\r\n");
	client_ask(fd, "COMMIT\n", "ERROR no transaction\r\n");
	client_ask(fd, "GET \"\n\n \n", "ERROR unbalanced quotes\r\n");
	client_ask(fd, "PUT b \"\" v\n", "ERROR key empty\r\n");
	client_ask(fd, "BEGIN\nINCR b k\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nERROR value not a number\r\n");
	client_ask(fd, "KEYS b\n", "k\r\nOK\r\n");
	client_ask(fd, "KEYS none\n", "NOT FOUND\r\n");
	client_ask(fd, "KEYS b LIMIT x\n", "ERROR not a number\r\n");
	client_ask(fd, "ECHO x\n", "x\r\nOK\r\n");
	/* A reply is written before it is counted. */
	client_ask(fd, "QUIT\n", OK);
	client_expect_end(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_QUIT, 1);
	ck_assert_uint_eq(counters_calls(board, "CREATE"), 1);
	ck_assert_uint_eq(counters_calls(board, "PUT"), 3);
	ck_assert_uint_eq(counters_errors(board, "PUT"), 1);
	ck_assert_uint_eq(counters_calls(board, "GET"), 4);
	ck_assert_uint_eq(counters_errors(board, "GET"), 0);
	ck_assert_uint_eq(counters_calls(board, "INCR"), 2);
	ck_assert_uint_eq(counters_errors(board, "INCR"), 1);
	ck_assert_uint_eq(counters_calls(board, "other"), 3);
	ck_assert_uint_eq(counters_errors(board, "other"), 3);
	ck_assert_uint_eq(counters_calls(board, "BEGIN"), 1);
	ck_assert_uint_eq(counters_calls(board, "COMMIT"), 2);
	ck_assert_uint_eq(counters_errors(board, "COMMIT"), 2);
	ck_assert_uint_eq(counters_calls(board, "KEYS"), 3);
	ck_assert_uint_eq(counters_errors(board, "KEYS"), 1);
	ck_assert_uint_eq(counters_calls(board, "ECHO"), 1);
	ck_assert_uint_eq(counters_calls(board, "QUIT"), 1);
	ck_assert_uint_eq(counters_calls(board, "DELETE"), 0);
}

TEST(test_bytes)
{
	static const char request[] = "ECHO 12345\n",
			  reply[] = "12345\r\nOK\r\n";
	int fd = client_connect(server), other = client_connect(server), i;

	for (i = 0; i < 10; i++)
		client_ask(fd, request, reply);
	client_ask(other, "PING\n", OK);
	(void)close(fd);
	(void)close(other);
	counters_await(board, COUNTER_CLOSED + CLOSE_END, 2);
	ck_assert_uint_eq(counters_get(board, COUNTER_RECEIVED, 1),
	    10 * strlen(request) + 5);
	ck_assert_uint_eq(counters_get(board, COUNTER_SENT, 1),
	    10 * strlen(reply) + 4);
}

/* A command that has to wait for the registry takes as long as that. */
TEST(test_times)
{
	size_t put =
	    COUNTER_COMMAND_TIME + counters_command("PUT") * COUNTERS_HISTOGRAM;
	pid_t registry = server_pid(server, "registry");
	int fd = client_connect(server);
	int64_t begin_ms, waited_ms;

	client_ask(fd, "CREATE b\n", OK);
	signal_process(registry, SIGSTOP);
	client_say(fd, "PUT b k v\n");
	counters_await(board, COUNTER_RECEIVED, 19);
	begin_ms = now_ms();
	pause_ms(200);
	/* It may be some time until what was received is executed. */
	waited_ms = (now_ms() - begin_ms) / 2;
	signal_process(registry, SIGCONT);
	client_hear(fd, OK);
	client_ask(fd, "PING\n", OK);
	ck_assert_uint_eq(counters_calls(board, "PUT"), 1);
	ck_assert_uint_ge(counters_get(board, put + COUNTERS_BUCKETS, 1),
	    (uint64_t)waited_ms * 1000);
	ck_assert_uint_eq(counters_get(board, put, 12), 0);
	(void)close(fd);
}

TEST(test_registry)
{
	int fd = client_connect(server);
	uint64_t commits;

	client_ask(fd, "CREATE b\n", OK);
	commits = counters_get(board, COUNTER_COMMITS, 1);
	client_ask(fd, "PUT b k v\n", OK);
	client_ask(fd, "PUT b k w\n", OK);
	ck_assert_uint_eq(counters_get(board, COUNTER_COMMITS, 1), commits + 2);
	ck_assert_uint_eq(
	    counters_get(board, COUNTER_COMMIT_TIME, COUNTERS_BUCKETS),
	    commits + 2);
	ck_assert_uint_gt(counters_get(board, COUNTER_COMMIT_BYTES, 1), 0);
	counters_await(board, COUNTER_KEYS, 1);
	client_ask(fd, "PUT b short v EX 1\n", OK);
	counters_await(board, COUNTER_EXPIRED, 1);
	ck_assert_int_eq(client_stat(fd, "expired"), 1);
	(void)close(fd);
}

/* What the first registry has counted is not lost. */
TEST(test_registry_restart)
{
	int fd = client_connect(server);
	uint64_t requests;

	client_ask(fd, "CREATE b\nPUT b k v\n", OK OK);
	requests = counters_get(board, COUNTER_REQUESTS, 1);
	ck_assert_uint_ge(requests, 2);
	process_kill(server_pid(server, "registry"));
	client_ask(fd, "PING\n", OK);
	ck_assert_uint_gt(counters_get(board, COUNTER_REQUESTS, 1), requests);
	ck_assert_int_gt(client_stat(fd, "requests"), (long)requests);
	counters_await(board, COUNTER_RESTARTS + COUNTED_REGISTRY, 1);
	(void)close(fd);
}

TEST(test_subscribers)
{
	int fd = client_connect(server), other = client_connect(server);

	client_ask(fd, "CREATE b\nSUBSCRIBE b\nPING\n", OK OK);
	counters_await(board, COUNTER_SUBSCRIBERS, 1);
	client_ask(other, "PUT b k v\n", OK);
	client_hear(fd, "k SET TO v\r\n");
	ck_assert_uint_eq(counters_get(board, COUNTER_EVENTS, 1), 1);
	ck_assert_int_eq(client_stat(other, "events"), 1);
	ck_assert_int_eq(client_stat(other, "subscribers"), 1);
	(void)close(fd);
	(void)close(other);
}

/* Connections */

TEST(test_current)
{
	int fd = connect_and_ping(server), other = connect_and_ping(server);

	counters_await(board, COUNTER_CURRENT, 2);
	ck_assert_uint_eq(counters_expect_balance(board), 2);
	(void)close(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_END, 1);
	ck_assert_uint_eq(counters_get(board, COUNTER_CURRENT, 1), 1);
	ck_assert_uint_eq(counters_expect_balance(board), 2);
	(void)close(other);
}

TEST(test_foreign)
{
	int fd = client_connect(server);

	client_say(fd, "GET / HTTP/1.1\r\n\r\n");
	client_expect_gone(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_FOREIGN, 1);
}

TEST(test_dismissed)
{
	int fd = connect_and_ping(server);

	signal_process(server_worker(server, fd), SIGTERM);
	client_hear(fd, "ERROR disconnected\r\n");
	client_expect_end(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_DISMISSED, 1);
}

TEST(test_reset)
{
	static const struct linger none = { 1, 0 };
	int fd = connect_and_ping(server);

	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	(void)close(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_BROKEN, 1);
}

TEST(test_died)
{
	int fd = connect_and_ping(server);

	counters_await_calls(board, "PING", 1);
	process_kill(server_worker(server, fd));
	client_expect_gone(fd);
	counters_await(board, COUNTER_CLOSED + CLOSE_DIED, 1);
	/* What the dead worker had done is counted. */
	ck_assert_uint_eq(counters_calls(board, "PING"), 1);
	ck_assert_uint_eq(counters_get(board, COUNTER_RECEIVED, 1), 5);
}

TEST(test_timeouts)
{
	static const char *const options[] = { "idle-timeout 100ms",
		"first-command-timeout 100ms", "max-clients 2", NULL };
	int fds[3];

	stop();
	start(options);
	fds[0] = client_connect(server);
	client_hear(fds[0], "ERROR idle timeout\r\n");
	client_expect_end(fds[0]);
	counters_await(board, COUNTER_CLOSED + CLOSE_FIRST_COMMAND, 1);
	fds[0] = connect_and_ping(server);
	client_hear(fds[0], "ERROR idle timeout\r\n");
	client_expect_end(fds[0]);
	counters_await(board, COUNTER_CLOSED + CLOSE_IDLE, 1);
}

TEST(test_refused)
{
	static const char *const options[] = { "max-clients 2",
		"max-clients-per-source 1", NULL };
	int fd, other;

	stop();
	start(options);
	fd = connect_and_ping(server);
	other = client_connect(server);
	client_hear(other, "ERROR too many clients from your address\r\n");
	client_expect_end(other);
	other = client_connect_from(server, "127.0.0.2");
	client_ask(other, "PING\n", OK);
	client_hear(client_connect_from(server, "127.0.0.3"),
	    "ERROR too many clients\r\n");
	counters_await(board, COUNTER_REFUSED + REFUSE_MAX_CLIENTS, 1);
	ck_assert_uint_eq(counters_get(board,
			      COUNTER_REFUSED + REFUSE_MAX_CLIENTS_PER_SOURCE,
			      1),
	    1);
	ck_assert_uint_eq(counters_expect_balance(board), 2);
	ck_assert_int_eq(client_stat(fd, "refused-clients"), 2);
	(void)close(fd);
	(void)close(other);
}

/* The acceptor dies, and the master reaps the workers. */
TEST(test_adopted)
{
	int fd = connect_and_ping(server), other = connect_and_ping(server);

	process_kill(server_pid(server, "acceptor"));
	expect_new_client(server);
	counters_await(board, COUNTER_RESTARTS + COUNTED_ACCEPTOR, 1);
	client_ask(fd, "PING\n", OK);
	counters_await_calls(board, "PING", 4);
	(void)close(fd);
	process_kill(server_worker(server, other));
	client_expect_gone(other);
	counters_await(board, COUNTER_CLOSED + CLOSE_DIED, 1);
	counters_await(board, COUNTER_CLOSED + CLOSE_END, 2);
	ck_assert_uint_eq(counters_calls(board, "PING"), 4);
	ck_assert_uint_eq(counters_expect_balance(board), 3);
}

#define CHAOS_KILLS 60
#define CHAOS_STEP_MS 20
#define CHAOS_CLIENTS 20

static void
kill_one(const char *title)
{
	pid_t pids[2 * CHAOS_CLIENTS];
	size_t n = server_pids(server, title, pids, COUNT(pids));

	if (n > 0)
		(void)kill(pids[(size_t)random() % n], SIGKILL);
}

/*
 * Workers and acceptors are killed while clients come and go: at each moment
 * the numbers add up, and no number ever gets smaller.
 */
TEST(test_chaos)
{
	static const char *const options[] = { "restart-limit 1000 in 1s",
		NULL };
	uint64_t accepted = 0, now, received = 0;
	struct crowd *crowd;
	int64_t deadline_ms;
	int i;

	stop();
	start(options);
	crowd = crowd_start(server, CROWD_MORTAL, 2, CHAOS_CLIENTS / 2);
	crowd_await(crowd, 1);
	for (i = 0; i < CHAOS_KILLS; i++) {
		kill_one(i % 4 == 0 ? "kvd: acceptor" : "kvd: worker");
		pause_ms(CHAOS_STEP_MS);
		now = counters_expect_balance(board);
		ck_assert_uint_ge(now, accepted);
		accepted = now;
		now = counters_get(board, COUNTER_RECEIVED, 1);
		ck_assert_uint_ge(now, received);
		received = now;
	}
	crowd_await(crowd, 2);
	crowd_end(crowd);
	deadline_ms = now_ms() + WAIT_MS;
	while (counters_get(board, COUNTER_CURRENT, 1) > 0)
		pause_until(deadline_ms, "the end of all workers");
	ck_assert_uint_gt(closed(CLOSE_DIED), CHAOS_KILLS / 4);
	/* Each connection that the crowd made again was cut before. */
	ck_assert_uint_ge(counters_expect_balance(board),
	    CHAOS_CLIENTS + closed(CLOSE_DIED) / 2);
	ck_assert_uint_gt(
	    counters_get(board, COUNTER_RESTARTS + COUNTED_ACCEPTOR, 1), 0);
}

/* Clients, as kvctl shows them */

static void
get_client(struct scoreboard_client *c)
{
	ck_assert_uint_ne(scoreboard_next_client(board, SCOREBOARD_NONE, c),
	    SCOREBOARD_NONE);
}

TEST(test_client)
{
	int fd = client_connect(server);
	struct scoreboard_client c;
	char peer[32];

	client_ask(fd, "CREATE b\nPUT b k v\n", OK OK);
	client_ask(fd, "SUBSCRIBE b\nPING\n", OK);
	client_ask(fd, "BEGIN\n", OK);
	client_ask(fd, "GET b k\n", "QUEUED\r\n");
	client_ask(fd, "GET b k\n", "QUEUED\r\n");
	client_say(fd, "FROB\n");
	client_hear(fd, "UNKNOWN COMMAND\r\n");
	get_client(&c);
	snprintf(peer, sizeof(peer), "127.0.0.1:%d", client_port(fd));
	ck_assert_str_eq(c.peer, peer);
	ck_assert_int_eq(c.pid, server_worker(server, fd));
	ck_assert_uint_eq(c.id, 1);
	ck_assert(c.active);
	ck_assert(!c.is_unix);
	ck_assert_uint_eq(c.subscriptions, 1);
	ck_assert(c.in_transaction);
	ck_assert_uint_eq(c.queued_requests, 2);
	ck_assert_uint_ge(c.commands, 6);
	ck_assert_uint_eq(c.received, 63);
	ck_assert_int_eq(c.listing_ms, 0);
	ck_assert_int_le(c.started_ms, c.active_ms);
	ck_assert_int_le(c.active_ms, now_ms());
	(void)close(fd);
}

TEST(test_client_busy)
{
	pid_t registry = server_pid(server, "registry");
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int fd = client_connect(server);
	struct scoreboard_client c;

	client_ask(fd, "CREATE b\n", OK);
	signal_process(registry, SIGSTOP);
	client_say(fd, "KEYS b\n");
	for (;;) {
		get_client(&c);
		if (c.listing_ms != 0 && strcmp(c.command, "KEYS") == 0)
			break;
		pause_until(deadline_ms, "a listing");
	}
	signal_process(registry, SIGCONT);
	client_hear(fd, OK);
	(void)close(fd);
}

/* Titles */

static void
await_title_of(pid_t pid, const char *want)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char title[256];

	while (!process_title(pid, title, sizeof(title)) ||
	    strcmp(title, want) != 0)
		pause_until(deadline_ms, want);
	process_expect_title(pid, want);
}

static void
await_title(int fd, const char *state)
{
	char want[64];

	snprintf(want, sizeof(want), "kvd: worker 127.0.0.1:%d %s",
	    client_port(fd), state);
	await_title_of(server_worker(server, fd), want);
}

TEST(test_titles)
{
	pid_t registry = server_pid(server, "registry");
	int fd = client_connect(server);

	client_ask(fd, "CREATE b\n", OK);
	await_title(fd, "idle");
	client_ask(fd, "BEGIN\n", OK);
	await_title(fd, "transaction");
	client_ask(fd, "ABORT\n", OK);
	await_title(fd, "idle");
	client_ask(fd, "SUBSCRIBE b\nPING\n", OK);
	await_title(fd, "subscribed");
	client_ask(fd, "UNSUBSCRIBE b\n", OK);
	await_title(fd, "idle");
	signal_process(registry, SIGSTOP);
	client_say(fd, "PING\n");
	await_title(fd, "waiting");
	signal_process(registry, SIGCONT);
	client_hear(fd, OK);
	await_title(fd, "idle");
	(void)close(fd);
}

/* A title says what is not as usual. */
TEST(test_other_titles)
{
	pid_t registry = server_pid(server, "registry");
	int fd = connect_and_ping(server);

	await_title_of(server->pid, "kvd: master");
	await_title_of(registry, "kvd: registry");
	signal_process(registry, SIGKILL);
	client_ask(fd, "PING\n", OK);
	await_title_of(server->pid, "kvd: master");
	await_title_of(server_pid(server, "registry"), "kvd: registry");
	(void)close(fd);
}

/* The log */

TEST(test_log_connections)
{
	static const char *const options[] = { "log connections yes", NULL };
	char want[128], seconds[32];
	const char *line;
	int fd, n = 0;

	stop();
	start(options);
	fd = client_connect(server);
	client_ask(fd, "PING\nPING\n", OK OK);
	snprintf(want, sizeof(want),
	    "acceptor: connection 1 (127.0.0.1:%d) opened; worker %ld\n",
	    client_port(fd), (long)server_worker(server, fd));
	server_await_log(server, want, 1);
	client_ask(fd, "QUIT\n", OK);
	snprintf(want, sizeof(want),
	    "acceptor: connection 1 (127.0.0.1:%d) closed, quit; ",
	    client_port(fd));
	server_await_log(server, want, 1);
	line = strstr(server_log(server), want) + strlen(want);
	ck_assert_int_eq(sscanf(line, "%31[0-9.]%n", seconds, &n), 1);
	expect_part(line + n, "s, 3 commands, 15 bytes received, 12 sent\n");
	ck_assert_int_eq(strncmp(line + n, "s, 3 commands", 13), 0);
	client_expect_end(fd);
	fd = connect_and_ping(server);
	process_kill(server_pid(server, "acceptor"));
	(void)close(fd);
	snprintf(want, sizeof(want), "master: connection 2 (127.0.0.1:");
	server_await_log(server, want, 1);
	server_await_log(server, ") closed, end; ", 1);
}

TEST(test_slow_command)
{
	static const char *const options[] = { "slow-command 100ms", NULL };
	pid_t registry;
	int fd;

	stop();
	start(options);
	registry = server_pid(server, "registry");
	fd = client_connect(server);
	client_ask(fd, "CREATE b\n", OK);
	signal_process(registry, SIGSTOP);
	client_say(fd, "PUT b \"a\\x1b k\" secret\n");
	pause_ms(200);
	signal_process(registry, SIGCONT);
	client_hear(fd, OK);
	server_await_log(server, "worker: connection 1: slow command, 0.", 1);
	expect_part(server_log(server), "s: PUT b \"a\\x1b k\"\n");
	ck_assert_uint_eq(server_log_count(server, "secret"), 0);
	(void)close(fd);
}

/* What systemd does: the variable names standard error. */
static void
name_journal(const struct server *s)
{
	char value[64];
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == -1)
		_exit(126);
	snprintf(value, sizeof(value), "%llu:%llu",
	    (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + (s->how == 1));
	(void)setenv("JOURNAL_STREAM", value, 1);
}

/* With the variable, or with one for another file. */
TEST(test_journal)
{
	bool is_journal = _i == 0;
	char want[128];
	pid_t worker;
	int fd;

	stop();
	server = server_new();
	/* Otherwise a build with sanitizers has a warning, and so has root. */
	server_option(server, "sandbox no");
	if (geteuid() == 0) {
		server_option(server, "user root");
		server_option(server, "registry-user root");
	}
	server->before_exec = name_journal;
	server->how = _i;
	server_run(server);
	board = counters_open(server);
	snprintf(want, sizeof(want), "kvd[%ld]: ", (long)server->pid);
	ck_assert_uint_eq(server_log_count(server,
			      is_journal ?
				  "<6>master: Accepting connections on " :
				  "master: Accepting connections on "),
	    1);
	ck_assert_uint_eq(server_log_count(server, want), !is_journal);
	fd = connect_and_ping(server);
	worker = server_worker(server, fd);
	process_kill(worker);
	snprintf(want, sizeof(want), "%sacceptor: worker (pid %ld, ",
	    is_journal ? "<4>" : "]: ", (long)worker);
	server_await_log(server, want, 1);
	client_expect_gone(fd);
}

static const struct test tests[] = {
	CASE("commands", setup, teardown),
	ONCE(test_commands),
	ONCE(test_bytes),
	ONCE(test_times),
	ONCE(test_registry),
	ONCE(test_registry_restart),
	ONCE(test_subscribers),
	CASE("connections", setup, teardown),
	ONCE(test_current),
	ONCE(test_foreign),
	ONCE(test_dismissed),
	ONCE(test_reset),
	ONCE(test_died),
	ONCE(test_timeouts),
	ONCE(test_refused),
	ONCE(test_adopted),
	ONCE(test_chaos),
	CASE("clients", setup, teardown),
	ONCE(test_client),
	ONCE(test_client_busy),
	ONCE(test_titles),
	ONCE(test_other_titles),
	CASE("log", setup, teardown),
	ONCE(test_log_connections),
	ONCE(test_slow_command),
	LOOP(test_journal, 2),
};

SUITE("counters", tests)
