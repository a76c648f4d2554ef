/*
 * check_queue: queues, locks, rate limits and clearing, as many clients use them
 * at once, while the registry is killed: each entry of a queue is taken once,
 * and no lock is held by two.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "stream.h"

#define UNTHROTTLED "restart-limit 1000 in 1s"
#define PATIENT "registry-timeout 60s"
#define OK "OK\r\n"

#define WORKERS 50
#define ENTRIES 20000
#define KILLS 12

static struct server *server;

static void
setup(void)
{
	static const char *const options[] = { "sync never", PATIENT,
		UNTHROTTLED, NULL };

	server = server_start(options);
}

static void
teardown(void)
{
	server_stop(server);
}

static void
kill_registry(void)
{
	process_kill(server_pid(server, "registry"));
}

/* What all jobs share. */
static struct {
	atomic_uint left; /* entries that nobody has taken */
	atomic_uchar taken[ENTRIES]; /* how often each was */
	atomic_int inside; /* clients that hold the lock */
	atomic_ulong entered; /* how often it was taken */
} * shared;

static void
share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

/* Puts entries whose numbers are their keys and values. */
static void
fill_queue(int fd, const char *bucket, unsigned int from, unsigned int to)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int i;

	for (i = from; i < to; i++) {
		add(&out, "PUT %s k%06u %u\n", bucket, i, i);
		add(&want, OK);
		if (i % 1000 == 999 || i + 1 == to)
			exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/* The entry of this line is taken. */
static void
take(struct job *job, const char *line)
{
	unsigned int key, value;

	if (sscanf(line, "k%u %u", &key, &value) != 2 || key != value ||
	    key >= ENTRIES) {
		job_fail(job, "no entry: %s", line);
		return;
	}
	atomic_fetch_add(&shared->taken[key], 1);
	atomic_fetch_sub(&shared->left, 1);
}

/* Sends some POPs at a time. */
static void
pop_entries(struct job *job, int fd)
{
	struct stream s;
	struct buf out = { 0 };
	unsigned int i, n;
	char *line;

	stream_init(&s, fd);
	while (!job->wrong && !job->stop && shared->left > 0) {
		n = 1 + draw(&job->seed, 8);
		for (i = 0; i < n; i++)
			add(&out, "POP q PREFIX k\n");
		client_send(fd, buf_data(&out), buf_size(&out));
		buf_truncate(&out, 0);
		for (i = 0; i < n; i++) {
			if ((line = job_line(job, &s)) == NULL)
				return;
			if (*line != '\0')
				take(job, line);
			if ((line = job_line(job, &s)) == NULL)
				return;
			if (strcmp(line, "OK") != 0)
				job_fail(job, "POP: %s", line);
		}
		job->done++;
	}
	buf_clear(&out);
}

/* The queue is filled while it is emptied. */
TEST(test_workers)
{
	int fd = client_connect(server), i;
	struct job *jobs = jobs_new(WORKERS);
	int64_t deadline_ms;

	share();
	shared->left = ENTRIES;
	client_ask(fd, "CREATE q\nPUT q other 1\n", OK OK);
	fill_queue(fd, "q", 0, ENTRIES / 2);
	jobs_start(jobs, WORKERS, server, pop_entries);
	for (i = 0; i < KILLS; i++) {
		fill_queue(fd, "q", ENTRIES / 2 + (ENTRIES / 2 / KILLS) * i,
		    i + 1 == KILLS ?
			ENTRIES :
			ENTRIES / 2 + (ENTRIES / 2 / KILLS) * (i + 1));
		kill_registry();
	}
	deadline_ms = now_ms() + WAIT_MS;
	while (shared->left > 0) {
		for (i = 0; i < WORKERS; i++)
			ck_assert_msg(!jobs[i].wrong, "%s", jobs[i].error);
		pause_until(deadline_ms, "entries are left");
	}
	jobs_stop(jobs, WORKERS);
	for (i = 0; i < ENTRIES; i++)
		ck_assert_msg(shared->taken[i] == 1, "entry %d: %d times", i,
		    shared->taken[i]);
	client_ask(fd, "COUNT q\nPOP q\n", "1\r\n" OK "other 1\r\n" OK);
	jobs_free(jobs, WORKERS);
	(void)close(fd);
}

/* Takes the lock with a token of its own, and lets go of it. */
static void
lock(struct job *job, int fd)
{
	struct stream s;
	char add_lock[64], let_go[64];
	char *line;

	snprintf(add_lock, sizeof(add_lock), "ADD l lock w%u EX 60s\n",
	    job->id);
	snprintf(let_go, sizeof(let_go), "DELETE l lock IF w%u\n", job->id);
	stream_init(&s, fd);
	while (!job->wrong && !job->stop) {
		client_say(fd, add_lock);
		if ((line = job_line(job, &s)) == NULL)
			return;
		job->done++;
		if (strcmp(line, "CONFLICT") == 0)
			continue;
		if (strcmp(line, "OK") != 0 ||
		    atomic_fetch_add(&shared->inside, 1) != 0)
			job_fail(job, "ADD: %s", line);
		shared->entered++;
		atomic_fetch_sub(&shared->inside, 1);
		client_say(fd, let_go);
		if ((line = job_line(job, &s)) == NULL)
			return;
		if (strcmp(line, "OK") != 0)
			job_fail(job, "DELETE: %s", line);
	}
}

#define LOCKERS 8

TEST(test_lock)
{
	int fd = client_connect(server), i;
	struct job *jobs = jobs_new(LOCKERS);

	share();
	client_ask(fd, "CREATE l\n", OK);
	jobs_start(jobs, LOCKERS, server, lock);
	for (i = 0; i < KILLS; i++) {
		jobs_await(jobs, LOCKERS, 20);
		kill_registry();
	}
	jobs_await(jobs, LOCKERS, 20);
	jobs_stop(jobs, LOCKERS);
	ck_assert_uint_gt(shared->entered, 0);
	client_ask(fd, "COUNT l\n", "0\r\n" OK);
	jobs_free(jobs, LOCKERS);
	(void)close(fd);
}

/* A window is over at its time, however many requests come within it. */
TEST(test_rate_limit)
{
	int fd = client_connect(server), windows = 0;
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char line[LINE_SIZE];
	long count, last = 0;

	client_ask(fd, "CREATE rate\n", OK);
	while (windows < 3) {
		ck_assert_int_lt(now_ms(), deadline_ms);
		client_say(fd, "INCR rate client EX 300ms\n");
		client_read_line(fd, line);
		client_hear(fd, OK);
		count = strtol(line, NULL, 10);
		ck_assert(count == 1 || count == last + 1);
		windows += count == 1;
		last = count;
	}
	(void)close(fd);
}

/* Clears until nothing is left; returns how many were removed. */
static unsigned long
clear_all(int fd, const char *request)
{
	unsigned int seed = 1;
	unsigned long all = 0, n;
	char line[LINE_SIZE];

	do {
		client_say(fd, request);
		if (draw(&seed, 3) == 0)
			kill_registry();
		client_read_line(fd, line);
		n = strtoul(line, NULL, 10);
		client_hear(fd, OK);
		all += n;
	} while (n > 0);
	return all;
}

/* Each entry is counted once, even if the registry dies before the reply. */
TEST(test_clear)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE q\nPUT q a 1\nPUT q l 1\n", OK OK OK);
	fill_queue(fd, "q", 0, ENTRIES);
	ck_assert_uint_eq(clear_all(fd, "CLEAR q PREFIX k\n"), ENTRIES);
	client_ask(fd, "KEYS q\n", "a\r\nl\r\n" OK);
	fill_queue(fd, "q", 0, ENTRIES);
	client_ask(fd, "CLEAR q LIMIT 10000\n", "10000\r\n" OK);
	ck_assert_uint_eq(clear_all(fd, "CLEAR q\n"), ENTRIES + 2 - 10000);
	client_ask(fd, "COUNT q\n", "0\r\n" OK);
	(void)close(fd);
}

