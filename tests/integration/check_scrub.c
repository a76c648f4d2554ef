/*
 * check_scrub: the store is checked in the background, when it is time for
 * that, and what is wrong with it is said.
 */

#include "fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stream.h"

#include "common/buf.h"
#include "common/clock.h"

#define TITLE "kvd-maintain"
/* Longer than each of these takes, on a busy machine. */
#define WAIT_MS 30000
#define DAY_S ((int64_t)24 * 3600)

static const char *
path_of(const struct server *s, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return path;
}

static void
ask(const struct server *s, const char *request, const char *reply)
{
	int fd = client_connect(s);

	client_ask(fd, request, reply);
	(void)close(fd);
}

static struct server *
start(const char *scrub)
{
	const char *options[] = { "max-value 4K", "log-size 9M", scrub, NULL };
	struct server *s = server_start(options);

	ask(s, "CREATE b\n", "OK\r\n");
	return s;
}

/* What `kvctl status' says; it takes half a second. */
static void
get_status(const struct server *s, char output[OUTPUT_SIZE])
{
	char kvctl[4200], socket[128];
	const char *args[] = { kvctl, "-s", socket, "status", NULL };

	snprintf(kvctl, sizeof(kvctl), "%s/kvctl", build_dir());
	snprintf(socket, sizeof(socket), "%s/run/control.sock", s->dir);
	ck_assert_int_eq(run_command(args, output), 0);
}

static void
await_status(const struct server *s, const char *want)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;
	char output[OUTPUT_SIZE];

	do {
		get_status(s, output);
		if (clock_ms() > deadline_ms)
			ck_abort_msg("no \"%s\" in: %s", want, output);
	} while (strstr(output, want) == NULL);
}

/* The process of a scrub that goes on for a while. */
static pid_t
await_scrub(const struct server *s)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;
	pid_t pids[2];

	await_status(s, "under way");
	while (server_pids(s, TITLE, pids, 2) != 1) {
		ck_assert_int_lt(clock_ms(), deadline_ms);
		(void)usleep(1000);
	}
	return pids[0];
}

static void
note_end(const struct server *s, int64_t ended_s, int found)
{
	FILE *file;

	ck_assert_int_eq(mkdir(path_of(s, "data"), 0700), 0);
	file = fopen(path_of(s, "data/scrubbed"), "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%lld %d\n", (long long)ended_s, found);
	ck_assert_int_eq(fclose(file), 0);
}

/* So much that a scrub of it takes some seconds. */
static void
fill(struct server *s)
{
	int fd = client_connect(s), i, replies;
	char value[4000];
	struct buf out;

	buf_init(&out);
	memset(value, 'x', sizeof(value));
	for (i = 0; i < 6000; i++) {
		add(&out, "PUT b k%d ", i);
		buf_append(&out, value, sizeof(value));
		add(&out, "\n");
		if (i % 100 != 99)
			continue;
		client_send(fd, buf_data(&out), buf_size(&out));
		buf_truncate(&out, 0);
		for (replies = 0; replies < 100; replies++)
			client_hear(fd, "OK\r\n");
	}
	buf_clear(&out);
	(void)close(fd);
}

static void
reload(struct server *s, const char *file)
{
	size_t before = server_log_count(s, "was read again");

	server_file(s, "%s", file);
	signal_process(s->pid, SIGHUP);
	server_await_log(s, "was read again", before + 1);
}

/* A server whose scrub takes some seconds, and has begun. */
static struct server *
start_full(pid_t *scrub)
{
	struct server *s = server_new();

	server_option(s, "max-value 4K");
	server_option(s, "log-size 9M");
	server_file(s, "%s", "");
	server_run(s);
	ask(s, "CREATE b\n", "OK\r\n");
	fill(s);
	signal_process(s->pid, SIGUSR1);
	server_await_log(s, "data.mdb has everything", 1);
	reload(s, "scrub 1s\n");
	*scrub = await_scrub(s);
	return s;
}

