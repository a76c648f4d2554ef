/*
 * check_damage: a kvd whose store has a damaged page serves what it can, says
 * what it cannot, and does not crash again and again.
 */

#include "fixture.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl.h"
#include "stream.h"

#include "common/buf.h"

#define PAGE 4096
#define MANY 300
#define DAMAGED "ERROR data damaged\r\n"

/* Without a cache reads look at the pages. */
static const char *const options[] = { "cache 0", "heartbeat-timeout 5s",
	NULL };

static void
put_many(int fd, const char *bucket)
{
	struct buf out;
	int i;

	buf_init(&out);
	add(&out, "CREATE %s\n", bucket);
	for (i = 0; i < MANY; i++)
		add(&out, "PUT %s %s%03d a-value-of-some-length-%d\n", bucket,
		    bucket, i, i);
	client_send(fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	for (i = 0; i <= MANY; i++)
		client_hear(fd, "OK\r\n");
}

static void
end(struct server *s)
{
	signal_process(s->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(s, WAIT_MS), 0);
}

static struct server *
make_store(void)
{
	struct server *s = server_start(options);
	int fd = client_connect(s);

	put_many(fd, "alpha");
	put_many(fd, "beta");
	put_many(fd, "gamma");
	(void)close(fd);
	ctl_expect_part(s, CTL("checkpoint"), 0, "");
	end(s);
	return s;
}

/* In a record of this leaf?  What LMDB has not used of a page may have traces
 * of others. */
static bool
leaf_has(const uint8_t *page, const char *text)
{
	const uint16_t leaf = 2;
	/* LMDB's header: the number, u16, the flags, u16 lower, u16 upper. */
	uint16_t numbers[4];

	memcpy(numbers, page + sizeof(size_t), sizeof(numbers));
	return numbers[1] == leaf && numbers[3] <= PAGE &&
	    memmem(page + numbers[3], PAGE - numbers[3], text, strlen(text)) !=
	    NULL;
}

/* Overwrites the leaves that have this text and one of the others.  Another page
 * may have a single key: the place where a fold went on. */
static void
wipe(const struct server *s, const char *text, const char *before,
    const char *after)
{
	uint8_t page[PAGE];
	char path[128];
	off_t at, n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/data/data.mdb", s->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (at = (off_t)2 * PAGE; pread(fd, page, PAGE, at) == PAGE;
	     at += PAGE) {
		if (!leaf_has(page, text) ||
		    !(leaf_has(page, before) || leaf_has(page, after)))
			continue;
		memset(page, 0, PAGE);
		ck_assert_int_eq(pwrite(fd, page, PAGE, at), PAGE);
		n++;
	}
	ck_assert_int_gt(n, 0);
	(void)close(fd);
}

static void
expect_others_served(int fd)
{
	client_ask(fd, "GET alpha alpha150\n",
	    "a-value-of-some-length-150\r\nOK\r\n");
	client_ask(fd, "GET gamma gamma150\n",
	    "a-value-of-some-length-150\r\nOK\r\n");
	client_ask(fd, "COUNT alpha\n", "300\r\nOK\r\n");
	client_ask(fd, "PUT gamma k v\n", "OK\r\n");
}

