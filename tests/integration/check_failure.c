/*
 * check_failure: any process may die at any moment, and the acknowledged writes
 * are kept.  Loaders, which are processes, use the server meanwhile and note in
 * shared memory what the server has acknowledged.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/log_limit.h"
#include "stream.h"

#define LOADERS 4
#define LOAD_KEYS 8
#define BATCH_MAX 16

/* kvd sends this line to a client before it ends, if there is time. */
static const char farewell[] = "ERROR shutting down\r\n";

/* This lets the registry be absent for long while it dies again and again. */
static const char patience[] = "registry-timeout 60s";

/* This is what a loader has written, in memory that it shares with the test. */
struct load {
	/*
	 * The last value of each key that was sent, and the last that was
	 * acknowledged.  The values ascend.
	 */
	unsigned long value;
	unsigned long sent[LOAD_KEYS];
	unsigned long acked[LOAD_KEYS];
};

static struct load *loads;

/* Makes the loaders, which are jobs; each uses the load of its id. */
static struct job *
loaders_new(void)
{
	loads = mmap(NULL, LOADERS * sizeof(*loads), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(loads, MAP_FAILED);
	return jobs_new(LOADERS);
}

/*
 * Does what job_exchange() does, but the connection may end; `got` is what has
 * come.
 */
static bool
exchange_to_end(struct job *job, int fd, struct buf *out, struct buf *want,
    size_t *got)
{
	struct exchange x = { .out = buf_data(out),
		.out_size = buf_size(out),
		.want = buf_data(want),
		.want_size = buf_size(want) };
	enum exchange_result result = exchange_run(fd, &x);

	if (result == EXCHANGE_WRONG && strcmp(x.instead, farewell) != 0)
		job_fail(job, "%s", x.error);
	*got = x.got;
	buf_truncate(out, 0);
	buf_truncate(want, 0);
	return result == EXCHANGE_OK;
}

/* Everything is killed */

/* Puts ascending values to a few keys, a few requests at a time. */
static void
load_puts(struct job *job, int fd)
{
	struct load *load = &loads[job->id];
	unsigned long value, first;
	struct buf out, want;
	size_t got, n;
	bool good = true;

	buf_init(&out);
	buf_init(&want);
	while (good && !job->stop) {
		first = load->value + 1;
		n = 1 + job->done % BATCH_MAX;
		while (n-- > 0) {
			value = ++load->value;
			load->sent[value % LOAD_KEYS] = value;
			add(&out, "PUT b c%uk%lu %lu\n", job->id,
			    value % LOAD_KEYS, value);
			add(&want, "OK\r\n");
		}
		good = exchange_to_end(job, fd, &out, &want, &got);
		for (value = first; got >= strlen("OK\r\n"); value++) {
			load->acked[value % LOAD_KEYS] = value;
			got -= strlen("OK\r\n");
		}
		job->done++;
	}
}

/* Returns the value that GET shows, or 0 for an absent key. */
static unsigned long
get_value(int fd, int id, unsigned long key)
{
	char request[64], line[LINE_SIZE];

	snprintf(request, sizeof(request), "GET b c%dk%lu\n", id, key);
	client_say(fd, request);
	client_read_line(fd, line);
	client_hear(fd, "OK\r\n");
	ck_assert(line[0] == '\r' || (line[0] >= '1' && line[0] <= '9'));
	return strtoul(line, NULL, 10);
}

/*
 * Checks that each value is at least the one acknowledged and at most the one
 * sent, and that it never goes back.
 */
static void
check_values(const struct server *s)
{
	int fd = client_connect(s), i;
	unsigned long key, value;

	for (i = 0; i < LOADERS; i++)
		for (key = 0; key < LOAD_KEYS; key++) {
			value = get_value(fd, i, key);
			ck_assert_uint_ge(value, loads[i].acked[key]);
			ck_assert_uint_le(value, loads[i].sent[key]);
			loads[i].acked[key] = value;
		}
	(void)close(fd);
}

static void
create_bucket(const struct server *s)
{
	int fd = client_connect(s);

	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
}

#define KILLS_OF_ALL 6

TEST(test_kill_everything)
{
	struct server *s = server_start(NULL);
	struct job *loaders = loaders_new();
	int i;

	create_bucket(s);
	for (i = 0; i < KILLS_OF_ALL; i++) {
		jobs_start(loaders, LOADERS, s, load_puts);
		jobs_await(loaders, LOADERS, 5 + (unsigned long)random() % 40);
		server_kill_all(s);
		jobs_stop(loaders, LOADERS);
		server_restart(s);
		check_values(s);
	}
	/* Stopping kvd has lost nothing, either. */
	check_values(s);
	server_stop(s);
}

/* The registry is killed */

/*
 * Appends requests whose replies show whether each was executed exactly once
 * and in order: there are reads between writes, and writes that undo each
 * other.
 */
static void
add_exact(struct buf *out, struct buf *want, unsigned int id)
{
	struct load *load = &loads[id];
	unsigned long value = ++load->value, key = value % LOAD_KEYS;

	add(out, "GET b c%uk%lu\n", id, key);
	if (load->sent[key] == 0)
		add(want, "\r\nOK\r\n");
	else
		add(want, "%lu\r\nOK\r\n", load->sent[key]);
	add(out, "PUT b c%uk%lu 0\nGET b c%uk%lu\n", id, key, id, key);
	add(want, "OK\r\n0\r\nOK\r\n");
	add(out, "EXISTS b c%ut\nPUT b c%ut %lu\n", id, id, value);
	add(want, "NOT FOUND\r\nOK\r\n");
	add(out, "EXISTS b c%ut\nGET b c%ut\nDELETE b c%ut\n", id, id, id);
	add(want, "OK\r\n%lu\r\nOK\r\nOK\r\n", value);
	add(out, "PUT b c%uk%lu %lu\n", id, key, value);
	add(want, "OK\r\n");
	load->sent[key] = value;
}

static void
load_exact(struct job *job, int fd)
{
	struct buf out, want;
	bool good = true;
	size_t n;

	buf_init(&out);
	buf_init(&want);
	while (good && !job->stop) {
		/*
		 * Some batches are larger than what the worker reads at once.
		 */
		n = job->done % 10 == 9 ? 300 : 1 + job->done % BATCH_MAX;
		while (n-- > 0)
			add_exact(&out, &want, job->id);
		good = job_exchange(job, fd, &out, &want);
		job->done++;
	}
}

/*
 * The loaders have had every reply, so what was sent is what was acknowledged.
 */
static void
check_exact(const struct server *s)
{
	int i;

	for (i = 0; i < LOADERS; i++)
		memcpy(loads[i].acked, loads[i].sent, sizeof(loads[i].sent));
	check_values(s);
}

/*
 * The first restarts happen at once and the later ones are delayed; the test
 * needs both.
 */
#define REGISTRY_ROUNDS 6
#define REGISTRY_KILLS 5

TEST(test_kill_registry)
{
	static const char *const options[] = { patience, NULL };
	struct server *s = server_start(options);
	struct job *loaders = loaders_new();
	int i;

	create_bucket(s);
	jobs_start(loaders, LOADERS, s, load_exact);
	for (i = 0; i < REGISTRY_KILLS; i++) {
		jobs_await(loaders, LOADERS, 1 + (unsigned long)random() % 20);
		process_kill(server_pid(s, "registry"));
	}
	jobs_await(loaders, LOADERS, 1);
	jobs_stop(loaders, LOADERS);
	check_exact(s);
	server_kill_all(s);
	server_restart(s);
	check_exact(s);
	server_stop(s);
}

/*
 * A client that comes while there is no registry waits for the next registry.
 */
TEST(test_no_registry)
{
	static const char *const options[] = { patience, NULL };
	struct server *s = server_start(options);
	int early = client_connect(s), late, i;

	client_ask(early, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 5; i++) {
		process_kill(server_pid(s, "registry"));
		late = client_connect(s);
		client_ask(late, "PUT b k 1\nGET b k\n", "OK\r\n1\r\nOK\r\n");
		client_ask(early, "GET b k\nDELETE b k\n", "1\r\nOK\r\nOK\r\n");
		client_ask(late, "QUIT\n", "OK\r\n");
		client_expect_end(late);
	}
	(void)close(early);
	server_stop(s);
}

/* This is far more than a socket takes at once. */
#define LARGE_VALUE ((size_t)1 << 20)

/* Requests and replies are partly sent when the registry dies. */
TEST(test_large_values)
{
	static const char *const options[] = { patience, NULL };
	struct server *s = server_start(options);
	int fd = client_connect(s), i;
	struct buf out, want;
	char *value;

	ck_assert_ptr_nonnull(value = malloc(LARGE_VALUE));
	buf_init(&out);
	buf_init(&want);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 5; i++) {
		memset(value, 'a' + i, LARGE_VALUE);
		add(&out, "PUT b k ");
		buf_append(&out, value, LARGE_VALUE);
		add(&out, "\nGET b k\nGET b k\nDELETE b k\nGET b k\n");
		add(&want, "OK\r\n");
		buf_append(&want, value, LARGE_VALUE);
		add(&want, "\r\nOK\r\n");
		buf_append(&want, value, LARGE_VALUE);
		add(&want, "\r\nOK\r\nOK\r\n\r\nOK\r\n");
		client_send(fd, buf_data(&out), buf_size(&out));
		process_kill(server_pid(s, "registry"));
		client_exchange(fd, NULL, 0, buf_data(&want), buf_size(&want));
		buf_truncate(&out, 0);
		buf_truncate(&want, 0);
	}
	buf_clear(&out);
	buf_clear(&want);
	free(value);
	(void)close(fd);
	server_stop(s);
}

