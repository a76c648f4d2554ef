/*
 * check_area: these tests check that workers answer GET and EXISTS from the
 * memory that the registry fills, and only what is true: through changes,
 * restarts and reloads, and after the death of all of kvd.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "counters.h"
#include "fixture.h"
#include "launch.h"

#define OK "OK\r\n"

static struct server *server;
static struct scoreboard *board;

static void
setup(void)
{
	static const char *const options[] = { "cache 1M", NULL };

	server = server_start(options);
	board = counters_open(server);
}

static void
teardown(void)
{
	scoreboard_close(board);
	server_stop(server);
}

/* A client whose worker has been answered by the registry. */
static int
new_client(void)
{
	int fd = client_connect(server);

	client_ask(fd, "PING\n", OK);
	return fd;
}

static uint64_t
local_hits(void)
{
	return counters_get(board, COUNTER_LOCAL_HITS, 1);
}

/* The worker answers by itself, and counts that before it answers. */
static void
expect_local(int fd, const char *request, const char *reply)
{
	uint64_t before = local_hits();

	client_ask(fd, request, reply);
	if (local_hits() != before + 1)
		ck_abort_msg("%s: not answered by the worker", request);
}

static void
expect_remote(int fd, const char *request, const char *reply)
{
	uint64_t before = local_hits();

	client_ask(fd, request, reply);
	if (local_hits() != before)
		ck_abort_msg("%s: answered by the worker", request);
}

/* The bucket and the key, which a read has made known. */
static int
fill(void)
{
	int fd = new_client();

	client_ask(fd, "CREATE b\n", OK);
	client_ask(fd, "PUT b k v\n", OK);
	client_ask(fd, "PUT b l w\n", OK);
	client_ask(fd, "GET b k\n", "v\r\n" OK);
	client_ask(fd, "GET b l\n", "w\r\n" OK);
	return fd;
}

TEST(test_hits)
{
	int fd = fill(), other = client_connect(server);
	long requests = client_stat(fd, "requests");

	expect_local(fd, "GET b k\n", "v\r\n" OK);
	expect_local(fd, "EXISTS b k\n", OK);
	expect_local(fd, "GET b k l k\n", "v\r\nw\r\nv\r\n" OK);
	ck_assert_int_eq(client_stat(fd, "local-hits"), 3);
	/* Those, and the first of these two. */
	ck_assert_int_eq(client_stat(fd, "requests"), requests + 3 + 1 + 1);
	/* What is not there only the registry knows. */
	expect_remote(fd, "GET b none\n", "\r\n" OK);
	expect_remote(fd, "GET b k none\n", "v\r\n\r\n" OK);
	expect_remote(fd, "EXISTS b none\n", "NOT FOUND\r\n");
	expect_remote(fd, "GET none k\n", "NOT FOUND\r\n");
	expect_remote(fd, "GET b \"\"\n", "ERROR key empty\r\n");
	/* The registry has not answered this client yet. */
	expect_remote(other, "GET b k\n", "v\r\n" OK);
	expect_local(other, "GET b k\n", "v\r\n" OK);
	(void)close(other);
	(void)close(fd);
}

/* Each sees what it wrote, and the other sees it, too.  What was read before is
 * there again right after the commit. */
TEST(test_own_writes)
{
	int fd = fill(), other = new_client(), i;
	char put[32], want[32];

	for (i = 0; i < 200; i++) {
		snprintf(put, sizeof(put), "PUT b k %d\n", i);
		snprintf(want, sizeof(want), "%d\r\n" OK, i);
		client_ask(fd, put, OK);
		expect_local(fd, "GET b k\n", want);
		expect_local(other, "GET b k\n", want);
	}
	client_ask(fd, "PUT b k last\nGET b k\n", OK "last\r\n" OK);
	(void)close(other);
	(void)close(fd);
}

