/*
 * check_supervision: processes die, hang and are restarted, and kvd reports it.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

/* This avoids delays of restarts, which are not tested here. */
#define UNTHROTTLED "restart-limit 1000 in 1s"
/* This lets a registry hang, or die again and again, for long. */
#define PATIENT "registry-timeout 60s"

static const char farewell[] = "ERROR shutting down\r\n";

/* Ends a test in which kvd ends by itself. */
static void
expect_end(struct server *s, int64_t ms, int exit_status)
{
	int status = server_await_end(s, ms);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == exit_status,
	    "kvd ended with wait status %#x", (unsigned int)status);
	server_expect_clean(s);
	server_free(s);
}

/*
 * This shows that a process has executed itself again: its address space
 * differs.
 */
struct image {
	char auxv[1024];
	ssize_t size;
};

static void
read_image(pid_t pid, struct image *image)
{
	char path[64];
	int fd;

	memset(image, 0, sizeof(*image));
	snprintf(path, sizeof(path), "/proc/%ld/auxv", (long)pid);
	ck_assert_int_ne(fd = open(path, O_RDONLY | O_CLOEXEC), -1);
	image->size = read(fd, image->auxv, sizeof(image->auxv));
	(void)close(fd);
}

/*
 * Returns whether the image differs from the earlier one.  While the process
 * executes itself, there is none.
 */
static bool
image_changes(pid_t pid, struct image *before)
{
	struct image now;

	read_image(pid, &now);
	if (now.size <= 0 ||
	    memcmp(now.auxv, before->auxv, sizeof(now.auxv)) == 0)
		return false;
	*before = now;
	return true;
}

/* Without randomized addresses the test cannot see a new image. */
static bool
images_differ(void)
{
	struct image ours, other;
	pid_t pid = test_fork();

	if (pid == 0) {
		(void)execlp("sleep", "sleep", "60", NULL);
		_exit(127);
	}
	pause_ms(100);
	read_image(pid, &other);
	signal_process(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	if ((pid = test_fork()) == 0) {
		(void)execlp("sleep", "sleep", "60", NULL);
		_exit(127);
	}
	pause_ms(100);
	read_image(pid, &ours);
	signal_process(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	if (memcmp(&ours, &other, sizeof(ours)) != 0)
		return true;
	printf("addresses are not random: no telling who executes itself\n");
	return false;
}

static void
await_new_image(pid_t pid, struct image *before)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (!image_changes(pid, before))
		pause_until(deadline_ms, "it does not execute itself anew");
}

/* A worker dies by a signal */

static size_t
count_fds(pid_t pid)
{
	char path[64];
	size_t n = 0;
	int fd;

	for (fd = 0; fd < 32; fd++) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
		n += access(path, F_OK) == 0;
	}
	return n;
}

/*
 * Waits until the worker connects to the registry for its first command that
 * needs it.
 */
static void
await_link(pid_t worker, size_t before)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (count_fds(worker) <= before)
		pause_until(deadline_ms, "the worker does not connect");
}

/* Checks that the line has all its numbers, and that they are plausible. */
static void
expect_use(const char *line)
{
	const char *p = strstr(line, "; ran ");
	double ran, used;
	long memory;

	ck_assert_msg(p != NULL, "%s", line);
	ck_assert_msg(sscanf(p,
			  "; ran %lfs, used %lfs of processor time and %ld KiB "
			  "of memory; ",
			  &ran, &used, &memory) == 3,
	    "%s", line);
	ck_assert(ran < 600 && used < 600 && memory > 100);
}

/* Kills the worker of `fd`, whose connection then ends. */
static void
crash_worker(const struct server *s, int fd)
{
	signal_process(server_worker(s, fd), SIGSEGV);
	client_expect_gone(fd);
}