/* In a transaction the CLEARs may remove so many together. */
TEST(test_clear_in_transaction)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE q\nCREATE r\n", OK OK);
	fill_queue(fd, "q", 0, 10001);
	client_ask(fd,
	    "BEGIN\nCLEAR q LIMIT 10000\nPUT r k v\nCLEAR q LIMIT 1\nCOMMIT\n",
	    OK "QUEUED\r\nQUEUED\r\nQUEUED\r\nERROR transaction too large\r\n");
	client_ask(fd, "COUNT q\nCOUNT r\n", "10001\r\n" OK "0\r\n" OK);
	client_ask(fd, "BEGIN\nCLEAR q LIMIT 10000\nPOP q\nPOP q\nCOMMIT\n",
	    OK "QUEUED\r\nQUEUED\r\nQUEUED\r\n10000\r\n" OK
	       "k010000 10000\r\n" OK "\r\n" OK OK);
	(void)close(fd);
}

/* Writers set all keys to the same value; whoever gets them sees one value. */
#define MOMENT_KEYS 20

static void
set_all(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	int i;

	while (!job->stop) {
		add(&out, "BEGIN\n");
		add(&want, OK);
		for (i = 0; i < MOMENT_KEYS; i++) {
			add(&out, "PUT m k%d %u.%lu\n", i, job->id, job->done);
			add(&want, "QUEUED\r\n");
		}
		add(&out, "COMMIT\n");
		for (i = 0; i <= MOMENT_KEYS; i++)
			add(&want, OK);
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

TEST(test_one_moment)
{
	char request[256] = "GET m", first[LINE_SIZE], line[LINE_SIZE];
	int fd = client_connect(server), i, n;
	struct job *jobs = jobs_new(2);

	for (i = 0; i < MOMENT_KEYS; i++)
		snprintf(request + strlen(request),
		    sizeof(request) - strlen(request), " k%d", i);
	(void)strlcat(request, "\n", sizeof(request));
	client_ask(fd, "CREATE m\n", OK);
	jobs_start(jobs, 2, server, set_all);
	for (n = 0; n < 500; n++) {
		client_say(fd, request);
		client_read_line(fd, first);
		for (i = 1; i < MOMENT_KEYS; i++) {
			client_read_line(fd, line);
			ck_assert_str_eq(line, first);
		}
		client_hear(fd, OK);
	}
	jobs_stop(jobs, 2);
	jobs_free(jobs, 2);
	(void)close(fd);
}

/* The values of a GET are bounded, and so is what the registry holds. */
#define VALUE_MAX (1 << 20)

TEST(test_get_large)
{
	static char value[VALUE_MAX + 1];
	struct buf out = { 0 }, want = { 0 };
	int fd = client_connect(server), i;
	long before;

	memset(value, 'v', VALUE_MAX);
	client_ask(fd, "CREATE b\n", OK);
	add(&out, "PUT b k ");
	buf_append_text(&out, value);
	add(&out, "\n");
	add(&want, OK);
	exchange_bufs(fd, &out, &want);
	/* Two of the largest values are one too many: each line has a little
	 * more than its value. */
	client_ask(fd, "GET b k k\nGET b k k k\n",
	    "ERROR reply too large\r\nERROR reply too large\r\n");
	before = process_private_kib(server_pid(server, "registry"));
	add(&out, "GET b");
	for (i = 0; i < 1000; i++)
		add(&out, " k");
	add(&out, "\n");
	add(&want, "ERROR reply too large\r\n");
	exchange_bufs(fd, &out, &want);
	if (!is_sanitized())
		ck_assert_int_lt(
		    process_private_kib(server_pid(server, "registry")),
		    before + 16 * 1024);
	client_ask(fd, "BEGIN\nGET b k none\nGET b k\nCOMMIT\n",
	    OK "QUEUED\r\nQUEUED\r\nERROR transaction too large\r\n");
	add(&out, "GET b none k\n");
	add(&want, "\r\n");
	buf_append_text(&want, value);
	add(&want, "\r\n" OK);
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Many take large values out and do not read them, more than the registry has
 * memory for: others are served, and each value is taken once. */
#define TAKERS 40

TEST(test_pop_large)
{
	static char value[VALUE_MAX + 1];
	struct buf out = { 0 }, want = { 0 };
	int fd = client_connect(server), i;
	bool taken[TAKERS] = { false };
	struct stream s[TAKERS];
	unsigned int key;
	char *line;

	memset(value, 'v', VALUE_MAX);
	client_ask(fd, "CREATE q\n", OK);
	for (i = 0; i < TAKERS; i++) {
		add(&out, "PUT q k%02d ", i);
		buf_append_text(&out, value);
		add(&out, "\n");
		add(&want, OK);
		exchange_bufs(fd, &out, &want);
	}
	for (i = 0; i < TAKERS; i++) {
		stream_init(&s[i], client_connect(server));
		client_say(s[i].fd, "POP q\n");
	}
	client_ask(fd, "GET q none\n", "\r\n" OK);
	for (i = 0; i < TAKERS; i++) {
		line = stream_line(&s[i]);
		ck_assert_int_eq(sscanf(line, "k%u v", &key), 1);
		ck_assert_uint_lt(key, TAKERS);
		ck_assert(!taken[key]);
		taken[key] = true;
		ck_assert_uint_eq(strlen(line), VALUE_MAX + 4);
		stream_hear(&s[i], "OK");
		stream_clear(&s[i]);
	}
	client_ask(fd, "COUNT q\n", "0\r\n" OK);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* A transaction counts each key of a GET. */
TEST(test_too_many_keys)
{
	struct buf out = { 0 }, want = { 0 };
	int fd = client_connect(server), i, n;

	client_ask(fd, "CREATE b\n", OK);
	for (n = 1000; n <= 1001; n++) {
		add(&out, "GET b");
		for (i = 0; i < n; i++)
			add(&out, " k%d", i);
		add(&out, "\n");
	}
	for (i = 0; i < 1000; i++)
		add(&want, "\r\n");
	add(&want, OK "ERROR too many keys\r\n");
	exchange_bufs(fd, &out, &want);
	add(&out, "BEGIN\nPING\nGET b k");
	add(&want, OK "ERROR cannot be queued\r\n");
	for (i = 0; i < 998; i++)
		add(&out, " k");
	add(&out, "\nGET b k k\nTAKE b k\nPUT b k v\nABORT\n");
	add(&want,
	    "QUEUED\r\nERROR transaction too large\r\nQUEUED\r\n"
	    "ERROR transaction too large\r\n" OK);
	exchange_bufs(fd, &out, &want);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* With a full disk everything that frees space works. */
static void
limit_file(void)
{
	char path[PATH_MAX];
	struct rlimit limit;
	struct stat st;
	pid_t pid = server_pid(server, "registry");

	snprintf(path, sizeof(path), "%s/data/data.mdb", server->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(prlimit(pid, RLIMIT_FSIZE, NULL, &limit), 0);
	limit.rlim_cur = (rlim_t)st.st_size;
	ck_assert_int_eq(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* Puts a value of this size.  False: the disk is full. */
static bool
put_sized(int fd, int number, size_t size)
{
	char status[LINE_SIZE];
	struct buf out = { 0 };
	uint8_t *to;

	add(&out, "PUT q k%06d ", number);
	ck_assert_ptr_nonnull(to = buf_reserve(&out, size));
	memset(to, 'v', size);
	buf_commit(&out, size);
	add(&out, "\n");
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	client_read_line(fd, status);
	if (strcmp(status, OK) == 0)
		return true;
	ck_assert_str_eq(status, "ERROR storage full\r\n");
	return false;
}

/* Puts values, the first of this size, until there is no space even for a small
 * one. */
static void
fill_disk(int fd, size_t largest)
{
	size_t size;
	int n = 0;

	for (size = largest; size > 0; size /= 10)
		while (put_sized(fd, n, size))
			n++;
	ck_assert_int_gt(n, 8);
}

/* Reads a line of any length. */
static void
hear_entry(struct stream *s, const char *request, const char *key, size_t size)
{
	char *line;

	client_say(s->fd, request);
	line = stream_line(s);
	ck_assert_msg(strncmp(line, key, strlen(key)) == 0, "%.60s", line);
	ck_assert_uint_eq(strlen(line), strlen(key) + size);
	stream_hear(s, "OK");
}

TEST(test_full_disk)
{
	const size_t size = _i == 0 ? 2000 : 200000;
	int fd = client_connect(server);
	struct stream s;

	client_ask(fd, "CREATE q\nPUT q a lock\n", OK OK);
	limit_file();
	fill_disk(fd, size);
	stream_init(&s, fd);
	client_say(fd, "PUT q b 1\nADD q b 1 EX 5s\nINCR q b EX 5s\n");
	stream_hear(&s, "ERROR storage full");
	stream_hear(&s, "ERROR storage full");
	stream_hear(&s, "ERROR storage full");
	client_say(fd, "DELETE q a IF none\nDELETE q a IF lock\n");
	stream_hear(&s, "CONFLICT");
	stream_hear(&s, "OK");
	hear_entry(&s, "POP q\n", "k000000 ", size);
	hear_entry(&s, "TAKE q k000001\n", "", size);
	client_say(fd, "CLEAR q LIMIT 3\n");
	stream_hear(&s, "3");
	stream_hear(&s, "OK");
	client_say(fd, "BEGIN\nTAKE q none\nCLEAR q LIMIT 1\nCOMMIT\n");
	stream_hear(&s, "OK");
	stream_hear(&s, "QUEUED");
	stream_hear(&s, "QUEUED");
	stream_hear(&s, "");
	stream_hear(&s, "OK");
	stream_hear(&s, "1");
	stream_hear(&s, "OK");
	stream_hear(&s, "OK");
	hear_entry(&s, "POP q\n", "k000006 ", size);
	stream_clear(&s);
}

static const struct test tests[] = {
	CASE("queue", setup, teardown),
	ONCE(test_workers),
	ONCE(test_lock),
	ONCE(test_rate_limit),
	ONCE(test_clear),
	ONCE(test_clear_in_transaction),
	ONCE(test_one_moment),
	ONCE(test_get_large),
	ONCE(test_pop_large),
	ONCE(test_too_many_keys),
	LOOP(test_full_disk, 2),
};

SUITE("queue", tests)