/* Others are killed */

TEST(test_kill_acceptor)
{
	struct server *s = server_start(NULL);
	struct job *loaders = loaders_new();
	int i;

	create_bucket(s);
	jobs_start(loaders, LOADERS, s, load_exact);
	for (i = 0; i < 5; i++) {
		jobs_await(loaders, LOADERS, 3);
		process_kill(server_pid(s, "acceptor"));
		expect_new_client(s);
	}
	jobs_await(loaders, LOADERS, 3);
	jobs_stop(loaders, LOADERS);
	check_exact(s);
	server_stop(s);
}

/* Clients of a dead acceptor also get the farewell when kvd stops. */
TEST(test_stop_adopted)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), other;

	client_ask(fd, "PING\n", "OK\r\n");
	process_kill(server_pid(s, "acceptor"));
	other = client_connect(s);
	client_ask(other, "PING\n", "OK\r\n");
	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	client_hear(fd, farewell);
	client_expect_end(fd);
	client_hear(other, farewell);
	client_expect_end(other);
	ck_assert_int_eq(server_await_end(s, WAIT_MS), 0);
	server_expect_clean(s);
	server_free(s);
}

TEST(test_kill_worker)
{
	struct server *s = server_start(NULL);
	struct job *loaders = loaders_new();
	pid_t registry = server_pid(s, "registry");
	pid_t acceptor = server_pid(s, "acceptor");
	int fd, i;

	create_bucket(s);
	jobs_start(loaders, LOADERS, s, load_exact);
	for (i = 0; i < 10; i++) {
		fd = client_connect(s);
		client_ask(fd, "PUT b w 1\n", "OK\r\n");
		/*
		 * Some workers are killed during a request, and some between
		 * requests.
		 */
		if (i % 2 == 0)
			client_say(fd, "PUT b w 2\nGET b w\nPUT b");
		process_kill(server_worker(s, fd));
		client_expect_gone(fd);
		jobs_await(loaders, LOADERS, 1);
		expect_new_client(s);
	}
	jobs_stop(loaders, LOADERS);
	check_exact(s);
	/*
	 * The other processes are the same as before: only the victims have
	 * died.
	 */
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	server_stop(s);
}