/* Who is connected notices nothing of the two registries that ended. */
TEST(test_bucket)
{
	struct server *s = make_store();
	int fd;

	wipe(s, "beta150", "beta149", "beta151");
	server_restart(s);
	fd = client_connect(s);
	client_ask(fd, "GET alpha alpha000\n",
	    "a-value-of-some-length-0\r\nOK\r\n");
	client_ask(fd, "GET beta beta150\n", DAMAGED);
	server_await_log(s, "bucket beta is damaged", 1);
	expect_others_served(fd);
	client_ask(fd, "PUT beta k v\n", DAMAGED);
	client_ask(fd, "CREATE beta\n", DAMAGED);
	client_ask(fd, "SUBSCRIBE beta\n", DAMAGED);
	client_ask(fd, "BUCKETS\n", "alpha\r\nbeta\r\ngamma\r\nOK\r\n");
	ctl_expect_part(s, CTL("buckets"), 0, "damaged");
	ctl_expect_part(s, CTL("checkpoint"), 0, "");
	expect_others_served(fd);
	client_ask(fd, "DROP beta\n", "OK\r\n");
	client_ask(fd, "GET beta k\n", "NOT FOUND\r\n");
	client_ask(fd, "CREATE beta\n", "OK\r\n");
	client_ask(fd, "PUT beta k v\n", "OK\r\n");
	ctl_expect_part(s, CTL("checkpoint"), 0, "");
	client_ask(fd, "GET beta k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* The next kvd knows it at once, and says so as long as it is so. */
TEST(test_next_start)
{
	struct server *s = make_store();
	int fd;

	wipe(s, "beta150", "beta149", "beta151");
	server_restart(s);
	fd = client_connect(s);
	client_ask(fd, "GET beta beta150\n", DAMAGED);
	(void)close(fd);
	end(s);
	server_restart(s);
	fd = client_connect(s);
	client_ask(fd, "GET beta beta000\n", DAMAGED);
	expect_others_served(fd);
	ck_assert_uint_eq(server_log_count(s, "exited with status"), 0);
	server_await_log(s, "bucket beta is damaged", 1);
	while (client_stat(fd, "keys") == 0)
		;
	ctl_expect_part(s, CTL("status"), 0, "1 bucket is damaged");
	(void)close(fd);
	server_stop(s);
}

/* Crashes that have another reason are followed by a walk as well, once. */
TEST(test_sound)
{
	struct server *s = make_store();
	int fd, i;

	server_restart(s);
	fd = client_connect(s);
	for (i = 0; i < 4; i++) {
		expect_others_served(fd);
		signal_process(server_pid(s, "registry"), SIGSEGV);
		server_await_log(s, "died of SIGSEGV", (size_t)i + 1);
	}
	expect_others_served(fd);
	ck_assert_uint_eq(server_log_count(s, "the store is sound:"), 1);
	(void)close(fd);
	server_stop(s);
}

/* kill -9 is no crash. */
TEST(test_killed)
{
	struct server *s = make_store();
	int fd, i;

	server_restart(s);
	fd = client_connect(s);
	for (i = 0; i < 3; i++) {
		signal_process(server_pid(s, "registry"), SIGKILL);
		server_await_log(s, "died of SIGKILL", (size_t)i + 1);
		expect_others_served(fd);
	}
	ck_assert_uint_eq(server_log_count(s, "looking whether"), 0);
	(void)close(fd);
	server_stop(s);
}

/*
 * A kvd-maintain whose walk crashes or hangs, for so many times.  The number is
 * in a file.
 */
static void
spoil_walk(struct server *s, const char *how, int times)
{
	static const char *const helpers[] = { "checkpointer", "registry",
		"acceptor" };
	char command[5000], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", command, NULL };
	size_t i;

	snprintf(command, sizeof(command), "mkdir %s/libexec", s->dir);
	ck_assert_int_eq(run_command(args, output), 0);
	for (i = 0; i < COUNT(helpers); i++) {
		snprintf(command, sizeof(command), "cp %s/kvd-%s %s/libexec",
		    build_dir(), helpers[i], s->dir);
		ck_assert_int_eq(run_command(args, output), 0);
	}
	snprintf(command, sizeof(command),
	    "cd %s/libexec && echo %d >left && cat >kvd-maintain <<'end' &&\n"
	    "#!/bin/sh\n"
	    "left=$(cat %s/libexec/left)\n"
	    "[ \"$1\" != walk ] || [ $left = 0 ] || {\n"
	    "echo $((left - 1)) >%s/libexec/left\n"
	    "%s\n"
	    "}\n"
	    "exec %s/kvd-maintain \"$@\"\n"
	    "end\n"
	    "chmod 755 kvd-maintain",
	    s->dir, times, s->dir, s->dir, how, build_dir());
	ck_assert_int_eq(run_command(args, output), 0);
	server_option(s, "libexec %s/libexec", s->dir);
}

static const struct {
	const char *how, *line;
} spoilt[] = {
	{ "kill -SEGV $$", "kvd-maintain died of SIGSEGV" },
	{ "exec sleep 600", "hangs; killing it" },
};

/* The next one says what is damaged, after two crashes more. */
TEST(test_walk_fails)
{
	struct server *s = make_store();
	int fd;

	wipe(s, "beta150", "beta149", "beta151");
	spoil_walk(s, spoilt[_i].how, 1);
	server_restart(s);
	fd = client_connect(s);
	client_ask(fd, "GET beta beta150\n", DAMAGED);
	server_await_log(s, spoilt[_i].line, 1);
	server_await_log(s, "it is not known whether", 1);
	expect_others_served(fd);
	(void)close(fd);
	server_stop(s);
}

/* Nothing is tried without an end. */
TEST(test_walks_fail)
{
	struct server *s = make_store();
	int fd, status;

	wipe(s, "beta150", "beta149", "beta151");
	spoil_walk(s, spoilt[0].how, 9);
	server_restart(s);
	fd = client_connect(s);
	client_say(fd, "GET beta beta150\n");
	status = server_await_end(s, 30000);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG);
	ck_assert_uint_eq(server_log_count(s, "it is not known whether"), 2);
	ck_assert_uint_eq(
	    server_log_count(s, "restore the data directory from a backup"), 1);
	(void)close(fd);
	server_free(s);
}

/* What all need: the store is refused, with what to do. */
TEST(test_lost)
{
	struct server *s = make_store();
	int status;

	wipe(s, "next-bucket", "format", "log");
	server_spawn(s);
	status = server_await_end(s, 20000);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG);
	ck_assert_uint_gt(server_log_count(s, "restore the data directory"), 0);
	server_free(s);
}

static const struct test tests[] = {
	CASE("damage", NULL, NULL),
	ONCE(test_bucket),
	ONCE(test_next_start),
	ONCE(test_sound),
	ONCE(test_killed),
	EACH(test_walk_fails, spoilt),
	ONCE(test_walks_fail),
	ONCE(test_lost),
};

SUITE("damage", tests)