static const struct {
	const char *request, *reply;
	const char *read; /* the reply to GET b k after it */
} change_table[] = {
	{ "PUT b k 1\n", OK, "1\r\n" OK },
	{ "PUT b k 1 EX 1000\n", OK, "1\r\n" OK },
	{ "CAS b k v 1\n", OK, "1\r\n" OK },
	{ "DELETE b k\n", OK, "\r\n" OK },
	{ "DELETE b k IF v\n", OK, "\r\n" OK },
	{ "TAKE b k\n", "v\r\n" OK, "\r\n" OK },
	{ "POP b\n", "k v\r\n" OK, "\r\n" OK },
	{ "CLEAR b\n", "2\r\n" OK, "\r\n" OK },
	{ "EXPIRE b k 1000\n", OK, "v\r\n" OK },
	{ "BEGIN\nPUT b k 1\nPUT b k 2\nCOMMIT\n",
	    OK "QUEUED\r\nQUEUED\r\n" OK OK OK, "2\r\n" OK },
	{ "BEGIN\nPUT b k 1\nINCR b l\nCOMMIT\n",
	    OK "QUEUED\r\nQUEUED\r\nERROR value not a number\r\n", "v\r\n" OK },
	{ "BEGIN\nPUT b k 1\nDROP b\nCREATE b\nPUT b k 2\nCOMMIT\n", NULL,
	    "2\r\n" OK },
	{ "DROP b\n", OK, "NOT FOUND\r\n" },
	{ "DROP b\nCREATE b\n", OK OK, "\r\n" OK },
	{ "DROP b\nCREATE b\nPUT b k 3\n", OK OK OK, "3\r\n" OK },
};

/* All that changes an entry, or a bucket. */
TEST(test_changes)
{
	int fd = fill(), other = new_client();

	expect_local(other, "GET b k\n", "v\r\n" OK);
	client_say(fd, change_table[_i].request);
	if (change_table[_i].reply != NULL)
		client_hear(fd, change_table[_i].reply);
	else
		client_ask(fd, "ECHO end\n",
		    OK "QUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n" OK OK OK OK OK
		       "end\r\n" OK);
	client_ask(other, "GET b k\n", change_table[_i].read);
	client_ask(other, "GET b k\n", change_table[_i].read);
	client_ask(fd, "GET b k\n", change_table[_i].read);
	(void)close(other);
	(void)close(fd);
}

/* In the middle of a batch that needs the registry, and for some batches after
 * it, all goes there. */
TEST(test_pipelined)
{
	int fd = fill(), i;

	client_ask(fd, "GET b k\nPUT b k 1\nGET b k\n",
	    "v\r\n" OK OK "1\r\n" OK);
	for (i = 0; i < 4; i++)
		expect_remote(fd, "GET b k\nGET b l\n", "1\r\n" OK "w\r\n" OK);
	/* Unless there is nothing else in the batch. */
	expect_local(fd, "GET b k\n", "1\r\n" OK);
	client_ask(fd, "GET b k\nGET b l\n", "1\r\n" OK "w\r\n" OK);
	ck_assert_uint_ge(local_hits(), 3);
	(void)close(fd);
}

/* A batch in which the worker looks ahead for keys, however it is written. */
TEST(test_look_ahead)
{
	static const char odd[] = "GET b k\r\n"
				  "get b l\n"
				  "  GET b k\n"
				  "GET  b  k\n"
				  "GET b \"k\"\n"
				  "GET b k l\n"
				  "Get b\tk\n"
				  "\n"
				  "exists b k \r\n"
				  "GET bb k\n"
				  "GET b none\n"
				  "GET b\n"
				  "GET b \n"
				  "G\n"
				  "EXISTS b l\n"
				  "ECHO b k\n"
				  "GET b k";
	static const char replies[] =
	    "v\r\n" OK "w\r\n" OK "v\r\n" OK "v\r\n" OK "v\r\n" OK
	    "v\r\nw\r\n" OK "v\r\n" OK OK "NOT FOUND\r\n"
	    "\r\n" OK "UNKNOWN COMMAND\r\n"
	    "UNKNOWN COMMAND\r\n"
	    "UNKNOWN COMMAND\r\n" OK;
	char many[300 * 9 + 1] = "", answers[300 * 8 + 1] = "";
	int fd = fill(), i;

	expect_local(fd, "GET b k\n", "v\r\n" OK);
	client_ask(fd, odd, replies);
	client_ask(fd, "\n", "b k\r\n" OK "v\r\n" OK);
	for (i = 0; i < 300; i++) {
		(void)strlcat(many, i % 2 == 0 ? "GET b k\n" : "GET b l\n",
		    sizeof(many));
		(void)strlcat(answers, i % 2 == 0 ? "v\r\n" OK : "w\r\n" OK,
		    sizeof(answers));
	}
	for (i = 0; i < 5; i++)
		client_ask(fd, many, answers);
	(void)close(fd);
}

TEST(test_transaction)
{
	int fd = fill();

	client_ask(fd, "BEGIN\n", OK);
	expect_remote(fd, "GET b k\n", "QUEUED\r\n");
	client_ask(fd, "COMMIT\n", "v\r\n" OK OK);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	(void)close(fd);
}