/* design.md requires that all processes end this soon after their master. */
#define ORPHANS_MS 5000

/*
 * No other test uses this address (all of 127/8 is the local machine), so the
 * port is still free when the next kvd binds it.
 */
static void
listen_alone(struct server *s)
{
	unsigned int n = (unsigned int)getpid();

	server_option(s, "listen 127.%u.%u.%u:0", 64 + (n >> 16 & 63),
	    n >> 8 & 255, 1 + n % 254);
}

/* Expects the end of the connection, and before it at most the farewell. */
static void
expect_farewell(int fd)
{
	size_t size;
	char *text;

	text = client_read_all(fd, &size);
	ck_assert_msg(size == 0 || strcmp(text, farewell) == 0, "%s", text);
	free(text);
}

TEST(test_kill_master)
{
	struct server *s = server_new();
	struct job *loaders = loaders_new();
	int idle, port;

	listen_alone(s);
	server_run(s);
	create_bucket(s);
	idle = client_connect(s);
	client_ask(idle, "PING\n", "OK\r\n");
	jobs_start(loaders, LOADERS, s, load_puts);
	jobs_await(loaders, LOADERS, 5);
	process_kill(s->pid);
	expect_farewell(idle);
	(void)server_await_end(s, ORPHANS_MS);
	jobs_stop(loaders, LOADERS);
	port = s->port;
	server_keep_port(s);
	server_restart(s);
	ck_assert_int_eq(s->port, port);
	idle = client_connect(s);
	client_ask(idle, "PING\n", "OK\r\n");
	(void)close(idle);
	check_values(s);
	server_stop(s);
}