TEST(test_sound)
{
	struct server *s = start("scrub 1s");
	struct stat st;

	server_await_log(s, "scrub: the store is OK", 2);
	ck_assert_int_eq(stat(path_of(s, "data/scrubbed"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	await_status(s, "scrub        store OK at ");
	server_stop(s);
}

TEST(test_none)
{
	struct server *s = start("scrub 0");
	char output[OUTPUT_SIZE];

	get_status(s, output);
	ck_assert_ptr_null(strstr(output, "scrub"));
	ck_assert_uint_eq(server_count(s, TITLE), 0);
	server_stop(s);
}

/* Changes a byte of the value. */
static void
damage(const struct server *s, const char *value)
{
	static char data[8 << 20];
	int fd = open(path_of(s, "data/data.mdb"), O_RDWR | O_CLOEXEC);
	const char *at;
	ssize_t n;

	ck_assert_int_ne(fd, -1);
	n = pread(fd, data, sizeof(data), 0);
	ck_assert_int_gt(n, 0);
	at = memmem(data, (size_t)n, value, strlen(value));
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(pwrite(fd, "!", 1, at - data), 1);
	(void)close(fd);
}

TEST(test_damaged)
{
	struct server *s = start("scrub 1s");

	ask(s, "PUT b k unmistakable\n", "OK\r\n");
	signal_process(s->pid, SIGUSR1);
	server_await_log(s, "data.mdb has everything", 1);
	damage(s, "unmistakable");
	server_await_log(s,
	    "scrub: bucket b, key k: its checksum does not match: PUT it "
	    "again",
	    1);
	server_await_log(s, "scrub: 1 things are wrong with the store", 1);
	await_status(s, "store damaged at ");
	await_status(s, "the last scrub has found 1 things");
	/* It is mended. */
	ask(s, "PUT b k again\n", "OK\r\n");
	signal_process(s->pid, SIGUSR1);
	await_status(s, "store OK at ");
	server_stop(s);
}

/* A restart makes no other one necessary, and forgets nothing. */
TEST(test_noted)
{
	struct server *s = server_new();

	note_end(s, (int64_t)time(NULL) - 3 * DAY_S, 7);
	server_option(s, "scrub 4d");
	server_run(s);
	await_status(s, "store damaged at ");
	await_status(s, "the next one in 23h");
	await_status(s, "the last scrub has found 7 things");
	ck_assert_uint_eq(server_log_count(s, "scrub:"), 0);
	server_stop(s);
}

static const int64_t ages[] = { 5 * DAY_S, -DAY_S };

/* It is too old, or from the future. */
TEST(test_due)
{
	struct server *s = server_new();
	char output[OUTPUT_SIZE];

	note_end(s, (int64_t)time(NULL) - ages[_i], 0);
	server_option(s, "scrub 4d");
	server_run(s);
	await_status(s, "the next one in 9m");
	get_status(s, output);
	expect_part(output, "store OK at ");
	server_stop(s);
}

TEST(test_stop)
{
	int64_t begin_ms;
	pid_t pid;
	struct server *s = start_full(&pid);

	begin_ms = clock_ms();
	server_stop(s); /* no process is left */
	ck_assert_int_lt(clock_ms() - begin_ms, 5000);
}

TEST(test_killed)
{
	pid_t pid;
	struct server *s = start_full(&pid);

	ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)pid), 19);
	process_kill(pid);
	server_await_log(s, "scrub: kvd-maintain died of SIGKILL", 1);
	(void)await_scrub(s);
	ck_assert_uint_eq(server_count(s, TITLE), 1);
	server_stop(s);
}

/* When it is not wanted any more it ends, and begins anew when it is. */
TEST(test_reload)
{
	pid_t pid;
	struct server *s = start_full(&pid);

	reload(s, "scrub 0\n");
	process_await_end(pid);
	ck_assert_uint_eq(server_count(s, TITLE), 0);
	reload(s, "scrub 365d\n");
	await_status(s, "scrub        the next one in 9m");
	reload(s, "scrub 1s\n");
	(void)await_scrub(s);
	server_stop(s);
}

static const struct test tests[] = {
	CASE("scrub", NULL, NULL),
	ONCE(test_sound),
	ONCE(test_none),
	ONCE(test_damaged),
	ONCE(test_noted),
	EACH(test_due, ages),
	ONCE(test_stop),
	ONCE(test_killed),
	ONCE(test_reload),
};

SUITE("scrub", tests)
