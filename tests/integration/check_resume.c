/*
 * check_resume: when the registry dies, subscribers are told from the log what
 * they missed: each event once, in order, the events of a transaction together;
 * and MISSED only if the log does not reach back.
 *
 * A subscriber's worker that is stopped (SIGSTOP) takes no events: they fill its
 * socket, and then wait in the registry, which is killed with them.
 */

#include <signal.h>
#include <unistd.h>

#include "told.h"

struct subscriber {
	struct stream s;
	pid_t worker;
};

static void
subscribe(struct subscriber *sub, const char *buckets)
{
	int fd = client_connect(server);
	char text[64];

	for (; *buckets != '\0'; buckets++) {
		snprintf(text, sizeof(text), "SUBSCRIBE %c\nECHO on\n",
		    *buckets);
		client_ask(fd, text, "on\r\nOK\r\n");
	}
	sub->worker = server_worker(server, fd);
	stream_init(&sub->s, fd);
}

static void
leave(struct subscriber *sub)
{
	hear_end(&sub->s);
	stream_clear(&sub->s);
}

static void
hear_large(struct subscriber *sub, unsigned int from, unsigned int n)
{
	unsigned int i, number;
	char *line;

	for (i = from; i < from + n; i++) {
		line = stream_line(&sub->s);
		number = UINT32_MAX;
		ck_assert_msg(sscanf(line, "k%u SET TO v", &number) == 1,
		    "%.40s", line);
		ck_assert_uint_eq(number, i);
		ck_assert_uint_gt(strlen(line), LARGE);
	}
}

/*
 * The registry dies with events in its queue, and with half of one in the
 * socket: of a commit each, or of one.
 */
TEST(test_killed_with_queue)
{
	int fd = connect_writer();
	struct subscriber sub;

	subscribe(&sub, "b");
	put_large(fd, "b", 0, 3, false);
	hear_large(&sub, 0, 3);
	signal_process(sub.worker, SIGSTOP);
	put_large(fd, "b", 3, 80, _i == 1);
	kill_registry();
	put_large(fd, "b", 83, 20, false);
	signal_process(sub.worker, SIGCONT);
	hear_large(&sub, 3, 100);
	leave(&sub);
	(void)close(fd);
}

/* The client takes nothing while it is told what it missed, which is more than
 * may be queued for it. */
TEST(test_slow)
{
	int fd = connect_writer(), i;
	struct subscriber slow, fast;

	subscribe(&slow, "b");
	subscribe(&fast, "b");
	signal_process(slow.worker, SIGSTOP);
	signal_process(fast.worker, SIGSTOP);
	kill_registry();
	for (i = 0; i < 10; i++)
		put_large(fd, "b", 100 * (unsigned int)i, 100, i % 2 == 0);
	/* The reply comes behind what was committed before the request. */
	client_say(fast.s.fd, "PING\n");
	signal_process(slow.worker, SIGCONT);
	signal_process(fast.worker, SIGCONT);
	hear_large(&fast, 0, 1000);
	stream_hear(&fast.s, "OK");
	leave(&fast);
	put_large(fd, "b", 1000, 10, false);
	/* It dies again, when the slow one has taken a part. */
	hear_large(&slow, 0, 100);
	kill_registry();
	put_large(fd, "b", 1010, 10, false);
	hear_large(&slow, 100, 920);
	leave(&slow);
	(void)close(fd);
}

/*
 * Many come back: at once or one after the other.  Every other one takes nothing
 * and leaves, while it is told.
 */
#define MANY 30