/*
 * The registry and the acceptor are killed at once, while clients send
 * requests.
 */
TEST(test_kill_both)
{
	static const char *const options[] = { patience, NULL };
	struct server *s = server_start(options);
	struct job *loaders = loaders_new();
	pid_t registry, acceptor;
	int i, fd, late;

	create_bucket(s);
	jobs_start(loaders, LOADERS, s, load_exact);
	fd = client_connect(s);
	client_ask(fd, "PING\n", "OK\r\n");
	for (i = 0; i < 4; i++) {
		registry = server_pid(s, "registry");
		acceptor = server_pid(s, "acceptor");
		jobs_await(loaders, LOADERS, 1 + (unsigned long)random() % 5);
		client_say(fd, "PUT b w 1\n");
		ck_assert_int_eq(kill(registry, SIGKILL), 0);
		process_kill(acceptor);
		late = client_connect(s);
		client_say(late, "PUT b w 2\n");
		process_await_end(registry);
		client_hear(fd, "OK\r\n");
		client_hear(late, "OK\r\n");
		(void)close(late);
	}
	(void)close(fd);
	jobs_await(loaders, LOADERS, 3);
	jobs_stop(loaders, LOADERS);
	check_exact(s);
	server_stop(s);
}

/* Shortages */

static off_t
data_size(const struct server *s)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data/data.mdb", s->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

/* Who writes to the data directory finds the disk full where a file has this
 * size.  Returns the limit that there was before. */
static rlim_t
limit_disk(const struct server *s, rlim_t limit)
{
	(void)process_limit(server_pid(s, "checkpointer"), RLIMIT_FSIZE, limit);
	return process_limit(server_pid(s, "registry"), RLIMIT_FSIZE, limit);
}

/* Values of these sizes fill the file, down to its smallest gaps. */
static const size_t sizes[] = { 64 << 10, 16 << 10, 2 << 10, 256, 1 };

/* The file has no room for this many values of any one size. */
#define VALUES_MAX 1000

static void
fill_value(char *value, size_t which, int n)
{
	memset(value, 'a' + n % 26, sizes[which]);
}

/*
 * Sends PUT for key WHICH.N; returns whether the reply was OK, and not that the
 * store is full.
 */
