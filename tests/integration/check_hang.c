/* check_hang: processes that are alive but do not answer the master. */

#include <sys/resource.h>

#include <signal.h>
#include <unistd.h>

#include "fixture.h"

/* This lets the registry hang for long. */
#define PATIENT "registry-timeout 60s"

static const char *const roles[] = { "registry", "acceptor" };

#define WATCHFUL "heartbeat-timeout 2s"
/* The master has found a hung process after this time. */
#define FOUND_MS 2500
#define PAUSE_MS 3000

static const char hangs[] = "has not answered for 2s: it hangs; aborting it";

/* A hung process ends when it gets SIGABRT. */
TEST(test_hung)
{
	static const char *const options[] = { WATCHFUL, PATIENT, NULL };
	struct server *s = server_start(options);
	int fd = connect_and_ping(s), late;
	pid_t pid = server_pid(s, roles[_i]);
	char line[LOG_LINE_SIZE];

	signal_process(pid, SIGSTOP);
	client_say(fd, "PING\n");
	late = client_connect(s);
	client_say(late, "PING\n");
	server_await_line(s, roles[_i], pid, line);
	expect_part(line, hangs);
	signal_process(pid, SIGCONT);
	process_await_end(pid);
	client_hear(fd, "OK\r\n");
	client_hear(late, "OK\r\n");
	ck_assert_int_ne(server_pid(s, roles[_i]), pid);
#ifdef HAVE_SIGABBREV_NP
	server_await_log(s, "died of SIGABRT", 1);
#endif
	(void)close(fd);
	(void)close(late);
	server_stop(s);
}

/* The checkpointer may take longer, and nobody notices that it hangs. */
TEST(test_hung_checkpointer)
{
	static const char *const options[] = { WATCHFUL, NULL };
	struct server *s = server_start(options);
	pid_t pid = server_pid(s, "checkpointer");
	int fd = connect_and_ping(s);
	char line[LOG_LINE_SIZE];

	signal_process(pid, SIGSTOP);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	server_await_line(s, "checkpointer", pid, line);
	expect_part(line, "has not answered for 8s: it hangs; aborting it");
	signal_process(pid, SIGCONT);
	process_await_end(pid);
	ck_assert_int_ne(server_pid(s, "checkpointer"), pid);
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/*
 * A process that ignores SIGABRT is killed; both are hung at once, to save
 * time.
 */
TEST(test_hung_killed)
{
	static const char *const options[] = { WATCHFUL, PATIENT, NULL };
	struct server *s = server_start(options);
	pid_t registry = server_pid(s, "registry");
	pid_t acceptor = server_pid(s, "acceptor");
	int fd = connect_and_ping(s), late;

	signal_process(registry, SIGSTOP);
	signal_process(acceptor, SIGSTOP);
	client_say(fd, "PING\n");
	late = client_connect(s);
	client_say(late, "PING\n");
	client_hear(fd, "OK\r\n");
	client_hear(late, "OK\r\n");
	ck_assert_uint_eq(server_log_count(s, hangs), 2);
	ck_assert_uint_eq(server_log_count(s, "in time; killing it"), 2);
	process_await_end(registry);
	process_await_end(acceptor);
	(void)close(fd);
	(void)close(late);
	server_stop(s);
}

#define FAMILY 4 /* master, registry, acceptor, worker */

static const int orders[][FAMILY] = {
	{ 0, 1, 2, 3 },
	{ 3, 2, 1, 0 },
	{ 1, 0, 3, 2 },
	{ 2, 3, 0, 1 },
};

struct family {
	struct server *server;
	int fd;
	pid_t pids[FAMILY];
};

static void
start_family(struct family *f, const char *heartbeat)
{
	const char *const options[] = { PATIENT, heartbeat, NULL };

	f->server = server_start(options);
	f->fd = connect_and_ping(f->server);
	f->pids[0] = f->server->pid;
	f->pids[1] = server_pid(f->server, "registry");
	f->pids[2] = server_pid(f->server, "acceptor");
	f->pids[3] = server_worker(f->server, f->fd);
}

static void
end_family(struct family *f)
{
	client_ask(f->fd, "PING\n", "OK\r\n");
	expect_new_client(f->server);
	ck_assert_int_eq(server_pid(f->server, "registry"), f->pids[1]);
	ck_assert_int_eq(server_pid(f->server, "acceptor"), f->pids[2]);
	ck_assert_uint_eq(server_log_count(f->server, "hangs"), 0);
	(void)close(f->fd);
	server_stop(f->server);
}

/*
 * The pause of the whole machine is imitated by stopping all processes; another
 * kvd has heartbeat-timeout 0.
 */
TEST(test_pause)
{
	struct family families[COUNT(orders)], careless;
	size_t i, j;

	start_family(&careless, "heartbeat-timeout 0");
	for (i = 0; i < COUNT(orders); i++)
		start_family(&families[i], WATCHFUL);
	for (i = 0; i < COUNT(orders); i++)
		for (j = 0; j < FAMILY; j++)
			signal_process(families[i].pids[orders[i][j]], SIGSTOP);
	signal_process(careless.pids[1], SIGSTOP);
	signal_process(careless.pids[2], SIGSTOP);
	pause_ms(PAUSE_MS);
	for (i = 0; i < COUNT(orders); i++)
		for (j = 0; j < FAMILY; j++)
			signal_process(families[i].pids[orders[i][j]], SIGCONT);
	pause_ms(FOUND_MS);
	signal_process(careless.pids[1], SIGCONT);
	signal_process(careless.pids[2], SIGCONT);
	for (i = 0; i < COUNT(orders); i++)
		end_family(&families[i]);
	end_family(&careless);
}

static void
setup(void)
{
	static const struct rlimit none = { 0, 0 };

	/* Core files of the aborted processes are not needed. */
	ck_assert_int_eq(setrlimit(RLIMIT_CORE, &none), 0);
}

static const struct test tests[] = {
	CASE("hangs", setup, NULL),
	EACH(test_hung, roles),
	ONCE(test_hung_checkpointer),
	ONCE(test_hung_killed),
	ONCE(test_pause),
};

SUITE("hang", tests)