/* Replies would not be in order with events. */
TEST(test_subscription)
{
	int fd = fill();

	client_ask(fd, "SUBSCRIBE b\nECHO on\n", "on\r\n" OK);
	expect_remote(fd, "GET b k\n", "v\r\n" OK);
	client_ask(fd, "UNSUBSCRIBE b\n", OK);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	(void)close(fd);
}

/* It is answered until it is due, and not after that. */
TEST(test_expiry)
{
	int64_t deadline_ms;
	int fd = fill();
	char line[LINE_SIZE];

	client_ask(fd, "PUT b k v EX 1000\n", OK);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	client_ask(fd, "PUT b k v EX 1\n", OK);
	deadline_ms = now_ms() + WAIT_MS;
	for (;;) {
		client_say(fd, "GET b k\n");
		client_read_line(fd, line);
		client_hear(fd, OK);
		if (line[0] != 'v')
			break;
		pause_until(deadline_ms, "the key does not expire");
	}
	expect_remote(fd, "GET b k\n", "\r\n" OK);
	expect_remote(fd, "EXISTS b k\n", "NOT FOUND\r\n");
	(void)close(fd);
}

/* While there is no registry, what is cached is read.  Its successor begins
 * anew. */
TEST(test_registry_stopped)
{
	pid_t registry = server_pid(server, "registry");
	int fd = fill();

	ck_assert_int_eq(kill(registry, SIGSTOP), 0);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	expect_local(fd, "GET b k l\n", "v\r\nw\r\n" OK);
	ck_assert_int_eq(kill(registry, SIGKILL), 0);
	process_await_end(registry);
	client_ask(fd, "PUT b k new\n", OK);
	client_ask(fd, "GET b k\n", "new\r\n" OK);
	expect_local(fd, "GET b k\n", "new\r\n" OK);
	client_ask(fd, "GET b l\n", "w\r\n" OK);
	expect_local(fd, "GET b k l\n", "new\r\nw\r\n" OK);
	(void)close(fd);
}

/*
 * A worker has died after it has sent a write, of which the registry knows
 * nothing yet.  Its client connects again to find out what has become of that:
 * what is cached is not the answer.  The registry's first answer stays true.
 */
TEST(test_dead_worker)
{
	pid_t registry = server_pid(server, "registry"), worker;
	int fd = fill(), other;
	char first[64], byte;
	ssize_t n;

	worker = server_worker(server, fd);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	ck_assert_int_eq(kill(registry, SIGSTOP), 0);
	client_say(fd, "PUT b k new\n");
	process_expect_idle(worker); /* it waits for the reply */
	process_kill(worker);
	other = client_connect(server);
	client_say(other, "GET b k\n");
	process_expect_idle(server_worker(server, other));
	ck_assert_int_eq(recv(other, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(kill(registry, SIGCONT), 0);
	n = read(other, first, sizeof(first) - 1);
	ck_assert_int_gt(n, 0);
	first[n] = '\0';
	client_ask(other, "GET b k\n", first);
	(void)close(fd);
	fd = client_connect(server);
	client_ask(fd, "GET b k\n", first);
	(void)close(other);
	(void)close(fd);
}

/* Where the process has its program; another place, once it has executed that
 * again. */
static void
find_program(pid_t pid, char where[LINE_SIZE])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	if (fgets(where, 32, file) == NULL)
		where[0] = '\0';
	(void)fclose(file);
}

static void
await_renewal(pid_t pid, const char *before)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char now[LINE_SIZE];

	for (;;) {
		find_program(pid, now);
		if (now[0] != '\0' && strcmp(now, before) != 0)
			return;
		pause_until(deadline_ms, "the acceptor does not renew itself");
	}
}

/* An acceptor that a crash of a worker has made execute itself again maps the
 * memory again, and so does its successor. */
TEST(test_acceptor)
{
	char before[LINE_SIZE];
	int fd = fill(), other;
	pid_t acceptor;

	launch_kill(server, "acceptor");
	acceptor = server_pid(server, "acceptor");
	find_program(acceptor, before);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	other = new_client();
	expect_local(other, "GET b k\n", "v\r\n" OK);
	signal_process(server_worker(server, other), SIGSEGV);
	client_expect_gone(other);
	await_renewal(acceptor, before);
	other = new_client();
	expect_local(other, "GET b k\n", "v\r\n" OK);
	(void)close(other);
	(void)close(fd);
}