static bool
put_sized(int fd, size_t which, int n)
{
	static char value[64 << 10];
	char status[LINE_SIZE];
	struct buf out;

	fill_value(value, which, n);
	buf_init(&out);
	add(&out, "PUT b k%zu.%d ", which, n);
	buf_append(&out, value, sizes[which]);
	add(&out, "\n");
	ck_assert(!buf_failed(&out));
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	client_read_line(fd, status);
	if (strcmp(status, "OK\r\n") == 0)
		return true;
	ck_assert_str_eq(status, "ERROR storage full\r\n");
	return false;
}

static void
get_sized(int fd, size_t which, int n)
{
	static char reply[(64 << 10) + 6];
	char request[64];

	fill_value(reply, which, n);
	memcpy(reply + sizes[which], "\r\nOK\r\n", 6);
	snprintf(request, sizeof(request), "GET b k%zu.%d\n", which, n);
	client_exchange(fd, request, strlen(request), reply, sizes[which] + 6);
}

/* Deletes all but the first few keys; returns how many are left. */
static int
delete_sized(int fd, size_t which, int n, int left)
{
	char request[64];

	while (n > left) {
		snprintf(request, sizeof(request), "DELETE b k%zu.%d\n", which,
		    --n);
		client_ask(fd, request, "OK\r\n");
	}
	return n;
}

/*
 * Adds values, from the largest size to the smallest, until there is no room.
 */
static void
fill(int fd, int counts[COUNT(sizes)])
{
	size_t which;

	for (which = 0; which < COUNT(sizes); which++)
		while (put_sized(fd, which, counts[which])) {
			counts[which]++;
			ck_assert_int_lt(counts[which], VALUES_MAX);
		}
}

static void
get_all(int fd, const int counts[COUNT(sizes)])
{
	size_t which;
	int i;

	for (which = 0; which < COUNT(sizes); which++)
		for (i = 0; i < counts[which]; i++)
			get_sized(fd, which, i);
}

TEST(test_storage_full)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), other = client_connect(s);
	int counts[COUNT(sizes)] = { 0 };
	pid_t registry = server_pid(s, "registry");
	rlim_t before;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	before = limit_disk(s, (rlim_t)data_size(s));
	fill(fd, counts);
	ck_assert_int_gt(counts[0], 1);
	client_ask(other, "PING\nEXISTS b k0.0\n", "OK\r\nOK\r\n");
	get_all(other, counts);
	/* Deleting works even when no other write does, and makes room. */
	ck_assert(!put_sized(other, 4, counts[4]));
	counts[4] = delete_sized(other, 4, counts[4], 0);
	counts[1] = delete_sized(fd, 1, counts[1], 0);
	counts[0] = delete_sized(fd, 0, counts[0], counts[0] / 2);
	ck_assert(put_sized(other, 0, counts[0]++));
	fill(other, counts);
	get_all(fd, counts);
	/* A larger disk makes room as well. */
	(void)limit_disk(s, before);
	ck_assert(put_sized(fd, 0, counts[0]++));
	/* No process has died, and the data is right after a restart. */
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	(void)close(fd);
	(void)close(other);
	server_kill_all(s);
	server_restart(s);
	fd = client_connect(s);
	get_all(fd, counts);
	(void)close(fd);
	server_stop(s);
}

/* The disk is still full for a registry that starts. */
TEST(test_storage_full_restart)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), counts[COUNT(sizes)] = { 0 };
	pid_t registry = server_pid(s, "registry");
	rlim_t limit = (rlim_t)data_size(s), before;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	/* The next registry inherits the limit of the master. */
	before = process_limit(s->pid, RLIMIT_FSIZE, limit);
	(void)limit_disk(s, limit);
	fill(fd, counts);
	process_kill(registry);
	get_all(fd, counts);
	ck_assert(!put_sized(fd, 0, counts[0]));
	counts[0] = delete_sized(fd, 0, counts[0], 1);
	get_all(fd, counts);
	(void)process_limit(s->pid, RLIMIT_FSIZE, before);
	(void)limit_disk(s, before);
	ck_assert(put_sized(fd, 0, counts[0]++));
	get_all(fd, counts);
	(void)close(fd);
	server_stop(s);
}