TEST(test_worker_crash)
{
	static const char *const options[] = { PATIENT, NULL };
	struct server *s = server_start(options);
	pid_t registry = server_pid(s, "registry"), worker;
	pid_t acceptor = server_pid(s, "acceptor");
	int other = connect_and_ping(s), idle = client_connect(s);
	int fd = client_connect(s), port = client_port(fd);
	char line[LOG_LINE_SIZE], client[64];
	size_t fds;

	client_ask(idle, "ECHO a\n", "a\r\nOK\r\n");
	worker = server_worker(s, fd);
	fds = count_fds(worker);
	signal_process(registry, SIGSTOP);
	client_say(fd, "GET b k\n");
	await_link(worker, fds);
	signal_process(worker, SIGSEGV);
	client_expect_gone(fd);
	server_await_line(s, "worker", worker, line);
	snprintf(client, sizeof(client), ", client 127.0.0.1:%d) died of ",
	    port);
	expect_part(line, client);
#ifdef HAVE_SIGABBREV_NP
	expect_part(line, "SIGSEGV");
#endif
	expect_part(line, " during GET; ");
	expect_use(line);
	expect_part(line, "; its client is disconnected, no other is");
	/* The worker is idle, between two commands. */
	worker = server_worker(s, idle);
	port = client_port(idle);
	signal_process(worker, SIGABRT);
	client_expect_gone(idle);
	server_await_line(s, "worker", worker, line);
	expect_part(line, " while idle; ");
	snprintf(client, sizeof(client), ", client 127.0.0.1:%d) ", port);
	expect_part(line, client);
	signal_process(registry, SIGCONT);
	client_ask(other, "PING\n", "OK\r\n");
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	(void)close(other);
	server_stop(s);
}

/* The acceptor executes itself again, and keeps all that it has. */
TEST(test_renewal)
{
	static const char *const options[] = { "max-clients 3", NULL };
	struct server *s = server_start(options);
	pid_t acceptor = server_pid(s, "acceptor");
	int one = connect_and_ping(s), two = connect_and_ping(s), fd, i;
	pid_t worker = server_worker(s, one);
	struct image image;

	if (!images_differ()) {
		server_stop(s);
		return;
	}
	read_image(acceptor, &image);
	for (i = 0; i < 2; i++) {
		crash_worker(s, connect_and_ping(s));
		await_new_image(acceptor, &image);
		ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
		ck_assert_int_eq(process_parent(worker), acceptor);
		client_ask(one, "PING\n", "OK\r\n");
		client_ask(two, "PING\n", "OK\r\n");
	}
	/* The counts are kept, and the clients that leave are still noticed. */
	fd = connect_and_ping(s);
	client_hear(client_connect(s), "ERROR too many clients\r\n");
	(void)close(one);
	process_await_end(worker);
	pause_ms(50);
	one = connect_and_ping(s);
	client_hear(client_connect(s), "ERROR too many clients\r\n");
	(void)close(one);
	(void)close(two);
	(void)close(fd);
	server_stop(s);
}

#define STORM 100

/* After many crashes, the acceptor executes itself at most once a second. */
TEST(test_crash_storm)
{
	struct server *s = server_start(NULL);
	pid_t acceptor = server_pid(s, "acceptor");
	int steady = connect_and_ping(s), i, images = 0;
	int64_t start_ms = now_ms();
	struct image image;

	read_image(acceptor, &image);
	for (i = 0; i < STORM; i++) {
		crash_worker(s, connect_and_ping(s));
		images += image_changes(acceptor, &image);
	}
	ck_assert_int_le(images, (now_ms() - start_ms) / 1000 + 1);
	client_ask(steady, "PING\n", "OK\r\n");
	expect_new_client(s);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	server_await_log(s, "its client is disconnected", STORM);
	(void)close(steady);
	server_stop(s);
}

