/*
 * check_since: SUBSCRIBE with PREFIX and SINCE: exact replies and errors, what
 * is told of the past and of the present, and that a client which comes back
 * with the last revision that it was told misses and repeats nothing, whatever
 * becomes of its connection and of the registry meanwhile.
 */

#include <signal.h>
#include <unistd.h>

#include "told.h"

static void
ask(struct stream *s, const char *request)
{
	client_say(s->fd, request);
}

static void
connect_stream(struct stream *s)
{
	stream_init(s, client_connect(server));
}

/* Reads a line "AT revision". */
static unsigned long
hear_at(struct stream *s)
{
	const char *line = stream_line(s);
	unsigned long revision;

	ck_assert_msg(sscanf(line, "AT %lu", &revision) == 1, "%s", line);
	return revision;
}

static void
hear_lines(struct stream *s, const char *const lines[])
{
	for (; *lines != NULL; lines++)
		stream_hear(s, *lines);
}

/* Subscribes from this revision on; what follows is from there. */
static void
subscribe_since(struct stream *s, const char *bucket, unsigned long revision)
{
	char request[64];

	snprintf(request, sizeof(request), "SUBSCRIBE %s SINCE %lu\n", bucket,
	    revision);
	ask(s, request);
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxxxx"

static const struct {
	const char *request, *reply;
} errors[] = {
	{ "SUBSCRIBE none PREFIX p\n", "NOT FOUND\r\n" },
	{ "SUBSCRIBE none SINCE 0\n", "NOT FOUND\r\n" },
	{ "SUBSCRIBE \"\" SINCE 0\n", "ERROR bucket name empty\r\n" },
	{ "SUBSCRIBE " X255 "x PREFIX p\n", "ERROR bucket name too long\r\n" },
	{ "SUBSCRIBE b PREFIX " X255 "x\n", "ERROR key too long\r\n" },
	{ "SUBSCRIBE b SINCE -1\n", "ERROR out of range\r\n" },
	{ "SUBSCRIBE b SINCE 9223372036854775808\n", "ERROR out of range\r\n" },
	{ "SUBSCRIBE b SINCE x\n", "ERROR not a number\r\n" },
	{ "SUBSCRIBE b SINCE \"\"\n", "ERROR not a number\r\n" },
	{ "SUBSCRIBE b SINCE\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE b PREFIX\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE b AFTER 0\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE b PREFIX p PREFIX p\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE b SINCE 0 SINCE 0\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE b PREFIX p SINCE 0 x\n", "UNKNOWN COMMAND\r\n" },
	{ "BEGIN\nSUBSCRIBE b SINCE 0\nABORT\n",
	    "OK\r\nERROR cannot be queued\r\nOK\r\n" },
};

TEST(test_errors)
{
	int fd = connect_writer();
	size_t i;

	for (i = 0; i < COUNT(errors); i++)
		client_ask(fd, errors[i].request, errors[i].reply);
	/* None of them has subscribed. */
	client_ask(fd, "PUT b k v\nPING\n", "OK\r\nOK\r\n");
	(void)close(fd);
}

/* Only keys that begin with the prefix are told of, and the end of the bucket. */
TEST(test_prefix)
{
	static const char *const heard[] = { "k SET TO 1", "kk SET TO 2",
		"k DELETED", "kx SET TO 4", "DROPPED", NULL };
	int fd = connect_writer();
	struct stream s, all;

	connect_stream(&s);
	connect_stream(&all);
	ask(&s, "SUBSCRIBE b PREFIX k\n");
	ask(&all, "SUBSCRIBE b PREFIX \"\"\nSUBSCRIBE a PREFIX " X255 "\n");
	hear_end(&s);
	hear_end(&all);
	client_ask(fd,
	    "PUT b k 1\nPUT a k 9\nPUT b l 1\nPUT b kk 2\nPUT b j 3\n"
	    "DELETE b k\nDELETE b l\n",
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	client_ask(fd,
	    "BEGIN\nPUT b x 1\nPUT b kx 4\nPUT b y 2\nDROP b\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	hear_lines(&s, heard);
	hear_end(&s);
	hear_lines(&all,
	    (const char *const[]){ "k SET TO 1", "l SET TO 1", "kk SET TO 2",
		"j SET TO 3", "k DELETED", "l DELETED", "x SET TO 1",
		"kx SET TO 4", "y SET TO 2", "DROPPED", NULL });
	hear_end(&all);
	stream_clear(&s);
	stream_clear(&all);
	(void)close(fd);
}

/* Another subscription to the bucket replaces the first. */
TEST(test_replaced_subscription)
{
	int fd = connect_writer();
	struct stream s;

	connect_stream(&s);
	ask(&s, "SUBSCRIBE b PREFIX k\nSUBSCRIBE b PREFIX l\n");
	hear_end(&s);
	client_ask(fd, "PUT b k 1\nPUT b l 1\n", "OK\r\nOK\r\n");
	stream_hear(&s, "l SET TO 1");
	ask(&s, "SUBSCRIBE b\n");
	hear_end(&s);
	client_ask(fd, "PUT b k 2\nPUT b l 2\n", "OK\r\nOK\r\n");
	stream_hear(&s, "k SET TO 2");
	stream_hear(&s, "l SET TO 2");
	ask(&s, "SUBSCRIBE b SINCE 0\n");
	(void)hear_at(&s);
	client_ask(fd, "PUT b k 3\n", "OK\r\n");
	stream_hear(&s, "k SET TO 3");
	(void)hear_at(&s);
	ask(&s, "SUBSCRIBE b\n");
	hear_end(&s);
	client_ask(fd, "PUT b k 4\n", "OK\r\n");
	stream_hear(&s, "k SET TO 4");
	ask(&s, "UNSUBSCRIBE b\n");
	stream_hear(&s, "OK");
	client_ask(fd, "PUT b k 5\n", "OK\r\n");
	hear_end(&s);
	stream_clear(&s);
	(void)close(fd);
}

/* The revision is told at once, and behind the events of each commit. */
TEST(test_revisions)
{
	int fd = connect_writer();
	unsigned long first, next;
	struct stream s;

	connect_stream(&s);
	subscribe_since(&s, "b", 0);
	first = hear_at(&s);
	ck_assert_uint_eq(first, (unsigned long)client_stat(fd, "revision"));
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	stream_hear(&s, "k SET TO 1");
	next = hear_at(&s);
	ck_assert_uint_eq(next, first + 1);
	client_ask(fd,
	    "BEGIN\nPUT b k 2\nPUT a x 1\nPUT b l 3\nDELETE b k\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	stream_hear(&s, "k SET TO 2");
	stream_hear(&s, "l SET TO 3");
	stream_hear(&s, "k DELETED");
	ck_assert_uint_eq(hear_at(&s), next + 1);
	hear_end(&s);
	stream_clear(&s);
	(void)close(fd);
}

/* What was committed since a revision is told first, commit by commit. */
static void
expect_past(unsigned long from, const char *options, const char *want)
{
	struct stream s;
	char request[64], *copy = strdup(want), *next = copy, *line;
	unsigned long at;

	connect_stream(&s);
	snprintf(request, sizeof(request), "SUBSCRIBE b SINCE %lu %s\n", from,
	    options);
	ask(&s, request);
	while ((line = strsep(&next, "|")) != NULL)
		if (sscanf(line, "AT %lu", &at) == 1)
			ck_assert_uint_eq(hear_at(&s), from + at);
		else
			stream_hear(&s, line);
	hear_end(&s);
	free(copy);
	stream_clear(&s);
}

TEST(test_past)
{
	int fd = connect_writer();
	unsigned long r;

	client_ask(fd, "PUT b k 0\n", "OK\r\n");
	r = (unsigned long)client_stat(fd, "revision");
	expect_past(r, "", "AT 0");
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	client_ask(fd, "PUT a k 9\n", "OK\r\n");
	client_ask(fd, "BEGIN\nPUT b l 2\nPUT a k 8\nDELETE b k\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	client_ask(fd, "PUT b kk 4\n", "OK\r\n");
	client_ask(fd, "PUT a k 7\n", "OK\r\n");
	expect_past(r, "",
	    "k SET TO 1|AT 1|l SET TO 2|k DELETED|AT 3|kk SET TO 4|AT 4|AT 5");
	expect_past(r, "PREFIX l", "l SET TO 2|AT 3|AT 5");
	expect_past(r, "PREFIX k",
	    "k SET TO 1|AT 1|k DELETED|AT 3|kk SET TO 4|AT 4|AT 5");
	expect_past(r, "PREFIX none", "AT 5");
	expect_past(r + 3, "", "kk SET TO 4|AT 1|AT 2");
	expect_past(r + 5, "", "AT 0");
	(void)close(fd);
}

/* A revision that has not come yet is not known, nor is one that the log does
 * not reach back to. */
TEST(test_unknown_revision)
{
	int fd = connect_writer();
	unsigned long r = (unsigned long)client_stat(fd, "revision");
	struct stream s;

	connect_stream(&s);
	subscribe_since(&s, "b", r + 1);
	stream_hear(&s, "MISSED");
	ck_assert_uint_eq(hear_at(&s), r);
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	stream_hear(&s, "k SET TO 1");
	ck_assert_uint_eq(hear_at(&s), r + 1);
	subscribe_since(&s, "b", INT64_MAX);
	stream_hear(&s, "MISSED");
	ck_assert_uint_eq(hear_at(&s), r + 1);
	hear_end(&s);
	stream_clear(&s);
	(void)close(fd);
}

static void
fill_logs(int fd)
{
	int i;

	for (i = 0; i < LOGS; i++)
		put_large(fd, "a", 0, 100, false);
}

/* A subscriber to a bucket that nobody changes is told a revision from time to
 * time, and can come back with that. */
TEST(test_quiet_bucket)
{
	int fd = connect_writer();
	unsigned long first, last, r;
	struct stream s;

	connect_stream(&s);
	subscribe_since(&s, "b", 0);
	first = last = hear_at(&s);
	fill_logs(fd);
	ask(&s, "ECHO end\n");
	for (;;) {
		if (sscanf(stream_line(&s), "AT %lu", &r) != 1)
			break;
		ck_assert_uint_gt(r, last);
		last = r;
	}
	stream_hear(&s, "OK");
	ck_assert_uint_gt(last, first);
	subscribe_since(&s, "b", first);
	stream_hear(&s, "MISSED");
	r = hear_at(&s);
	ck_assert_uint_gt(r, last);
	subscribe_since(&s, "b", last);
	ck_assert_uint_eq(hear_at(&s), r);
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	stream_hear(&s, "k SET TO 1");
	stream_clear(&s);
	(void)close(fd);
}

/* The bucket is another one than that of the revision: the client is told that
 * it may know entries that are gone. */
TEST(test_replaced_bucket)
{
	int fd = connect_writer();
	unsigned long r = (unsigned long)client_stat(fd, "revision");

	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	client_ask(fd,
	    "BEGIN\nPUT b l 1\nDROP b\nCREATE b\nPUT b k 2\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	client_ask(fd, "PUT b m 3\n", "OK\r\n");
	expect_past(r, "", "MISSED|k SET TO 2|AT 2|m SET TO 3|AT 3");
	expect_past(r, "PREFIX m", "MISSED|AT 2|m SET TO 3|AT 3");
	expect_past(r + 2, "", "m SET TO 3|AT 1");
	/* It is dropped while nobody is there, and so is another one. */
	client_ask(fd, "DROP a\n", "OK\r\n");
	expect_past(r + 3, "", "AT 1");
	(void)close(fd);
}

/* The registry dies between the events and after them, with several
 * subscriptions of a worker: nothing is told twice, of none of them. */
TEST(test_several)
{
	int fd = connect_writer();
	unsigned long r = (unsigned long)client_stat(fd, "revision");
	struct stream s;
	pid_t worker;

	client_ask(fd, "CREATE c\n", "OK\r\n");
	connect_stream(&s);
	ask(&s, "SUBSCRIBE a\n");
	hear_end(&s);
	client_ask(fd, "PUT a k 1\nPUT b k 2\nPUT c k 3\n",
	    "OK\r\nOK\r\nOK\r\n");
	stream_hear(&s, "k SET TO 1");
	/* What came before in a is not told again. */
	subscribe_since(&s, "b", r);
	stream_hear(&s, "k SET TO 2");
	(void)hear_at(&s);
	subscribe_since(&s, "c", r);
	stream_hear(&s, "k SET TO 3");
	(void)hear_at(&s);
	hear_end(&s);
	worker = server_worker(server, s.fd);
	signal_process(worker, SIGSTOP);
	client_ask(fd, "PUT a k 4\nPUT b k 5\n", "OK\r\nOK\r\n");
	kill_registry();
	client_ask(fd, "PUT c k 6\n", "OK\r\n");
	signal_process(worker, SIGCONT);
	stream_hear(&s, "k SET TO 4");
	if (strcmp(stream_line(&s), "k SET TO 5") != 0)
		stream_hear(&s, "k SET TO 5");
	(void)hear_at(&s);
	stream_hear(&s, "k SET TO 6");
	(void)hear_at(&s);
	/* It dies while it tells what came before. */
	signal_process(worker, SIGSTOP);
	subscribe_since(&s, "b", r);
	kill_registry();
	signal_process(worker, SIGCONT);
	stream_hear(&s, "k SET TO 2");
	(void)hear_at(&s);
	stream_hear(&s, "k SET TO 5");
	(void)hear_at(&s);
	(void)hear_at(&s);
	ask(&s, "UNSUBSCRIBE b\n");
	stream_hear(&s, "OK");
	client_ask(fd, "PUT b k 7\nPUT a k 8\n", "OK\r\nOK\r\n");
	stream_hear(&s, "k SET TO 8");
	(void)hear_at(&s);
	hear_end(&s);
	stream_clear(&s);
	(void)close(fd);
}

/*
 * Writers count up keys of their own in b, some in transactions with others in
 * a, and count keys that the subscribers do not ask for.
 */

#define WRITERS 2
#define ROUNDS 40

static void
count_up(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int n;

	while (!job->stop) {
		for (n = 1 + draw(&job->seed, 20); n > 0; n--) {
			job->values[0]++;
			add(&out, "PUT b x%u %lu\nBEGIN\nPUT b w%u %lu\n",
			    job->id, job->values[0], job->id, job->values[0]);
			add(&out, "PUT a k%u %lu\nPUT b v%u %lu\nCOMMIT\n",
			    job->id, job->values[0], job->id, job->values[0]);
			add(&want,
			    "OK\r\nOK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
			    "OK\r\nOK\r\nOK\r\nOK\r\n");
		}
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

/* What a client knows, up to the last revision that it was told. */
struct known {
	unsigned long revision;
	unsigned long last[WRITERS];
};

/* Reads events up to the next revision: all of a commit, once. */
static void
follow(struct stream *s, struct known *k)
{
	struct known next = *k;
	unsigned int writer;
	unsigned long value;
	char *line;

	while (sscanf(line = stream_line(s), "AT %lu", &value) != 1) {
		ck_assert_msg(sscanf(line, "w%u SET TO %lu", &writer, &value) ==
			2,
		    "%s", line);
		ck_assert_uint_lt(writer, WRITERS);
		ck_assert_msg(value == next.last[writer] + 1, "%s after %lu",
		    line, next.last[writer]);
		next.last[writer] = value;
	}
	ck_assert_uint_ge(value, k->revision);
	next.revision = value;
	*k = next;
}

static void
come_back(struct stream *s, const struct known *k)
{
	char request[64];

	connect_stream(s);
	snprintf(request, sizeof(request), "SUBSCRIBE b SINCE %lu PREFIX w\n",
	    k->revision);
	ask(s, request);
}

/* In each round the client comes back, follows for a while, and leaves in the
 * middle of what it is told; in some the registry is killed. */
TEST(test_come_back)
{
	int fd = connect_writer(), round;
	struct job *jobs = jobs_new(WRITERS);
	unsigned int seed = jobs[0].seed, n, i;
	struct known k = { (unsigned long)client_stat(fd, "revision"), { 0 } };
	struct stream s;

	jobs_start(jobs, WRITERS, server, count_up);
	for (round = 0; round < ROUNDS; round++) {
		come_back(&s, &k);
		for (n = draw(&seed, 300); n > 0; n--) {
			follow(&s, &k);
			if (draw(&seed, 200) == 0)
				kill_registry();
		}
		stream_clear(&s);
		jobs_await(jobs, WRITERS, draw(&seed, 4));
	}
	jobs_stop(jobs, WRITERS);
	come_back(&s, &k);
	for (i = 0; i < WRITERS; i++)
		while (k.last[i] < jobs[i].values[0])
			follow(&s, &k);
	while (k.revision < (unsigned long)client_stat(fd, "revision"))
		follow(&s, &k);
	hear_end(&s);
	stream_clear(&s);
	jobs_free(jobs, WRITERS);
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("since", told_setup, told_teardown),
	ONCE(test_errors),
	ONCE(test_prefix),
	ONCE(test_replaced_subscription),
	ONCE(test_revisions),
	ONCE(test_past),
	ONCE(test_unknown_revision),
	ONCE(test_replaced_bucket),
	ONCE(test_several),
	ONCE(test_come_back),
	CASE("small log", told_setup_small_log, told_teardown),
	ONCE(test_quiet_bucket),
};

SUITE("since", tests)