/* Repeats a request until the reply is not that the registry is unavailable. */
static void
await_registry(int fd)
{
	static const char unavailable[] = "ERROR registry unavailable\r\n";
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char status[LINE_SIZE];

	for (;;) {
		client_say(fd, "PING\n");
		client_read_line(fd, status);
		if (strcmp(status, "OK\r\n") == 0)
			return;
		ck_assert_str_eq(status, unavailable);
		pause_until(deadline_ms, "the registry stays unavailable");
	}
}

TEST(test_registry_timeout)
{
	static const char *const options[] = { "registry-timeout 300ms", NULL };
	struct server *s = server_start(options);
	int fd = client_connect(s), fresh = client_connect(s);
	pid_t registry = server_pid(s, "registry");

	await_registry(fd);
	ck_assert_int_eq(kill(registry, SIGSTOP), 0);
	client_ask(fd, "PING\n", "ERROR registry unavailable\r\n");
	client_ask(fresh, "CREATE b\nECHO a\nGET b k\n",
	    "ERROR registry unavailable\r\na\r\nOK\r\n"
	    "ERROR registry unavailable\r\n");
	client_ask(fd, "PING\nPING\nECHO a\n",
	    "ERROR registry unavailable\r\nERROR registry unavailable\r\n"
	    "a\r\nOK\r\n");
	ck_assert_int_eq(kill(registry, SIGCONT), 0);
	await_registry(fd);
	await_registry(fresh);
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	(void)close(fd);
	(void)close(fresh);
	server_stop(s);
}

/* The replies to this many requests have more bytes than the sockets hold. */
#define LATE_GETS 32
#define LATE_TIMEOUT_MS 3000

/* Returns how many values come before the first ERROR. */
static size_t
count_values(const char *reply, size_t size)
{
	static const char more[] = "\r\nOK\r\n";
	const char *error = strstr(reply, "ERROR");
	size_t all;

	/* The first value was read before. */
	ck_assert_ptr_nonnull(error);
	all = (size_t)(error - reply) + size;
	ck_assert_uint_eq(all % (size + strlen(more)), 0);
	ck_assert_int_eq(memcmp(error - strlen(more), more, strlen(more)), 0);
	return all / (size + strlen(more));
}

/* Returns how often the process was put to sleep, or -1 if it is not asleep. */
static long
sleeps(pid_t pid)
{
	static const char field[] = "\nvoluntary_ctxt_switches:\t";
	char path[64], text[4096] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "r"));
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	(void)fclose(file);
	ck_assert_ptr_nonnull(strstr(text, field));
	if (strstr(text, "\nState:\tS") == NULL)
		return -1;
	return atol(strstr(text, field) + strlen(field));
}

/* Waits until both are asleep: each waits for the other, or for a client. */
static void
await_stall(pid_t worker, pid_t registry)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	long last[2] = { -1, -1 }, now[2];

	for (;;) {
		now[0] = sleeps(worker);
		now[1] = sleeps(registry);
		if (now[0] != -1 && now[1] != -1 &&
		    memcmp(now, last, sizeof(now)) == 0)
			return;
		memcpy(last, now, sizeof(last));
		pause_until(deadline_ms, "the worker goes on");
	}
}

/*
 * The client reads no replies, so its worker is blocked, and the registry dies
 * meanwhile.  When the client reads again, more than the timeout has passed
 * since the requests were sent: the worker must not repeat the unanswered ones.
 */