/* More than fits: what is read is right, and some of it comes from here. */
TEST(test_evicted)
{
	char request[2100];
	int fd = new_client(), i, round;

	client_ask(fd, "CREATE b\n", OK);
	for (i = 0; i < 600; i++) {
		snprintf(request, sizeof(request), "PUT b %d %01999d\n", i, i);
		client_say(fd, request);
		client_hear(fd, OK);
	}
	for (round = 0; round < 3; round++)
		for (i = 0; i < 600; i++) {
			snprintf(request, sizeof(request), "EXISTS b %d\n", i);
			client_ask(fd, request, OK);
		}
	ck_assert_uint_gt(local_hits(), 0);
	(void)close(fd);
}

/* Lowered, turned off, and on again. */
TEST(test_reload)
{
	struct server *s = server_new();
	int fd;

	server_stop(server);
	scoreboard_close(board);
	server = s;
	server_file(s, "cache 1M\n");
	server_run(s);
	board = counters_open(s);
	fd = fill();
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	server_file(s, "cache 200K\n");
	launch_reload(s);
	client_ask(fd, "GET b k\n", "v\r\n" OK);
	expect_local(fd, "GET b k\n", "v\r\n" OK);
	server_file(s, "cache 0\n");
	launch_reload(s);
	client_ask(fd, "PUT b k w\n", OK);
	expect_remote(fd, "GET b k\n", "w\r\n" OK);
	expect_remote(fd, "GET b k\n", "w\r\n" OK);
	server_file(s, "cache 2M\n");
	launch_reload(s);
	server_await_log(s, "restart kvd to use more", 1);
	client_ask(fd, "GET b k\n", "w\r\n" OK);
	expect_local(fd, "GET b k\n", "w\r\n" OK);
	(void)close(fd);
}

/*
 * All of kvd dies but a worker, which is stopped; another kvd takes over the
 * data directory and writes.  The worker goes on, and its client has a request
 * for it.  It may end, but it must not say what was true before.
 */
TEST(test_two_kvds)
{
	int fd = fill(), other;
	pid_t worker = server_worker(server, fd), first = server->pid;
	pid_t registry;
	struct server *s = server;
	char reply[64];
	ssize_t n;

	expect_local(fd, "GET b k\n", "v\r\n" OK);
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	client_say(fd, "GET b k\n");
	registry = server_pid(s, "registry");
	process_kill(first);
	process_kill(registry);
	server = server_new();
	server_option(server, "data %s/data", s->dir);
	server_option(server, "cache 1M");
	server_run(server);
	other = new_client();
	client_ask(other, "PUT b k new\n", OK);
	client_ask(other, "GET b k\n", "new\r\n" OK);
	ck_assert_int_eq(kill(worker, SIGCONT), 0);
	while ((n = read(fd, reply, sizeof(reply) - 1)) > 0) {
		reply[n] = '\0';
		if (strstr(reply, "v\r\n" OK) != NULL)
			ck_abort_msg("the worker said: %s", reply);
	}
	(void)close(fd);
	(void)close(other);
	server_kill_all(s);
	server_free(s);
	scoreboard_close(board);
	board = counters_open(server);
}

/* Does the process have this file mapped so that it can be written? */
static bool
has_mapped(pid_t pid, const char *name, const char *mode)
{
	char path[64], line[512], found[8];
	FILE *file;
	bool has = false;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, name) != NULL &&
		    sscanf(line, "%*s %7s", found) == 1 &&
		    strcmp(found, mode) == 0)
			has = true;
	(void)fclose(file);
	return has;
}

static size_t
count_fds(pid_t pid, const char *name)
{
	char path[64], target[512];
	struct dirent *entry;
	size_t count = 0;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	ck_assert_ptr_nonnull(dir = opendir(path));
	while ((entry = readdir(dir)) != NULL) {
		n = readlinkat(dirfd(dir), entry->d_name, target,
		    sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		count += strstr(target, name) != NULL;
	}
	(void)closedir(dir);
	return count;
}

/*
 * A worker that is its client's by now can read the memory, and has no
 * descriptor by which it could get to write it.  The master's cannot be opened
 * anew for writing, but by root (or after fchmod(2), by its owner).
 */
TEST(test_hostile_worker)
{
	int fd = fill();
	pid_t worker = server_worker(server, fd);
	pid_t acceptor = server_pid(server, "acceptor");

	expect_local(fd, "GET b k\n", "v\r\n" OK);
	ck_assert(has_mapped(worker, "kvd-cache", "r--s"));
	ck_assert(!has_mapped(worker, "kvd-cache", "rw-s"));
	ck_assert(has_mapped(worker, "/epoch", "r--s"));
	ck_assert(!has_mapped(worker, "/epoch", "rw-s"));
	ck_assert_uint_eq(count_fds(worker, "kvd-cache"), 0);
	ck_assert_uint_eq(count_fds(worker, "kvd-hot"), 0);
	ck_assert_uint_eq(count_fds(worker, "/epoch"), 0);
	ck_assert_uint_eq(count_fds(acceptor, "kvd-cache"), 0);
	ck_assert_uint_eq(count_fds(acceptor, "/epoch"), 0);
	(void)close(fd);
}

/* This many bytes of the process's cache are in large pages. */
static size_t
mapped_large(pid_t pid)
{
	unsigned long start, end, kib, found = 0;
	char path[64], line[512];
	bool here = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/smaps", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			here = strstr(line, "kvd-cache") != NULL;
		if (here && sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1)
			found += kib;
	}
	(void)fclose(file);
	return found << 10;
}