/* A worker crashes while kvd stops: the acceptor goes on stopping. */
TEST(test_crash_while_stopping)
{
	static const char *const options[] = { PATIENT, "shutdown-timeout 25s",
		NULL };
	struct server *s = server_start(options);
	pid_t registry = server_pid(s, "registry"), worker, waiting;
	int fd = client_connect(s), other = client_connect(s);
	size_t fds;

	/* Enough time has passed for the acceptor to execute itself at once. */
	pause_ms(1000);
	worker = server_worker(s, other);
	waiting = server_worker(s, fd);
	fds = count_fds(worker);
	signal_process(registry, SIGSTOP);
	client_say(fd, "GET b k\n");
	client_say(other, "GET b k\n");
	await_link(worker, fds);
	await_link(waiting, fds);
	signal_process(s->pid, SIGTERM);
	/* Wait until kvd has stopped listening. */
	server_await_log(s, "stopping", 1);
	pause_ms(100);
	signal_process(worker, SIGSEGV);
	client_expect_gone(other);
	pause_ms(200);
	signal_process(registry, SIGCONT);
	client_hear(fd, "NOT FOUND\r\n");
	client_hear(fd, farewell);
	client_expect_end(fd);
	expect_end(s, 10000, EX_OK);
}

/* Others die */

static const char *const roles[] = { "checkpointer", "registry", "acceptor" };

TEST(test_report)
{
	static const char *const options[] = { PATIENT, NULL };
	struct server *s = server_start(options);
	pid_t pid = server_pid(s, roles[_i]);
	int fd = connect_and_ping(s);
	char line[LOG_LINE_SIZE];

	signal_process(pid, SIGSEGV);
	server_await_line(s, roles[_i], pid, line);
	expect_part(line, ") died of ");
#ifdef HAVE_SIGABBREV_NP
	expect_part(line, "SIGSEGV");
#endif
	expect_use(line);
	expect_part(line, " of memory; restarting it now");
	client_ask(fd, "PING\n", "OK\r\n");
	expect_new_client(s);
	(void)close(fd);
	server_stop(s);
}

/* After four deaths, restarts are delayed longer and longer, by default. */
TEST(test_throttled)
{
	static const char *const options[] = { PATIENT, NULL };
	struct server *s = server_start(options);
	int fd = connect_and_ping(s), i;

	for (i = 0; i < 5; i++) {
		process_kill(server_pid(s, roles[_i]));
		client_ask(fd, "PING\n", "OK\r\n");
	}
	(void)server_pid(s, roles[_i]);
	ck_assert_uint_eq(server_log_count(s, "; restarting it now"), 3);
	ck_assert_uint_eq(server_log_count(s, "; restarting it in 100ms"), 1);
	ck_assert_uint_eq(server_log_count(s, "; restarting it in 200ms"), 1);
	expect_new_client(s);
	(void)close(fd);
	server_stop(s);
}

#define MANY_KILLS 50

TEST(test_unthrottled)
{
	static const char *const options[] = { PATIENT, UNTHROTTLED, NULL };
	struct server *s = server_start(options);
	int fd = connect_and_ping(s), i;

	for (i = 0; i < MANY_KILLS; i++)
		process_kill(server_pid(s, roles[_i]));
	server_await_log(s, "; restarting it now", MANY_KILLS);
	ck_assert_uint_eq(server_log_count(s, "; restarting it in"), 0);
	client_ask(fd, "PING\n", "OK\r\n");
	expect_new_client(s);
	(void)close(fd);
	server_stop(s);
}

TEST(test_gives_up)
{
	static const char *const options[] = { PATIENT,
		"restart-limit 3 in 5s exit", NULL };
	struct server *s = server_start(options);
	int fd = connect_and_ping(s), i;

	for (i = 0; i < 3; i++) {
		process_kill(server_pid(s, roles[_i]));
		client_ask(fd, "PING\n", "OK\r\n");
	}
	process_kill(server_pid(s, roles[_i]));
	client_hear(fd, farewell);
	client_expect_end(fd);
	ck_assert_uint_eq(server_log_count(s, "; restarting it now"), 3);
	server_await_log(s, "; not restarting it", 1);
	expect_end(s, WAIT_MS, EX_SOFTWARE);
}