TEST(test_no_late_repeat)
{
	static const char unavailable[] = "ERROR registry unavailable\r\n";
	struct server *s = server_new();
	char *value = malloc(LARGE_VALUE), *reply, *rest;
	int fd, receive_buffer = 65536;
	size_t size, values, i;
	struct buf out;
	int64_t sent_ms;
	pid_t registry;

	ck_assert_ptr_nonnull(value);
	memset(value, 'v', LARGE_VALUE);
	server_option(s, "registry-timeout %dms", LATE_TIMEOUT_MS);
	server_run(s);
	fd = client_connect(s);
	/* This keeps the system from enlarging the buffer. */
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
			     sizeof(receive_buffer)),
	    0);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	client_say(fd, "PUT b k ");
	client_send(fd, value, LARGE_VALUE);
	client_ask(fd, "\n", "OK\r\n");
	/* One write has all requests, so that they are sent together. */
	buf_init(&out);
	for (i = 0; i < LATE_GETS; i++)
		add(&out, "GET b k\n");
	add(&out, "INCR b n\nQUIT\n");
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	client_expect(fd, value, LARGE_VALUE);
	sent_ms = now_ms();
	registry = server_pid(s, "registry");
	await_stall(server_worker(s, fd), registry);
	process_kill(registry);
	while (now_ms() <= sent_ms + LATE_TIMEOUT_MS)
		pause_ms(sent_ms + LATE_TIMEOUT_MS + 1 - now_ms());
	reply = client_read_all(fd, &size);
	values = count_values(reply, LARGE_VALUE);
	ck_assert_uint_lt(values, LATE_GETS);
	rest = strstr(reply, "ERROR");
	for (i = values; i < LATE_GETS + 1; i++) {
		ck_assert_int_eq(
		    strncmp(rest, unavailable, strlen(unavailable)), 0);
		rest += strlen(unavailable);
	}
	ck_assert_str_eq(rest, "OK\r\n");
	fd = client_connect(s);
	await_registry(fd);
	client_ask(fd, "EXISTS b n\n", "NOT FOUND\r\n");
	(void)close(fd);
	free(reply);
	free(value);
	server_stop(s);
}

static const struct {
	const char *role;
	const char *text; /* what the log says about it */
	const char *stat; /* NULL: each time is logged and counted */
} starved[] = {
	{ "acceptor", "cannot accept a client", NULL },
	{ "registry", "cannot accept a worker", "refused-workers" },
};

/* Checks that kvd has tried again and again without logging each attempt. */
static void
expect_limited(const struct server *s, int fd, const char *line,
    const char *stat, int64_t since_ms)
{
	ck_assert_int_ge(client_stat(fd, stat), 2);
	ck_assert_uint_le(server_log_count(s, line),
	    1 + (size_t)(now_ms() - since_ms) / LOG_LIMIT_MS);
}

/* The process may have no descriptors besides the standard ones. */
TEST(test_no_descriptors)
{
	static const char *const options[] = { patience, NULL };
	struct server *s = server_start(options);
	int fd = client_connect(s), late;
	pid_t pid = server_pid(s, starved[_i].role);
	int64_t started_ms = now_ms();
	rlim_t before;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	before = process_limit(pid, RLIMIT_NOFILE, 3);
	late = client_connect(s);
	client_say(late, "GET b k\n");
	server_await_log(s, starved[_i].text, 1);
	process_expect_idle(pid);
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	(void)process_limit(pid, RLIMIT_NOFILE, before);
	client_hear(late, "1\r\nOK\r\n");
	if (starved[_i].stat != NULL)
		expect_limited(s, fd, starved[_i].text, starved[_i].stat,
		    started_ms);
	ck_assert_int_eq(server_pid(s, starved[_i].role), pid);
	(void)close(fd);
	(void)close(late);
	server_stop(s);
}

/* Tries again until kvd serves it. */
static void
await_service(const struct server *s)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct exchange x = { .out = "PING\n",
		.out_size = 5,
		.want = "OK\r\n",
		.want_size = 4 };
	enum exchange_result result;
	int fd;

	for (;;) {
		fd = client_connect(s);
		result = exchange_run(fd, &x);
		(void)close(fd);
		if (result == EXCHANGE_OK)
			return;
		pause_until(deadline_ms, "no new client is served");
	}
}