/* Can this kernel join pages (MADV_COLLAPSE, which not all headers know)? */
static bool
can_join(void)
{
	const size_t large = 2 << 20;
	int fd = memfd_create("check_area", MFD_CLOEXEC);
	bool can = false;
	uint8_t *p;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(ftruncate(fd, (off_t)(2 * large)), 0);
	p = mmap(NULL, 4 * large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	p += -(uintptr_t)p & (large - 1);
	p = mmap(p, 2 * large, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	    fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	memset(p, 1, large);
	can = madvise(p, large, 25) == 0;
	(void)close(fd);
	return can;
}

#define BATCH 20

static void
put_and_read(int fd, int from)
{
	static char puts[BATCH * 2100], reads[BATCH * 20];
	char replies[BATCH * sizeof(OK)] = "", value[2001];
	size_t p = 0, r = 0;
	int i;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (i = from; i < from + BATCH; i++) {
		p += (size_t)snprintf(puts + p, sizeof(puts) - p,
		    "PUT b %d %s\n", i, value);
		r += (size_t)snprintf(reads + r, sizeof(reads) - r,
		    "EXISTS b %d\n", i);
		(void)strlcat(replies, OK, sizeof(replies));
	}
	client_ask(fd, puts, replies);
	client_ask(fd, reads, replies);
}

/* The checkpointer joins the pages of what was read and of the table, also one
 * that has just begun; the worker finds them so. */
TEST(test_large_pages)
{
	pid_t worker;
	bool can = can_join();
	int i, fd;

	server_stop(server);
	scoreboard_close(board);
	server = server_new();
	server_option(server, "cache 16M");
	server_run(server);
	board = counters_open(server);
	fd = fill();
	launch_kill(server, "checkpointer");
	for (i = 0; i < 2400; i += BATCH)
		put_and_read(fd, i);
	worker = server_worker(server, fd);
	for (i = 0; can && mapped_large(worker) == 0; i++) {
		if (i == 1000)
			ck_abort_msg("no large page after a while");
		(void)usleep(10000);
		client_ask(fd, "EXISTS b 5\n", OK);
	}
	(void)close(fd);
}

/* Without shared memory kvd works, and says once that reads take longer. */
static void
limit_files(const struct server *s)
{
	struct rlimit limit = { 32 << 20, 32 << 20 };

	(void)s;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(test_no_memory)
{
	int fd;

	server_stop(server);
	scoreboard_close(board);
	server = server_new();
	server_option(server, "cache 64M");
	server_option(server, "log-size 26M");
	server->before_exec = limit_files;
	server_run(server);
	board = counters_open(server);
	ck_assert_uint_eq(server_log_count(server, "cannot read the cache"), 1);
	fd = fill();
	expect_remote(fd, "GET b k\n", "v\r\n" OK);
	launch_kill(server, "registry");
	client_ask(fd, "PUT b k w\n", OK);
	expect_remote(fd, "GET b k\n", "w\r\n" OK);
	ck_assert_uint_eq(server_log_count(server, "cannot read the cache"), 1);
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("area", setup, teardown),
	ONCE(test_hits),
	ONCE(test_own_writes),
	EACH(test_changes, change_table),
	ONCE(test_pipelined),
	ONCE(test_look_ahead),
	ONCE(test_transaction),
	ONCE(test_subscription),
	ONCE(test_expiry),
	ONCE(test_registry_stopped),
	ONCE(test_dead_worker),
	ONCE(test_acceptor),
	ONCE(test_evicted),
	ONCE(test_reload),
	ONCE(test_two_kvds),
	ONCE(test_hostile_worker),
	ONCE(test_large_pages),
	ONCE(test_no_memory),
};

SUITE("area", tests)