#define LISTENERS 12

static const char *const patience[] = { PATIENT, "restart-limit 3 in 5s exit" };

/*
 * No process can be forked, because no descriptor is left for its channel.
 * This does not count as a death, whatever the restart limit.  kvd goes on by
 * itself as soon as it can fork.
 */
TEST(test_cannot_fork)
{
	struct server *s = server_new();
	char path[64];
	rlim_t fds, before;
	int i, fd;

	server_option(s, "%s", patience[_i]);
	/* poll(2) also minds the limit, so there must be many listeners. */
	for (i = 1; i <= LISTENERS; i++)
		server_option(s, "listen 127.0.0.%d:0", i);
	server_run(s);
	fd = connect_and_ping(s);
	for (fds = 0;; fds++) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/%ld", (long)s->pid,
		    (long)fds);
		if (access(path, F_OK) == -1)
			break;
	}
	/* Killing the registry frees the descriptor of its channel. */
	before = process_limit(s->pid, RLIMIT_NOFILE, fds);
	signal_process(server_pid(s, "registry"), SIGKILL);
	server_await_log(s, "cannot start the registry; trying again", 1);
	/* The failures come more often than restart-limit allows. */
	pause_ms(5 * (int64_t)250);
	client_say(fd, "PING\n");
	(void)process_limit(s->pid, RLIMIT_NOFILE, before);
	client_hear(fd, "OK\r\n");
	ck_assert_uint_eq(server_log_count(s, "cannot start the registry"), 1);
	(void)close(fd);
	server_stop(s);
}

/* A store that an administrator has to repair is not opened again and again. */
TEST(test_not_retried)
{
	struct server *s = server_start(NULL);
	char path[PATH_MAX], away[PATH_MAX + 8];
	int fd = connect_and_ping(s);
	FILE *file;

	snprintf(path, sizeof(path), "%s/data/data.mdb", s->dir);
	snprintf(away, sizeof(away), "%s.away", path);
	ck_assert_int_eq(rename(path, away), 0);
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	ck_assert_int_ge(fputs("this is not a store", file), 0);
	ck_assert_int_eq(fclose(file), 0);
	signal_process(server_pid(s, "registry"), SIGKILL);
	client_hear(fd, farewell);
	client_expect_end(fd);
	server_await_log(s, "exited with status 78; ", 1);
	server_await_log(s, "; not restarting it", 1);
	ck_assert_uint_eq(server_log_count(s, "registry (pid "), 2);
	expect_end(s, WAIT_MS, EX_CONFIG);
}

static bool
sleeps(pid_t pid)
{
	char path[64], text[256] = "";
	const char *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	(void)fclose(file);
	return (rest = strrchr(text, ')')) != NULL &&
	    strncmp(rest, ") S", 3) == 0;
}

/*
 * The process has all its descriptors and waits for events, so it has started.
 */
static void
await_started(pid_t pid, size_t fds)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (count_fds(pid) < fds || !sleeps(pid))
		pause_until(deadline_ms, "an acceptor does not start");
}

/* design.md requires that all processes end this soon after their master. */
#define ORPHANS_MS 5000

TEST(test_kill_master)
{
	static const char *const options[] = { UNTHROTTLED, "acceptors 2",
		NULL };
	struct server *s = server_start(options);
	int fds[3], i;
	pid_t pids[2];
	size_t n;

	server_acceptors(s, pids, 2);
	n = count_fds(pids[0]);
	for (i = 0; i < 3; i++) {
		fds[i] = connect_and_ping(s);
		server_acceptors(s, pids, 2);
		process_kill(pids[0]);
		process_kill(pids[1]);
	}
	server_acceptors(s, pids, 2);
	await_started(pids[0], n);
	await_started(pids[1], n);
	process_kill(s->pid);
	for (i = 0; i < 3; i++) {
		client_hear(fds[i], farewell);
		client_expect_end(fds[i]);
	}
	(void)server_await_end(s, ORPHANS_MS);
	server_restart(s);
	server_stop(s);
}