/* The limit of processes does not apply to root. */
TEST(test_no_processes)
{
	struct server *s;
	pid_t acceptor;
	rlim_t before;
	int fd, late;

	if (geteuid() == 0) {
		printf("running as root: the limit of processes is not "
		       "tested\n");
		return;
	}
	s = server_start(NULL);
	fd = client_connect(s);
	acceptor = server_pid(s, "acceptor");
	client_ask(fd, "CREATE b\n", "OK\r\n");
	before = process_limit(acceptor, RLIMIT_NPROC, 1);
	late = client_connect(s);
	client_expect_gone(late);
	process_expect_idle(acceptor);
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	(void)process_limit(acceptor, RLIMIT_NPROC, before);
	await_service(s);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	(void)close(fd);
	server_stop(s);
}

/*
 * These exchange the data directory under a running kvd; the test checks what
 * kvd logs when the registry is restarted.  kvd must not serve another store.
 */

static void
move_away(const struct server *s, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof(from), "%s/%s", s->dir, name);
	snprintf(to, sizeof(to), "%s/away", s->dir);
	ck_assert_int_eq(rename(from, to), 0);
}

static void
make_data(const struct server *s)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/data", s->dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
lose_directory(const struct server *s)
{
	move_away(s, "data");
}

/* Leaves an empty directory, as an unmounted file system does. */
static void
lose_mount(const struct server *s)
{
	move_away(s, "data");
	make_data(s);
}

static void
lose_file(const struct server *s)
{
	move_away(s, "data/data.mdb");
}

/* Puts the store of another kvd in its place. */
static void
exchange(const struct server *s)
{
	struct server *other = server_start(NULL);
	char from[PATH_MAX], to[PATH_MAX];

	server_kill_all(other);
	move_away(s, "data");
	make_data(s);
	snprintf(from, sizeof(from), "%s/data/data.mdb", other->dir);
	snprintf(to, sizeof(to), "%s/data/data.mdb", s->dir);
	ck_assert_int_eq(rename(from, to), 0);
	server_free(other);
}

static const struct {
	void (*lose)(const struct server *);
	const char *text;
} losses[] = {
	{ lose_directory, "/data has gone while kvd runs" },
	{ lose_mount, "/data/data.mdb has gone while kvd runs" },
	{ lose_file, "/data/data.mdb has gone while kvd runs" },
	{ exchange, "another store is in " },
};

TEST(test_data_gone)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), status;
	char path[PATH_MAX];

	client_ask(fd, "CREATE b\n", "OK\r\n");
	losses[_i].lose(s);
	/* The registry serves its store as long as it has it open. */
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	signal_process(server_pid(s, "registry"), SIGKILL);
	client_expect_gone(fd);
	status = server_await_end(s, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
	ck_assert_uint_eq(server_log_count(s, losses[_i].text), 1);
	snprintf(path, sizeof(path), "%s/data/lock", s->dir);
	if (_i < 2)
		ck_assert_int_eq(access(path, F_OK), -1);
	server_free(s);
}

static void
setup(void)
{
	/* The moment of each death must differ between runs. */
	srandom((unsigned int)(time(NULL) ^ getpid() << 16));
}

static const struct test tests[] = {
	CASE("deaths", setup, NULL),
	ONCE(test_kill_everything),
	LOOP(test_kill_registry, REGISTRY_ROUNDS),
	ONCE(test_no_registry),
	ONCE(test_large_values),
	ONCE(test_kill_acceptor),
	ONCE(test_stop_adopted),
	ONCE(test_kill_worker),
	ONCE(test_kill_master),
	ONCE(test_kill_both),
	CASE("shortages", NULL, NULL),
	ONCE(test_storage_full),
	ONCE(test_storage_full_restart),
	ONCE(test_registry_timeout),
	EACH(test_no_descriptors, starved),
	ONCE(test_no_processes),
	EACH(test_data_gone, losses),
	CASE("repeats", NULL, NULL),
	ONCE(test_no_late_repeat),
};

SUITE("failure", tests)