TEST(test_many)
{
	int fd = connect_writer(), i;
	struct subscriber sub[MANY];

	for (i = 0; i < MANY; i++)
		subscribe(&sub[i], "b");
	for (i = 0; i < MANY; i++)
		signal_process(sub[i].worker, SIGSTOP);
	kill_registry();
	put_large(fd, "b", 0, 200, false);
	put_large(fd, "b", 200, 100, true);
	for (i = 0; i < MANY; i++) {
		signal_process(sub[i].worker, SIGCONT);
		if (_i == 1 && i % 3 == 0)
			hear_large(&sub[i], 0, 1);
	}
	for (i = 0; i < MANY; i++) {
		if (i % 2 == 1)
			stream_clear(&sub[i].s);
		else if (_i == 1 && i % 3 == 0)
			hear_large(&sub[i], 1, 299);
		else
			hear_large(&sub[i], 0, 300);
	}
	for (i = 0; i < MANY; i += 2)
		leave(&sub[i]);
	client_ask(fd, "PUT b k 1\n", "OK\r\n");
	(void)close(fd);
}

/* Each kind of change, of two buckets, which a transaction has changed too. */
TEST(test_kinds)
{
	static const char *const heard[] = { "k SET TO 2",
		"\"a b\" SET TO \"\"", "k DELETED", "x SET TO 1", "y SET TO 2",
		"x SET TO 3", "t SET TO v" };
	int fd = connect_writer();
	struct subscriber both, one;
	size_t i;

	subscribe(&both, "ab");
	subscribe(&one, "a");
	client_ask(fd, "CREATE c\nPUT a k 1\n", "OK\r\nOK\r\n");
	stream_hear(&both.s, "k SET TO 1");
	stream_hear(&one.s, "k SET TO 1");
	signal_process(both.worker, SIGSTOP);
	signal_process(one.worker, SIGSTOP);
	kill_registry();
	client_ask(fd,
	    "PUT a k 2\nPUT c k 2\nEXPIRE a k 100\nPERSIST a k\n"
	    "PUT b \"a b\" \"\"\nDELETE a k\nDELETE a none\n",
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	client_ask(fd,
	    "BEGIN\nPUT a x 1\nPUT c y 1\nPUT b y 2\nPUT a x 3\n"
	    "COMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	client_ask(fd, "BEGIN\nPUT a u 1\nCAS a k no yes\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nCONFLICT\r\n");
	client_ask(fd, "PUT b t v EX 1\n", "OK\r\n");
	signal_process(both.worker, SIGCONT);
	signal_process(one.worker, SIGCONT);
	for (i = 0; i < COUNT(heard); i++)
		stream_hear(&both.s, heard[i]);
	stream_hear(&both.s, "t DELETED");
	stream_hear(&one.s, heard[0]);
	stream_hear(&one.s, heard[2]);
	stream_hear(&one.s, heard[3]);
	stream_hear(&one.s, heard[5]);
	leave(&both);
	leave(&one);
	(void)close(fd);
}

/* What expires before the subscriber is back, it is told as well. */
TEST(test_expired)
{
	int fd = connect_writer();
	struct subscriber sub;
	int64_t deadline_ms = now_ms() + WAIT_MS;

	subscribe(&sub, "b");
	client_ask(fd, "PUT b t v EX 1\nPUT b u v EX 1000\n", "OK\r\nOK\r\n");
	stream_hear(&sub.s, "t SET TO v");
	stream_hear(&sub.s, "u SET TO v");
	signal_process(sub.worker, SIGSTOP);
	kill_registry();
	while (client_stat(fd, "keys") == 2)
		pause_until(deadline_ms, "nothing expires");
	signal_process(sub.worker, SIGCONT);
	stream_hear(&sub.s, "t DELETED");
	leave(&sub);
	(void)close(fd);
}

/* A bucket is dropped, and another one of its name made. */
TEST(test_dropped)
{
	int fd = connect_writer();
	struct subscriber sub;

	subscribe(&sub, "ab");
	signal_process(sub.worker, SIGSTOP);
	kill_registry();
	client_ask(fd,
	    "PUT b k 1\nDROP b\nCREATE b\nPUT b k 2\nPUT a k 3\n"
	    "DROP b\nCREATE b\n",
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\nOK\r\n");
	signal_process(sub.worker, SIGCONT);
	stream_hear(&sub.s, "k SET TO 1");
	stream_hear(&sub.s, "DROPPED");
	stream_hear(&sub.s, "k SET TO 3");
	client_ask(fd, "PUT b k 4\nPUT a k 5\n", "OK\r\nOK\r\n");
	stream_hear(&sub.s, "k SET TO 5");
	client_ask(sub.s.fd, "SUBSCRIBE b\nECHO on\n", "on\r\nOK\r\n");
	kill_registry();
	client_ask(fd, "PUT b k 6\nPUT a k 7\n", "OK\r\nOK\r\n");
	stream_hear(&sub.s, "k SET TO 6");
	stream_hear(&sub.s, "k SET TO 7");
	leave(&sub);
	(void)close(fd);
}

/*
 * The log is written through again and again, and nothing of it is about this
 * subscriber's bucket: it misses nothing.
 */
TEST(test_quiet_bucket)
{
	int fd = connect_writer();
	struct subscriber sub;
	unsigned int i;

	subscribe(&sub, "a");
	client_ask(fd, "PUT a k 0\n", "OK\r\n");
	stream_hear(&sub.s, "k SET TO 0");
	for (i = 0; i < LOGS; i++)
		put_large(fd, "b", 0, 100, false);
	kill_registry();
	client_ask(fd, "PUT a k 1\n", "OK\r\n");
	stream_hear(&sub.s, "k SET TO 1");
	leave(&sub);
	(void)close(fd);
}

/* The log does not reach back: MISSED, even for who has heard some of it. */
TEST(test_missed)
{
	int fd = connect_writer();
	struct subscriber sub, gone;
	unsigned int i;

	subscribe(&sub, "b");
	subscribe(&gone, "ab");
	signal_process(sub.worker, SIGSTOP);
	signal_process(gone.worker, SIGSTOP);
	kill_registry();
	client_ask(fd, "DROP a\nCREATE a\n", "OK\r\nOK\r\n");
	for (i = 0; i < LOGS; i++) {
		put_large(fd, "b", 0, 100, false);
		if (i == LOGS / 2)
			kill_registry();
	}
	signal_process(sub.worker, SIGCONT);
	signal_process(gone.worker, SIGCONT);
	stream_hear(&sub.s, "MISSED");
	stream_hear(&gone.s, "MISSED");
	stream_hear(&gone.s, "DROPPED");
	hear_end(&sub.s);
	hear_end(&gone.s);
	client_ask(fd, "PUT b k 1\nPUT a k 1\n", "OK\r\nOK\r\n");
	stream_hear(&sub.s, "k SET TO 1");
	stream_hear(&gone.s, "k SET TO 1");
	kill_registry();
	client_ask(fd, "PUT b k 2\nPUT a k 2\n", "OK\r\nOK\r\n");
	stream_hear(&sub.s, "k SET TO 2");
	stream_hear(&gone.s, "k SET TO 2");
	leave(&sub);
	leave(&gone);
	(void)close(fd);
}

/*
 * Writers whose transactions change both buckets: b gets p and r, and a gets q.
 * Whoever has subscribed to both hears p, q and r together.
 */

#define WRITERS 2
#define SUBSCRIBERS 4
#define KILLS 30

static void
put_triples(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int n;

	while (!job->stop) {
		if (job->done >= job->allowed) {
			(void)usleep(1000);
			continue;
		}
		for (n = 1 + draw(&job->seed, 5); n > 0; n--) {
			job->values[0]++;
			add(&out, "BEGIN\nPUT b p%u %lu\nPUT a q%u %lu\n",
			    job->id, job->values[0], job->id, job->values[0]);
			add(&out, "PUT b r%u %lu\nCOMMIT\n", job->id,
			    job->values[0]);
			add(&want,
			    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
			    "OK\r\nOK\r\nOK\r\nOK\r\n");
		}
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

struct hearer {
	struct subscriber sub;
	const char *keys; /* those that it hears, of each transaction */
	unsigned long last[WRITERS];
};

/* Reads the events of one transaction. */
static void
hear_triple(struct hearer *h)
{
	unsigned int writer;
	unsigned long value;
	const char *k;
	char key, want[64], *line = stream_line(&h->sub.s);

	ck_assert_msg(sscanf(line, "%c%u SET TO %lu", &key, &writer, &value) ==
		3,
	    "%s", line);
	ck_assert_int_eq(key, h->keys[0]);
	ck_assert_uint_lt(writer, WRITERS);
	ck_assert_msg(value == h->last[writer] + 1, "%s after %lu", line,
	    h->last[writer]);
	h->last[writer] = value;
	for (k = h->keys + 1; *k != '\0'; k++) {
		snprintf(want, sizeof(want), "%c%u SET TO %lu", *k, writer,
		    value);
		stream_hear(&h->sub.s, want);
	}
}

static void
hear_all(struct hearer *h, const struct job *jobs)
{
	unsigned int i;

	for (i = 0; i < WRITERS; i++)
		while (h->last[i] < jobs[i].values[0])
			hear_triple(h);
}

/*
 * Waits until each writer has done so many more rounds.  It is allowed more than
 * that, so that it goes on writing.
 */
static void
let_write(struct job *jobs, unsigned long more)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	unsigned long want[WRITERS];
	unsigned int i;

	for (i = 0; i < WRITERS; i++) {
		want[i] = jobs[i].done + more;
		jobs[i].allowed = want[i] + 100;
	}
	for (i = 0; i < WRITERS; i++)
		while (jobs[i].done < want[i])
			pause_until(deadline_ms, "the writers do not get on");
}

/*
 * In each round the writers write, and the registry is killed in the middle of
 * it; in some rounds a subscriber is stopped until it has died.
 */
static void
run_round(struct hearer *h, struct job *jobs, unsigned int *seed)
{
	struct hearer *stopped = &h[draw(seed, 2 * SUBSCRIBERS)];
	bool stop = stopped < h + SUBSCRIBERS;

	if (stop)
		signal_process(stopped->sub.worker, SIGSTOP);
	let_write(jobs, 10 + draw(seed, 40));
	kill_registry();
	let_write(jobs, draw(seed, 10));
	if (stop)
		signal_process(stopped->sub.worker, SIGCONT);
}

TEST(test_stream)
{
	static const char *const buckets[] = { "ab", "b", "a", "ba" };
	static const char *const keys[] = { "pqr", "pr", "q", "pqr" };
	int fd = connect_writer();
	struct job *jobs = jobs_new(WRITERS);
	struct hearer h[SUBSCRIBERS];
	unsigned int i, seed = jobs[0].seed;

	for (i = 0; i < SUBSCRIBERS; i++) {
		h[i] = (struct hearer){ .keys = keys[i] };
		subscribe(&h[i].sub, buckets[i]);
	}
	jobs_start(jobs, WRITERS, server, put_triples);
	for (i = 0; i < KILLS; i++)
		run_round(h, jobs, &seed);
	jobs_stop(jobs, WRITERS);
	for (i = 0; i < SUBSCRIBERS; i++) {
		hear_all(&h[i], jobs);
		leave(&h[i].sub);
	}
	printf("%lu transactions\n", jobs[0].values[0] + jobs[1].values[0]);
	jobs_free(jobs, WRITERS);
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("resume", told_setup, told_teardown),
	LOOP(test_killed_with_queue, 2),
	ONCE(test_slow),
	LOOP(test_many, 2),
	ONCE(test_kinds),
	ONCE(test_expired),
	ONCE(test_dropped),
	ONCE(test_stream),
	CASE("small log", told_setup_small_log, told_teardown),
	LOOP(test_killed_with_queue, 2),
	ONCE(test_quiet_bucket),
	ONCE(test_missed),
	ONCE(test_stream),
};

SUITE("resume", tests)