/* Everybody dies, at random */

#define CHAOS_MS 5000
#define CHAOS_STEP_MS 100
#define CHAOS_CROWD 100
#define CHAOS_MAX (CHAOS_CROWD + 10)
#define SOON_MS 5000

/* Kills one process at random; returns whether it was a worker. */
static bool
kill_somebody(const struct server *s)
{
	static const char *const titles[] = { "kvd: registry", "kvd: acceptor",
		"kvd: worker" };
	pid_t pids[2 * CHAOS_MAX];
	size_t which = (size_t)random() % COUNT(titles);
	size_t n = server_pids(s, titles[which], pids, COUNT(pids));

	/*
	 * The process may be dead already, and its successor may not exist yet.
	 */
	if (n == 0 || kill(pids[(size_t)random() % n], SIGKILL) == -1)
		return false;
	return which == 2;
}

TEST(test_chaos)
{
	static const char *const options[] = { PATIENT, UNTHROTTLED,
		"max-clients 110", NULL };
	struct server *s = server_start(options);
	struct crowd *crowd = crowd_start(s, CROWD_MORTAL, 4, CHAOS_CROWD / 4);
	unsigned long worker_kills = 0, kills = 0;
	int64_t end_ms = now_ms() + CHAOS_MS, before_ms;
	int fds[CHAOS_MAX], i;

	crowd_await(crowd, 1);
	while (now_ms() < end_ms) {
		worker_kills += kill_somebody(s);
		kills++;
		pause_ms(CHAOS_STEP_MS);
	}
	before_ms = now_ms();
	expect_new_client(s);
	ck_assert_int_lt(now_ms() - before_ms, SOON_MS);
	crowd_await(crowd, 2);
	/*
	 * A connection is cut when its worker is killed, or when an acceptor is
	 * killed that had accepted but not yet served it, which affects at most
	 * one connection of each process of the crowd.
	 */
	ck_assert_uint_ge(crowd_cuts(crowd), worker_kills / 2);
	ck_assert_uint_le(crowd_cuts(crowd),
	    worker_kills + 4 * (kills - worker_kills));
	crowd_end(crowd);
	/* The count of clients is right. */
	for (i = 0; i < CHAOS_MAX; i++)
		fds[i] = client_await_room(s, client_connect);
	client_hear(client_connect(s), "ERROR too many clients\r\n");
	for (i = 0; i < CHAOS_MAX; i++)
		(void)close(fds[i]);
	server_stop(s);
}

static void
setup(void)
{
	static const struct rlimit none = { 0, 0 };
	const char *asan = getenv("ASAN_OPTIONS");
	char value[512];

	/* The moment of each death must differ between runs. */
	srandom((unsigned int)(time(NULL) ^ getpid() << 16));
	/*
	 * Signals must kill the process instead of being reported by a
	 * sanitizer.
	 */
	snprintf(value, sizeof(value), "%s:handle_segv=0",
	    asan == NULL ? "" : asan);
	ck_assert_int_eq(setenv("ASAN_OPTIONS", value, 1), 0);
	/* Core files are not needed. */
	ck_assert_int_eq(setrlimit(RLIMIT_CORE, &none), 0);
}

static const struct test tests[] = {
	CASE("crashes", setup, NULL),
	ONCE(test_worker_crash),
	ONCE(test_renewal),
	ONCE(test_crash_storm),
	ONCE(test_crash_while_stopping),
	CASE("deaths", setup, NULL),
	EACH(test_report, roles),
	EACH(test_throttled, roles),
	EACH(test_unthrottled, roles),
	EACH(test_gives_up, roles),
	EACH(test_cannot_fork, patience),
	ONCE(test_not_retried),
	ONCE(test_kill_master),
	ONCE(test_chaos),
};

SUITE("supervision", tests)
