/*
 * check_subscribe: subscriptions over the wire: every event comes once, in
 * order, and between replies; and what happens to clients that are slow, and
 * when the registry dies.
 */

#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "proc.h"
#include "stream.h"

#define X15 "xxxxxxxxxxxxxxx"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 X15
#define X256 X255 "x"

static struct server *server;

static void
start(const char *const options[])
{
	server = server_new();
	for (; *options != NULL; options++)
		server_option(server, "%s", *options);
	listen_unix(server);
	server_run(server);
}

static void
setup(void)
{
	static const char *const options[] = { "sync never", NULL };

	start(options);
}

static void
setup_small(void)
{
	static const char *const options[] = { "sync never", "max-value 1",
		NULL };

	start(options);
}

static void
setup_impatient(void)
{
	static const char *const options[] = { "sync never", "idle-timeout 1s",
		NULL };

	start(options);
}

/* The registry may be absent for long while it dies again and again. */
static void
setup_patient(void)
{
	static const char *const options[] = { "registry-timeout 60s", NULL };

	start(options);
}

static void
teardown(void)
{
	server_stop(server);
}

/* Connects, and creates the bucket. */
static int
connect_with_bucket(void)
{
	int fd = client_connect(server);

	client_ask(fd, "CREATE b\n", "OK\r\n");
	return fd;
}

/* Subscribes; there is no reply, so the next request shows that it was done. */
static void
subscribe(int fd)
{
	client_ask(fd, "SUBSCRIBE b\nECHO on\n", "on\r\nOK\r\n");
}

static int
connect_subscribed(void)
{
	int fd = client_connect(server);

	subscribe(fd);
	return fd;
}

/* These are the lines that one client gets. */

static const struct line {
	const char *request;
	const char *reply;
} lines[] = {
	{ "SUBSCRIBE b\n", "NOT FOUND\r\n" },
	{ "UNSUBSCRIBE b\n", "OK\r\n" },
	{ "SUBSCRIBE\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE a b\n", "UNKNOWN COMMAND\r\n" },
	{ "UNSUBSCRIBE\n", "UNKNOWN COMMAND\r\n" },
	{ "SUBSCRIBE \"\"\n", "ERROR bucket name empty\r\n" },
	{ "UNSUBSCRIBE \"\"\n", "ERROR bucket name empty\r\n" },
	{ "SUBSCRIBE " X256 "\n", "ERROR bucket name too long\r\n" },
	{ "UNSUBSCRIBE " X256 "\n", "ERROR bucket name too long\r\n" },
	{ "SUBSCRIBE " X255 "\n", "NOT FOUND\r\n" },
	{ "CREATE b\n", "OK\r\n" },
	{ "CREATE c\n", "OK\r\n" },
	{ "PUT b k 0\n", "OK\r\n" },
	{ "SUBSCRIBE b\nECHO on\n", "on\r\nOK\r\n" },
	/* its own commands, whose events follow the replies */
	{ "PUT b k 1\n", "OK\r\nk SET TO 1\r\n" },
	{ "PUT b k 1\n", "OK\r\nk SET TO 1\r\n" },
	{ "INCR b k\n", "2\r\nOK\r\nk SET TO 2\r\n" },
	{ "INCR b k -5\n", "-3\r\nOK\r\nk SET TO -3\r\n" },
	{ "DELETE b k\n", "OK\r\nk DELETED\r\n" },
	{ "PUT b k \"\"\n", "OK\r\nk SET TO \"\"\r\n" },
	{ "PUT b \"a b\" \"c\\n\\xff\"\n",
	    "OK\r\n\"a b\" SET TO \"c\\n\\xff\"\r\n" },
	{ "DELETE b \"a b\"\n", "OK\r\n\"a b\" DELETED\r\n" },
	{ "PUT b " X255 " v\n", "OK\r\n" X255 " SET TO v\r\n" },
	{ "DELETE b " X255 "\n", "OK\r\n" X255 " DELETED\r\n" },
	{ "PUT b ERROR \"x y\"\n",
	    "OK\r\n\"ERROR\" \"SET\" \"TO\" \"x y\"\r\n" },
	{ "DELETE b ERROR\n", "OK\r\n\"ERROR\" \"DELETED\"\r\n" },
	{ "ADD b n 1\n", "OK\r\nn SET TO 1\r\n" },
	{ "CAS b n 1 2\n", "OK\r\nn SET TO 2\r\n" },
	{ "PUT b n 3 EX 1000\n", "OK\r\nn SET TO 3\r\n" },
	{ "INCR b n\n", "4\r\nOK\r\nn SET TO 4\r\n" },
	/* commands that change nothing, or something else */
	{ "EXPIRE b n 2000\n", "OK\r\n" },
	{ "PERSIST b n\n", "OK\r\n" },
	{ "ADD b n 1\n", "CONFLICT\r\n" },
	{ "CAS b n 1 2\n", "CONFLICT\r\n" },
	{ "CAS b none 1 2\n", "CONFLICT\r\n" },
	{ "DELETE b n\n", "OK\r\nn DELETED\r\n" },
	{ "DELETE b none\n", "OK\r\n" },
	{ "CREATE b\n", "OK\r\n" },
	{ "PUT b k x\n", "OK\r\nk SET TO x\r\n" },
	{ "INCR b k\n", "ERROR value not a number\r\n" },
	{ "PUT c k 1\n", "OK\r\n" },
	{ "DELETE c k\n", "OK\r\n" },
	{ "GET b k\n", "x\r\nOK\r\n" },
	{ "KEYS b\n", "k\r\nOK\r\n" },
	{ "PUT b \"\" 1\n", "ERROR key empty\r\n" },
	/* a second SUBSCRIBE has no effect */
	{ "SUBSCRIBE b\nsubscribe b\nECHO on\n", "on\r\nOK\r\n" },
	{ "PUT b k 2\n", "OK\r\nk SET TO 2\r\n" },
	{ "SUBSCRIBE c\nECHO on\n", "on\r\nOK\r\n" },
	{ "PUT c k 3\n", "OK\r\nk SET TO 3\r\n" },
	{ "PUT b k 4\n", "OK\r\nk SET TO 4\r\n" },
	{ "UNSUBSCRIBE b\n", "OK\r\n" },
	{ "PUT b k 5\n", "OK\r\n" },
	{ "PUT c k 6\n", "OK\r\nk SET TO 6\r\n" },
	{ "UNSUBSCRIBE c\n", "OK\r\n" },
	{ "UNSUBSCRIBE c\n", "OK\r\n" },
	{ "PUT c k 7\n", "OK\r\n" },
	{ "SUBSCRIBE c\nUNSUBSCRIBE c\n", "OK\r\n" },
	{ "PUT c k 8\nECHO end\n", "OK\r\nend\r\nOK\r\n" },

	/* transactions: all events come together, after the reply */
	{ "SUBSCRIBE b\nSUBSCRIBE c\nECHO on\n", "on\r\nOK\r\n" },
	{ "BEGIN\nPUT b k 1\nPUT c l 2\n", "OK\r\nQUEUED\r\nQUEUED\r\n" },
	{ "SUBSCRIBE b\nUNSUBSCRIBE b\n",
	    "ERROR cannot be queued\r\nERROR cannot be queued\r\n" },
	{ "KEYS b\n", "ERROR cannot be queued\r\n" },
	{ "DELETE b k\nCOMMIT\n",
	    "QUEUED\r\nOK\r\nOK\r\nOK\r\nOK\r\n"
	    "k SET TO 1\r\nl SET TO 2\r\nk DELETED\r\n" },
	{ "BEGIN\nPUT b k 2\nABORT\n", "OK\r\nQUEUED\r\nOK\r\n" },
	{ "BEGIN\nPUT b k 3\nADD c l 4\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nCONFLICT\r\n" },
	{ "BEGIN\nPUT b k 3\nPUT none l 4\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nNOT FOUND\r\n" },
	{ "BEGIN\nDROP b\nCAS c l 1 5\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nCONFLICT\r\n" },
	{ "PUT b k 6\n", "OK\r\nk SET TO 6\r\n" },

	/* DROP ends the subscription */
	{ "DROP b\n", "OK\r\nDROPPED\r\n" },
	{ "DROP b\n", "NOT FOUND\r\n" },
	{ "UNSUBSCRIBE b\n", "OK\r\n" },
	{ "SUBSCRIBE b\n", "NOT FOUND\r\n" },
	{ "CREATE b\nPUT b k 1\nECHO none\n", "OK\r\nOK\r\nnone\r\nOK\r\n" },
	{ "SUBSCRIBE b\nECHO on\n", "on\r\nOK\r\n" },
	{ "PUT b k 2\n", "OK\r\nk SET TO 2\r\n" },
	/* DROP does so even if the bucket is created again at once */
	{ "BEGIN\nPUT b k 3\nDROP b\nCREATE b\nPUT b k 4\nCOMMIT\n",
	    "OK\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\nQUEUED\r\n"
	    "OK\r\nOK\r\nOK\r\nOK\r\nOK\r\nk SET TO 3\r\nDROPPED\r\n" },
	{ "PUT b k 5\nPUT c l 5\n", "OK\r\nOK\r\nl SET TO 5\r\n" },
	{ "DROP b\nDROP c\n", "OK\r\nOK\r\nDROPPED\r\n" },
	{ "ECHO end\n", "end\r\nOK\r\n" },
};

TEST(test_lines)
{
	int fd = client_connect(server);
	size_t i;

	for (i = 0; i < COUNT(lines); i++)
		client_ask(fd, lines[i].request, lines[i].reply);
	(void)close(fd);
}

/* The lines of requests and of replies come in two halves. */
TEST(test_two_clients)
{
	int writer = connect_with_bucket(), fd = connect_subscribed();

	client_say(fd, "EC");
	client_ask(writer, "PUT b k 1\n", "OK\r\n");
	client_hear(fd, "k SET TO 1\r\n");
	client_ask(fd, "HO x\n", "x\r\nOK\r\n");
	client_ask(writer, "DELETE b k\nDELETE b k\n", "OK\r\nOK\r\n");
	client_hear(fd, "k DELETED\r\n");
	client_ask(fd, "QUIT\n", "OK\r\n");
	client_expect_end(fd);
	client_ask(writer, "PUT b k 1\n", "OK\r\n");
	(void)close(writer);
}

#define SUBSCRIPTIONS_MAX 256
/* The name leaves room for a number. */
#define LONG_NAME X64 X64 X64 X16 X16 X16

static void
subscribe_to_most(int fd)
{
	struct buf out = { 0 }, want = { 0 };
	int i;

	for (i = 0; i < SUBSCRIPTIONS_MAX; i++) {
		add(&out, "CREATE " LONG_NAME "%d\n", i);
		add(&out, "SUBSCRIBE " LONG_NAME "%d\n", i);
		add(&want, "OK\r\n");
	}
	exchange_bufs(fd, &out, &want);
	client_ask(fd, "ECHO on\n", "on\r\nOK\r\n");
	buf_clear(&out);
	buf_clear(&want);
}

/* All subscriptions are kept when the registry has died. */
TEST(test_most_subscriptions)
{
	int writer = connect_with_bucket(), fd = client_connect(server), i;
	char text[512];

	subscribe_to_most(fd);
	client_ask(fd, "SUBSCRIBE b\n", "ERROR too many subscriptions\r\n");
	client_ask(fd, "SUBSCRIBE " LONG_NAME "7\nECHO on\n", "on\r\nOK\r\n");
	process_kill(server_pid(server, "registry"));
	client_ask(fd, "PING\n", "OK\r\n");
	for (i = 0; i < SUBSCRIPTIONS_MAX; i += 51) {
		snprintf(text, sizeof(text), "PUT " LONG_NAME "%d k %d\n", i,
		    i % 10);
		client_ask(writer, text, "OK\r\n");
		snprintf(text, sizeof(text), "k SET TO %d\r\n", i % 10);
		client_hear(fd, text);
	}
	client_ask(fd, "UNSUBSCRIBE " LONG_NAME "7\n", "OK\r\n");
	client_ask(fd, "SUBSCRIBE b\nECHO on\n", "on\r\nOK\r\n");
	(void)close(fd);
	(void)close(writer);
}

/* Events of earlier writes come before the reply. */
TEST(test_unsubscribe_behind_writes)
{
	int other = connect_with_bucket(), fd = connect_subscribed(), round;
	struct stream s;
	char *line;
	int oks, events;

	stream_init(&s, fd);
	for (round = 0; round < 50; round++) {
		client_say(fd,
		    "PUT b k 1\nPUT b k 2\nDELETE b k\nUNSUBSCRIBE b\n"
		    "PUT b k 3\nECHO end\nSUBSCRIBE b\n");
		for (oks = events = 0; oks < 4;) {
			line = stream_line(&s);
			if (strcmp(line, "OK") == 0)
				oks++;
			else
				events++;
		}
		ck_assert_int_eq(events, 3);
		stream_hear(&s, "OK");
		stream_hear(&s, "end");
		stream_hear(&s, "OK");
	}
	stream_clear(&s);
	(void)close(other);
}

/*
 * Several clients write, and several subscribe.  A writer's values of a key are
 * numbered, and every tenth is a DELETE.
 */

#define WRITERS 3
#define KEYS 4

static void
put_numbers(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int n, key;

	while (!job->stop) {
		if (job->done >= job->allowed) {
			(void)usleep(1000);
			continue;
		}
		for (n = 1 + draw(&job->seed, 20); n > 0; n--) {
			key = draw(&job->seed, KEYS);
			if (++job->values[key] % 10 == 0)
				add(&out, "DELETE b c%uk%u\n", job->id, key);
			else
				add(&out, "PUT b c%uk%u %lu\n", job->id, key,
				    job->values[key]);
			add(&want, "OK\r\n");
		}
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

/* This is what a subscriber knows about these keys. */
struct follower {
	struct stream s;
	unsigned long last[WRITERS][KEYS];
	bool missed[WRITERS][KEYS]; /* MISSED since */
	unsigned long events;
	unsigned long gaps; /* lines MISSED */
	uint64_t sum; /* of all lines in their order */
};

static void
follow_missed(struct follower *f)
{
	unsigned int i;

	f->gaps++;
	for (i = 0; i < WRITERS * KEYS; i++)
		f->missed[i / KEYS][i % KEYS] = true;
}

/* Handles an event that put_numbers() has caused. */
static void
follow(struct follower *f, const char *line)
{
	unsigned int writer, key;
	unsigned long value;
	char what[8];
	const char *p;
	int n;

	/* FNV-1a hash */
	for (p = line; *p != '\0'; p++)
		f->sum = (f->sum ^ (uint8_t)*p) * 1099511628211U;
	if (strcmp(line, "MISSED") == 0) {
		follow_missed(f);
		return;
	}
	n = sscanf(line, "c%uk%u %7s TO %lu", &writer, &key, what, &value);
	ck_assert_msg(n >= 3 && writer < WRITERS && key < KEYS, "%s", line);
	if (n == 3) {
		ck_assert_str_eq(what, "DELETED");
		/* The next event shows which number this one has. */
		value = f->last[writer][key] + 1;
		value += f->missed[writer][key] ? 9 - (value + 9) % 10 : 0;
		ck_assert_uint_eq(value % 10, 0);
	} else if (f->missed[writer][key])
		ck_assert_uint_gt(value, f->last[writer][key]);
	else
		ck_assert_msg(value == f->last[writer][key] + 1, "%s after %lu",
		    line, f->last[writer][key]);
	f->last[writer][key] = value;
	/* After a gap, a DELETED may have any number. */
	if (n != 3)
		f->missed[writer][key] = false;
	f->events++;
}

static void
followers_start(struct follower *f, size_t n)
{
	size_t i;

	memset(f, 0, n * sizeof(*f));
	for (i = 0; i < n; i++)
		stream_init(&f[i].s, connect_subscribed());
}

/*
 * This is far fewer events than the registry queues, not counting the sockets.
 */
#define BEHIND_MAX 10000

/* The writers are allowed this many rounds at a time. */
#define ALLOWED 50

/*
 * Lets the writers go on, unless a follower is far behind.  Writers wait for
 * this, so that no follower loses events however slow this process is.
 */
static void
pace(const struct follower *f, size_t n, struct job *jobs)
{
	unsigned long written = 0;
	bool behind = false;
	size_t i;

	for (i = 0; i < WRITERS * KEYS; i++)
		written += jobs[i / KEYS].values[i % KEYS];
	for (i = 0; i < n; i++)
		behind = behind ||
		    (f[i].gaps == 0 && written > f[i].events + BEHIND_MAX);
	for (i = 0; i < WRITERS && !behind; i++)
		jobs[i].allowed = jobs[i].done + ALLOWED;
}

/* The other followers have to be served as well. */
#define LINES_MAX 2000

/* Reads some of the lines that have come. */
static void
follow_some(struct follower *f)
{
	unsigned int n;
	char *line;

	for (n = 0; n < LINES_MAX && (line = stream_try(&f->s)) != NULL; n++)
		follow(f, line);
}

/* Does this for all followers. */
static void
follow_all(struct follower *f, size_t n, struct job *jobs)
{
	size_t i;

	for (i = 0; i < n; i++)
		follow_some(&f[i]);
	pace(f, n, jobs);
}

static unsigned long
rounds(const struct job *jobs)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < WRITERS; i++)
		n += jobs[i].done;
	return n;
}

/* Follows until the writers have done this many more rounds. */
static void
follow_rounds(struct follower *f, size_t n, struct job *jobs,
    unsigned long more)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	unsigned long want = rounds(jobs) + more;

	while (rounds(jobs) < want) {
		follow_all(f, n, jobs);
		pause_until(deadline_ms, "the writers do not get on");
	}
}

/*
 * After the last write, each follower has all events, or knows that it missed
 * some.
 */
static void
follow_to_end(struct follower *f, const struct job *jobs)
{
	unsigned int i;
	char *line;

	/* The registry's reply follows everything that was committed. */
	client_say(f->s.fd, "PING\nECHO the end\n");
	while (strcmp(line = stream_line(&f->s), "OK") != 0)
		follow(f, line);
	stream_hear(&f->s, "the end");
	stream_hear(&f->s, "OK");
	for (i = 0; i < WRITERS * KEYS; i++)
		if (!f->missed[i / KEYS][i % KEYS])
			ck_assert_uint_eq(f->last[i / KEYS][i % KEYS],
			    jobs[i / KEYS].values[i % KEYS]);
	stream_clear(&f->s);
}

#define FOLLOWERS 5

TEST(test_order)
{
	int fd = connect_with_bucket();
	struct job *jobs = jobs_new(WRITERS);
	struct follower f[FOLLOWERS];
	size_t i;

	followers_start(f, FOLLOWERS);
	jobs_start(jobs, WRITERS, server, put_numbers);
	follow_rounds(f, FOLLOWERS, jobs, 1000);
	jobs_stop(jobs, WRITERS);
	for (i = 0; i < FOLLOWERS; i++) {
		follow_to_end(&f[i], jobs);
		ck_assert_uint_eq(f[i].gaps, 0);
		/* All followers have the same order. */
		ck_assert_uint_eq(f[i].sum, f[0].sum);
	}
	printf("%lu events\n", f[0].events);
	jobs_free(jobs, WRITERS);
	(void)close(fd);
}

/* This subscriber sends other requests, too. */

#define LISTED 5000

static void
load_listed(int fd, struct buf *list)
{
	struct buf out = { 0 }, want = { 0 };
	int i;

	client_ask(fd, "CREATE l\n", "OK\r\n");
	for (i = 0; i < LISTED; i++) {
		add(&out, "PUT l l%05d value-%d\n", i, i);
		add(&want, "OK\r\n");
		add(list, "l%05d value-%d\n", i, i);
	}
	exchange_bufs(fd, &out, &want);
	add(list, "OK\n");
	buf_clear(&out);
	buf_clear(&want);
}

static const char *const askings[] = { "ECHO the echo\n", "GET l l00007\n",
	"PING\n", "ENTRIES l\n", "SUBSCRIBE b\n", "GET none k\n",
	"KEYS l LIMIT 3\n", "NONSENSE\n", "ENTRIES l LIMIT 3000\n",
	"GET l none\n" };
static const char *const answers[] = { "the echo\nOK\n", "value-7\nOK\n",
	"OK\n", NULL, "", "NOT FOUND\n", "l00000\nl00001\nl00002\nOK\n",
	"UNKNOWN COMMAND\n", NULL, "\nOK\n" };

/* Appends requests, and the lines that are expected for them. */
static void
add_askings(unsigned int *seed, const struct buf *list, struct buf *out,
    struct buf *want)
{
	unsigned int n, which;
	const char *end;

	for (n = 1 + draw(seed, 6); n > 0; n--) {
		which = draw(seed, COUNT(askings));
		add(out, "%s", askings[which]);
		if (answers[which] != NULL)
			add(want, "%s", answers[which]);
		else if (strstr(askings[which], "LIMIT") == NULL)
			buf_append(want, buf_data(list), buf_size(list));
		else {
			end =
			    memmem(buf_data(list), buf_size(list), "l03000", 6);
			buf_append(want, buf_data(list),
			    (size_t)(end - (const char *)buf_data(list)));
			add(want, "OK\n");
		}
	}
}

static bool
is_event(const char *line)
{
	return line[0] == 'c' && isdigit((unsigned char)line[1]);
}

static bool
is_status(const char *line)
{
	return strcmp(line, "OK") == 0 || strcmp(line, "NOT FOUND") == 0 ||
	    strcmp(line, "UNKNOWN COMMAND") == 0;
}

/* There may be events between two replies, but not within one. */
static void
hear_among_events(struct follower f[2], struct job *jobs,
    const struct buf *want)
{
	const char *next = (const char *)buf_data(want);
	const char *end = next + buf_size(want), *line;
	int64_t deadline_ms = now_ms() + WAIT_MS;
	bool inside = false;
	unsigned int n;
	size_t size;

	for (n = 1; next < end; n++) {
		line = stream_try(&f->s);
		if (line == NULL || n % LINES_MAX == 0) {
			follow_some(&f[1]);
			pace(f, 2, jobs);
		}
		if (line == NULL) {
			ck_assert(!f->s.ended);
			pause_until(deadline_ms, "no reply comes");
			continue;
		}
		if (!inside && is_event(line)) {
			follow(f, line);
			continue;
		}
		size = strcspn(next, "\n");
		ck_assert_msg(strlen(line) == size &&
			memcmp(line, next, size) == 0,
		    "\"%s\" came, where \"%.*s\" was to", line, (int)size,
		    next);
		inside = !is_status(line);
		next += size + 1;
	}
}

TEST(test_among_replies)
{
	int fd = connect_with_bucket(), round;
	struct job *jobs = jobs_new(WRITERS);
	struct buf list = { 0 }, out = { 0 }, want = { 0 };
	struct follower f[2];

	load_listed(fd, &list);
	followers_start(f, 2);
	jobs_start(jobs, WRITERS, server, put_numbers);
	for (round = 0; round < 40; round++) {
		add_askings(&jobs[0].seed, &list, &out, &want);
		client_say(f[0].s.fd, text_of(&out));
		(void)text_of(&want);
		hear_among_events(f, jobs, &want);
		buf_truncate(&out, 0);
		buf_truncate(&want, 0);
	}
	follow_rounds(f, 2, jobs, 10);
	jobs_stop(jobs, WRITERS);
	follow_to_end(&f[0], jobs);
	follow_to_end(&f[1], jobs);
	ck_assert_uint_eq(f[0].sum, f[1].sum);
	ck_assert_uint_eq(f[0].gaps, 0);
	printf("%lu events\n", f[0].events);
	buf_clear(&list);
	buf_clear(&out);
	buf_clear(&want);
	jobs_free(jobs, WRITERS);
	(void)close(fd);
}

/*
 * A client that subscribes and then reads must see no gap between the value of
 * GET and the events that follow.  There is one key, whose value is counted up.
 */

#define CHURNERS 8
#define COUNTERS 3

static void
count_up(struct job *job, int fd)
{
	struct buf out = { 0 };
	struct stream s;
	unsigned int n, i;

	stream_init(&s, fd);
	while (!job->stop) {
		n = 1 + draw(&job->seed, 5);
		for (i = 0; i < n; i++)
			add(&out, "INCR b k\n");
		(void)send(fd, buf_data(&out), buf_size(&out), MSG_NOSIGNAL);
		buf_truncate(&out, 0);
		for (n *= 2; n > 0; n--)
			if (job_line(job, &s) == NULL)
				return;
		job->done++;
	}
}

struct churn {
	struct job *job;
	struct stream s;
	unsigned long got; /* by GET; 0: not yet */
	unsigned long next; /* of the next event; 0: any */
	unsigned int oks; /* replies OK so far */
	unsigned int end; /* no event comes after this many OK */
};

static bool
churn_event(struct churn *c, const char *line)
{
	unsigned long value;

	/* This bucket is subscribed to for a moment only. */
	if (strncmp(line, "x SET TO ", 9) == 0)
		return true;
	if (sscanf(line, "k SET TO %lu", &value) != 1 || c->oks >= c->end) {
		job_fail(c->job, "\"%s\" came", line);
		return false;
	}
	if (c->next != 0 && value != c->next) {
		job_fail(c->job, "%lu came, where %lu was to", value, c->next);
		return false;
	}
	/*
	 * The first event must not be later than the one after the value of
	 * GET.
	 */
	if (c->next == 0 && c->got != 0 && value > c->got + 1) {
		job_fail(c->job, "GET said %lu, the first event %lu", c->got,
		    value);
		return false;
	}
	c->next = value + 1;
	return true;
}

/* Reads lines until this many OK and this many events have come. */
static bool
churn_read(struct churn *c, unsigned int oks, unsigned int events)
{
	char *line;

	while (c->oks < oks || events > 0) {
		if ((line = job_line(c->job, &c->s)) == NULL)
			return false;
		if (strcmp(line, "OK") == 0)
			c->oks++;
		else if (isdigit((unsigned char)line[0])) {
			c->got = strtoul(line, NULL, 10);
			/*
			 * An event before the reply must not be newer than the
			 * reply.
			 */
			if (c->next > c->got + 1) {
				job_fail(c->job, "event %lu, then GET %lu",
				    c->next - 1, c->got);
				return false;
			}
		} else if (!churn_event(c, line))
			return false;
		else if (events > 0)
			events--;
	}
	return true;
}

static const struct {
	const char *text;
	unsigned int oks; /* with that of GET */
} openings[] = {
	{ "SUBSCRIBE b\nGET b k\n", 1 },
	{ "PUT o x 1\nSUBSCRIBE b\nGET b k\n", 2 },
	{ "SUBSCRIBE b\nPUT o x 1\nGET b k\n", 2 },
	{ "PING\nSUBSCRIBE b\nPUT o x 1\nGET b k\nPUT o x 2\n", 4 },
	{ "SUBSCRIBE b\nSUBSCRIBE o\nUNSUBSCRIBE o\nGET b k\n", 2 },
};

static const struct {
	const char *text;
	unsigned int oks, end;
} endings[] = {
	{ "UNSUBSCRIBE b\n", 1, 1 },
	{ "PUT o x 1\nUNSUBSCRIBE b\n", 2, 2 },
	{ "UNSUBSCRIBE b\nPUT o x 1\n", 2, 1 },
};

static bool
churn_say(struct churn *c, const char *text)
{
	if (send(c->s.fd, text, strlen(text), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(text))
		return true;
	job_fail(c->job, "send: %s", strerror(errno));
	return false;
}

/* Checks that only replies to requests come after it. */
static bool
churn_silence(struct churn *c)
{
	char *line;

	if (!churn_say(c, "ECHO quiet\n"))
		return false;
	if ((line = job_line(c->job, &c->s)) == NULL)
		return false;
	if (strcmp(line, "quiet") != 0) {
		job_fail(c->job, "\"%s\" came after the end", line);
		return false;
	}
	return (line = job_line(c->job, &c->s)) != NULL;
}

static void
churn_round(struct churn *c)
{
	unsigned int opening = draw(&c->job->seed, COUNT(openings));
	unsigned int ending = draw(&c->job->seed, COUNT(endings));

	c->got = c->next = 0;
	c->oks = 0;
	c->end = UINT_MAX;
	if (!churn_say(c, openings[opening].text) ||
	    !churn_read(c, openings[opening].oks, 0))
		return;
	/* The counters do not end before the churners do. */
	if (!churn_read(c, 0, draw(&c->job->seed, 8)))
		return;
	c->oks = 0;
	c->end = endings[ending].end;
	if (!churn_say(c, endings[ending].text) ||
	    !churn_read(c, endings[ending].oks, 0))
		return;
	(void)churn_silence(c);
}

static void
churn(struct job *job, int fd)
{
	struct churn c = { .job = job };

	stream_init(&c.s, fd);
	while (!job->stop && !job->wrong) {
		churn_round(&c);
		job->done++;
	}
}

/*
 * Runs this many clients at a time, for this many rounds each; returns the
 * number of rounds in all.
 */
static unsigned long
run_churn(unsigned int churners, unsigned long each)
{
	struct job *counters = jobs_new(COUNTERS), *jobs = jobs_new(churners);
	unsigned long n = 0;
	unsigned int i;

	jobs_start(counters, COUNTERS, server, count_up);
	jobs_start(jobs, churners, server, churn);
	jobs_await(jobs, churners, each);
	jobs_stop(jobs, churners);
	jobs_stop(counters, COUNTERS);
	for (i = 0; i < churners; i++)
		n += jobs[i].done;
	jobs_free(counters, COUNTERS);
	jobs_free(jobs, churners);
	return n;
}

/*
 * Between two rounds no client is subscribed, so the registry has recorded
 * nothing of what is written then.
 */
static const unsigned int few_churners[] = { 1, 2 };

TEST(test_churn_few)
{
	int fd = connect_with_bucket();

	client_ask(fd, "CREATE o\nPUT b k 1\n", "OK\r\nOK\r\n");
	(void)run_churn(few_churners[_i], 300);
	(void)close(fd);
}

TEST(test_churn)
{
	char line[LINE_SIZE], want[LINE_SIZE], other[LINE_SIZE];
	int fd = connect_with_bucket();
	unsigned long n, value;
	struct stream s;

	client_ask(fd, "CREATE o\nPUT b k 1\n", "OK\r\nOK\r\n");
	/* This subscriber stays, and in the end knows the last value. */
	stream_init(&s, connect_subscribed());
	n = run_churn(CHURNERS, 100);
	client_say(s.fd, "GET b k\n");
	for (value = 2;; value++) {
		snprintf(line, sizeof(line), "%s", stream_line(&s));
		snprintf(want, sizeof(want), "k SET TO %lu", value);
		if (strcmp(line, want) != 0)
			break;
	}
	snprintf(other, sizeof(other), "%lu", value - 1);
	ck_assert_str_eq(line, other);
	printf("%lu subscriptions, %lu events\n", n, value - 1);
	stream_clear(&s);
	(void)close(fd);
}

/*
 * Two writers have transactions that write two keys each, so their events come
 * in pairs.
 */

static void
put_pairs(struct job *job, int fd)
{
	struct buf out = { 0 }, want = { 0 };
	unsigned int n;

	while (!job->stop) {
		for (n = 1 + draw(&job->seed, 5); n > 0; n--) {
			job->values[0]++;
			add(&out, "BEGIN\nPUT b p%u %lu\n", job->id,
			    job->values[0]);
			add(&out, "PUT b q%u %lu\nCOMMIT\n", job->id,
			    job->values[0]);
			add(&want,
			    "OK\r\nQUEUED\r\nQUEUED\r\n"
			    "OK\r\nOK\r\nOK\r\n");
		}
		if (!job_exchange(job, fd, &out, &want))
			return;
		job->done++;
	}
}

#define PAIRERS 2

/* Reads an event, and the one that must follow it directly. */
static void
hear_pair(struct stream *s, unsigned long last[PAIRERS])
{
	unsigned int writer;
	unsigned long value;
	char want[64];

	ck_assert_int_eq(
	    sscanf(stream_line(s), "p%u SET TO %lu", &writer, &value), 2);
	ck_assert_uint_lt(writer, PAIRERS);
	ck_assert_uint_eq(value, ++last[writer]);
	snprintf(want, sizeof(want), "q%u SET TO %lu", writer, value);
	stream_hear(s, want);
}

TEST(test_transactions)
{
	int fd = connect_with_bucket();
	struct job *jobs = jobs_new(PAIRERS);
	unsigned long last[PAIRERS] = { 0 };
	struct stream s;
	int i;

	stream_init(&s, connect_subscribed());
	jobs_start(jobs, PAIRERS, server, put_pairs);
	for (i = 0; i < 2000; i++)
		hear_pair(&s, last);
	jobs_stop(jobs, PAIRERS);
	while (last[0] < jobs[0].values[0] || last[1] < jobs[1].values[0])
		hear_pair(&s, last);
	jobs_free(jobs, PAIRERS);
	stream_clear(&s);
	(void)close(fd);
}

/*
 * Buckets are created and dropped while others subscribe to them.  A subscriber
 * gets the events of one bucket only, until it is dropped.  The value is the
 * number of the bucket.
 */

#define DROP_ROUNDS 300
#define LISTENERS 4

/* Returns false if an event is wrong. */
static bool
hear_generation(struct job *job, struct stream *s)
{
	unsigned long value, first = 0;
	char *line;

	for (;;) {
		if ((line = job_line(job, s)) == NULL)
			return false;
		if (strcmp(line, "DROPPED") == 0)
			return true;
		if (sscanf(line, "k SET TO %lu", &value) != 1 ||
		    (first != 0 && value != first)) {
			job_fail(job, "\"%s\" came after %lu", line, first);
			return false;
		}
		first = value;
	}
}

/*
 * Returns true if the bucket exists, so that the client is subscribed; without
 * a bucket no event is to be expected.
 */
static bool
try_subscribe(struct job *job, struct stream *s)
{
	static const char request[] = "SUBSCRIBE b\nECHO on\n";
	bool found = true;
	char *line;

	(void)send(s->fd, request, strlen(request), MSG_NOSIGNAL);
	if ((line = job_line(job, s)) != NULL &&
	    strcmp(line, "NOT FOUND") == 0) {
		found = false;
		line = job_line(job, s);
	}
	if (line == NULL || strcmp(line, "on") != 0)
		job_fail(job, "\"%s\" came, not \"on\"",
		    line == NULL ? "" : line);
	(void)job_line(job, s);
	return found;
}

static void
hear_generations(struct job *job, int fd)
{
	struct churn c = { .job = job };

	stream_init(&c.s, fd);
	while (!job->stop && !job->wrong) {
		if (!try_subscribe(job, &c.s))
			continue;
		if (!hear_generation(job, &c.s) || !churn_silence(&c))
			return;
		job->done++;
	}
}

TEST(test_drop_churn)
{
	int fd = client_connect(server), i;
	struct job *jobs = jobs_new(LISTENERS);
	char text[256];

	jobs_start(jobs, LISTENERS, server, hear_generations);
	for (i = 1; i <= DROP_ROUNDS; i++) {
		snprintf(text, sizeof(text),
		    "CREATE b\nPUT b k %d\nPING\nPUT b k %d\n", i, i);
		client_ask(fd, text, "OK\r\nOK\r\nOK\r\nOK\r\n");
		snprintf(text, sizeof(text), "PUT b k %d\nDROP b\n", i);
		client_ask(fd, text, "OK\r\nOK\r\n");
	}
	jobs_stop(jobs, LISTENERS);
	for (i = 0; i < LISTENERS; i++)
		printf("%lu ends of buckets heard\n", jobs[i].done);
	jobs_free(jobs, LISTENERS);
	(void)close(fd);
}

/* Expiry */

#define EXPIRING 500

/*
 * Reads an event "kN ..." of key N; returns false for the key that is written
 * later.
 */
static bool
hear_expiring(struct stream *s, int64_t start_ms, const char *seen[EXPIRING])
{
	char what[16], *line = stream_line(s);
	int key;

	if (strcmp(line, "first SET TO v") == 0)
		return false;
	ck_assert_msg(sscanf(line, "k%d %15s", &key, what) == 2, "%s", line);
	ck_assert(key >= 0 && key < EXPIRING);
	if (strcmp(what, "SET") == 0) {
		ck_assert_ptr_null(seen[key]);
		seen[key] = "SET";
		return true;
	}
	ck_assert_str_eq(what, "DELETED");
	ck_assert_str_eq(seen[key], "SET");
	seen[key] = "DELETED";
	ck_assert_int_ge(now_ms() - start_ms, (1 + key % 2) * 1000);
	return true;
}

/* Each key has one event, and not before its time. */
TEST(test_expiry)
{
	int fd = connect_with_bucket(), i;
	struct buf out = { 0 }, want = { 0 };
	const char *seen[EXPIRING] = { NULL };
	struct stream s;
	int64_t start_ms;

	client_ask(fd, "PUT b stays v EX 2\nPERSIST b stays\n", "OK\r\nOK\r\n");
	stream_init(&s, connect_subscribed());
	for (i = 0; i < EXPIRING; i++) {
		add(&out, "PUT b k%d v EX %d\n", i, 1 + i % 2);
		add(&want, "OK\r\n");
	}
	start_ms = now_ms();
	exchange_bufs(fd, &out, &want);
	client_ask(fd, "PUT b first v\n", "OK\r\n");
	for (i = 0; i < 2 * EXPIRING + 1; i++)
		(void)hear_expiring(&s, start_ms, seen);
	client_ask(fd, "COUNT b\nKEYS b\n",
	    "2\r\nOK\r\nfirst\r\nstays\r\nOK\r\n");
	client_ask(s.fd, "PING\nECHO quiet\n", "OK\r\nquiet\r\nOK\r\n");
	stream_clear(&s);
	buf_clear(&out);
	buf_clear(&want);
	(void)close(fd);
}

/* Slow subscribers */

#define BIG_VALUE 1000
/* This is far more than can be queued for a subscriber anywhere. */
#define LAG_EVENTS 10000

/* Pipelines numbered values of some size. */
static void
put_big(int fd, unsigned int first, unsigned int n)
{
	struct buf out = { 0 }, want = { 0 };
	char value[BIG_VALUE + 1];
	unsigned int i;

	memset(value, 'x', BIG_VALUE);
	value[BIG_VALUE] = '\0';
	for (i = first; i < first + n; i++) {
		add(&out, "PUT b k %u%s\n", i, value);
		add(&want, "OK\r\n");
		if (i % 100 == 99 || i == first + n - 1)
			exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/*
 * Reads numbered events that must be consecutive; returns the first line that
 * is not such an event, or NULL.
 */
static char *
take_big(struct stream *s, unsigned int *next)
{
	unsigned int value;
	char *line;

	while ((line = stream_try(s)) != NULL) {
		if (sscanf(line, "k SET TO %u", &value) != 1)
			break;
		ck_assert_uint_eq(value, *next);
		(*next)++;
	}
	return line;
}

static void
take_until(struct stream *s, unsigned int *next, unsigned int end)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	for (;;) {
		ck_assert_ptr_null(take_big(s, next));
		if (*next >= end)
			return;
		ck_assert(!s->ended);
		streams_wait(s, 1, deadline_ms);
	}
}

/*
 * Reads events up to the line that reports the loss; the end of the connection
 * follows it.
 */
static void
hear_lagged(struct stream *s, unsigned int *next)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char *line;

	while ((line = take_big(s, next)) == NULL) {
		ck_assert(!s->ended);
		streams_wait(s, 1, deadline_ms);
	}
	ck_assert_str_eq(line, "ERROR lagged");
	while ((line = stream_try(s)) == NULL && !s->ended)
		streams_wait(s, 1, deadline_ms);
	ck_assert_msg(line == NULL, "\"%s\" came after it", line);
}

/* The queue of 1 MiB may be held twice, and a turn adds to it. */
#define REGISTRY_GROWTH_KIB (24 * 1024)

TEST(test_lagged)
{
	int writer = connect_with_bucket();
	pid_t registry = server_pid(server, "registry"), slow_worker;
	unsigned int i, fast_next = 0, slow_next = 0;
	struct stream slow, fast;
	long before_kib, kib;

	stream_init(&slow, server_connect_unix(server));
	subscribe(slow.fd);
	slow_worker = server_worker_unix(server);
	stream_init(&fast, connect_subscribed());
	put_big(writer, 0, 500);
	take_until(&fast, &fast_next, 500);
	before_kib = process_private_kib(registry);
	for (i = 500; i < LAG_EVENTS; i += 500) {
		put_big(writer, i, 500);
		take_until(&fast, &fast_next, i + 500);
		kib = process_private_kib(registry);
		if (!is_sanitized())
			ck_assert_int_lt(kib, before_kib + REGISTRY_GROWTH_KIB);
	}
	kib = process_private_kib(slow_worker);
	if (!is_sanitized())
		ck_assert_int_lt(kib, 8192);
	hear_lagged(&slow, &slow_next);
	ck_assert_uint_lt(slow_next, LAG_EVENTS);
	printf("lagged after %u of %u events\n", slow_next, LAG_EVENTS);
	put_big(writer, LAG_EVENTS, 10);
	take_until(&fast, &fast_next, LAG_EVENTS + 10);
	stream_clear(&slow);
	stream_clear(&fast);
	(void)close(writer);
}

/* The same is tested with a client that also does not read replies. */
TEST(test_lagged_replies)
{
	int writer = connect_with_bucket(), i, replies = 0, lagged = 0;
	struct buf out = { 0 };
	struct stream slow;
	char *line;

	client_ask(writer, "CREATE o\n", "OK\r\n");
	for (i = 0; i < 60000; i++)
		buf_append_byte(&out, i == 0 ? 'v' : 'y');
	client_say(writer, "PUT o v ");
	client_say(writer, text_of(&out));
	client_ask(writer, "\n", "OK\r\n");
	stream_init(&slow, server_connect_unix(server));
	subscribe(slow.fd);
	buf_truncate(&out, 0);
	for (i = 0; i < 100; i++)
		add(&out, "GET o v\n");
	add(&out, "NONSENSE\nENTRIES o\nECHO end\n");
	client_say(slow.fd, text_of(&out));
	put_big(writer, 0, 5000);
	for (;;) {
		if ((line = stream_try(&slow)) == NULL) {
			if (slow.ended)
				break;
			streams_wait(&slow, 1, now_ms() + WAIT_MS);
			continue;
		}
		ck_assert_msg(lagged == 0, "\"%.40s\" after the last", line);
		lagged += strcmp(line, "ERROR lagged") == 0;
		replies += line[0] == 'v';
	}
	ck_assert_int_eq(lagged, 1);
	printf("%d replies\n", replies);
	buf_clear(&out);
	stream_clear(&slow);
	(void)close(writer);
}

#define SLOW_KEYS 20000

static void
load_slow(int fd)
{
	struct buf out = { 0 }, want = { 0 };
	char value[201];
	int i;

	memset(value, 'w', 200);
	value[200] = '\0';
	client_ask(fd, "CREATE l\n", "OK\r\n");
	for (i = 0; i < SLOW_KEYS; i++) {
		add(&out, "PUT l k%07d %s\n", i, value);
		add(&want, "OK\r\n");
		if (i % 1000 == 999)
			exchange_bufs(fd, &out, &want);
	}
	buf_clear(&out);
	buf_clear(&want);
}

/*
 * A listing is read slowly while events come all the time, and the worker does
 * not keep all of them.  The whole listing comes, then the first events, then
 * the reason for the end.
 */
TEST(test_lagged_listing)
{
	int writer = connect_with_bucket(), fd;
	unsigned int listed = 0, put = 0, next = 0;
	struct stream slow;
	pid_t worker;
	long kib = 0;
	char *line;

	load_slow(writer);
	stream_init(&slow, fd = server_connect_unix(server));
	subscribe(fd);
	worker = server_worker_unix(server);
	client_say(fd, "ENTRIES l\n");
	while (strcmp(line = stream_line(&slow), "OK") != 0) {
		ck_assert_int_eq(line[0], 'k');
		/* Each page brings some events, without end. */
		if (++listed % 500 == 0) {
			put_big(writer, put, 500);
			put += 500;
			kib = process_private_kib(worker);
			if (!is_sanitized())
				ck_assert_int_lt(kib, 8192);
		}
	}
	ck_assert_uint_eq(listed, SLOW_KEYS);
	hear_lagged(&slow, &next);
	ck_assert_uint_gt(next, 0);
	ck_assert_uint_lt(next, put);
	stream_clear(&slow);
	(void)close(writer);
}

/* The registry dies */

/* If nothing was committed since, no subscriber has to be told. */
TEST(test_killed_unnoticed)
{
	int writer = connect_with_bucket(), fd = connect_subscribed(), i;
	char text[64], want[64];

	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "PUT b k %d\n", i);
		snprintf(want, sizeof(want), "k SET TO %d\r\n", i);
		client_ask(writer, text, "OK\r\n");
		client_hear(fd, want);
		/* The event of the commit was sent whole as well. */
		client_ask(fd, "PING\n", "OK\r\n");
		process_kill(server_pid(server, "registry"));
		client_ask(fd, "PING\n", "OK\r\n");
	}
	client_ask(fd, "UNSUBSCRIBE b\n", "OK\r\n");
	client_ask(writer, "PUT b k 0\n", "OK\r\n");
	client_ask(fd, "ECHO end\n", "end\r\nOK\r\n");
	(void)close(fd);
	(void)close(writer);
}

/* Something was committed while the worker could not be told: it is told when
 * it is back. */
TEST(test_killed_missed)
{
	int writer = connect_with_bucket(), fd = connect_subscribed();
	pid_t worker = server_worker(server, fd);

	client_ask(writer, "PUT b k 1\n", "OK\r\n");
	client_hear(fd, "k SET TO 1\r\n");
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	process_kill(server_pid(server, "registry"));
	client_ask(writer, "PUT b k 2\n", "OK\r\n");
	ck_assert_int_eq(kill(worker, SIGCONT), 0);
	client_hear(fd, "k SET TO 2\r\n");
	client_ask(writer, "PUT b k 3\n", "OK\r\n");
	client_hear(fd, "k SET TO 3\r\n");
	(void)close(fd);
	(void)close(writer);
}

/*
 * A request is under way: the registry has it and dies, and something is
 * committed before the worker repeats the request.  The event comes before the
 * reply, because nothing may come after the OK of UNSUBSCRIBE.
 */
TEST(test_killed_unsubscribing)
{
	int writer = connect_with_bucket(), fd = server_connect_unix(server);
	pid_t registry = server_pid(server, "registry"), worker;

	subscribe(fd);
	worker = server_worker_unix(server);
	client_ask(writer, "PUT b k 1\n", "OK\r\n");
	client_hear(fd, "k SET TO 1\r\n");
	ck_assert_int_eq(kill(registry, SIGSTOP), 0);
	client_say(fd, "UNSUBSCRIBE b\n");
	client_await_read(fd);
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	process_kill(registry);
	client_ask(writer, "PUT b k 2\n", "OK\r\n");
	ck_assert_int_eq(kill(worker, SIGCONT), 0);
	client_hear(fd, "k SET TO 2\r\nOK\r\n");
	client_ask(writer, "PUT b k 3\n", "OK\r\n");
	client_ask(fd, "ECHO end\n", "end\r\nOK\r\n");
	(void)close(fd);
	(void)close(writer);
}

/* The bucket was dropped meanwhile, which ends the subscription. */
TEST(test_killed_dropped)
{
	int writer = connect_with_bucket(), fd = connect_subscribed();
	pid_t worker = server_worker(server, fd);

	client_ask(writer, "CREATE c\n", "OK\r\n");
	client_ask(fd, "SUBSCRIBE c\nECHO on\n", "on\r\nOK\r\n");
	ck_assert_int_eq(kill(worker, SIGSTOP), 0);
	process_kill(server_pid(server, "registry"));
	client_ask(writer, "DROP b\n", "OK\r\n");
	ck_assert_int_eq(kill(worker, SIGCONT), 0);
	client_hear(fd, "DROPPED\r\n");
	client_ask(writer, "CREATE b\nPUT b k 1\nPUT c k 2\n",
	    "OK\r\nOK\r\nOK\r\n");
	client_hear(fd, "k SET TO 2\r\n");
	subscribe(fd);
	client_ask(writer, "PUT b k 3\n", "OK\r\n");
	client_hear(fd, "k SET TO 3\r\n");
	(void)close(fd);
	(void)close(writer);
}

#define KILLS 4

TEST(test_killed_often)
{
	int fd = connect_with_bucket(), i;
	struct job *jobs = jobs_new(WRITERS);
	struct follower f[FOLLOWERS];

	followers_start(f, FOLLOWERS);
	jobs_start(jobs, WRITERS, server, put_numbers);
	for (i = 0; i < KILLS; i++) {
		follow_rounds(f, FOLLOWERS, jobs, 20 + draw(&jobs[0].seed, 50));
		process_kill(server_pid(server, "registry"));
	}
	follow_rounds(f, FOLLOWERS, jobs, 20);
	jobs_stop(jobs, WRITERS);
	for (i = 0; i < FOLLOWERS; i++) {
		follow_to_end(&f[i], jobs);
		ck_assert_uint_eq(f[i].gaps, 0);
	}
	printf("%lu events\n", f[0].events);
	jobs_free(jobs, WRITERS);
	(void)close(fd);
}

/* Only the subscriber's descriptor is left, and it is closed. */
TEST(test_worker_ends)
{
	int writer = connect_with_bucket(), fds[20];
	pid_t registry = server_pid(server, "registry");
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int descriptors = proc_count_fds(registry);
	long before_kib;
	size_t i;

	put_big(writer, 0, 1000);
	before_kib = process_private_kib(registry);
	for (i = 0; i < COUNT(fds); i++)
		fds[i] = connect_subscribed();
	ck_assert_int_eq(proc_count_fds(registry), descriptors + COUNT(fds));
	for (i = 0; i < COUNT(fds); i++) {
		if (i % 2 == 0)
			process_kill(server_worker(server, fds[i]));
		/* Not all data was read, so the end may be a reset. */
		else
			(void)shutdown(fds[i], SHUT_RDWR);
		put_big(writer, 0, 10);
		(void)close(fds[i]);
	}
	while (proc_count_fds(registry) > descriptors)
		pause_until(deadline_ms, "the registry keeps a connection");
	put_big(writer, 0, 1000);
	if (!is_sanitized())
		ck_assert_int_lt(process_private_kib(registry),
		    before_kib + 4096);
	(void)close(writer);
}

/* A subscriber may be silent without limit. */
TEST(test_idle)
{
	int writer, fd, quiet;
	int64_t end_ms;

	(void)close(connect_with_bucket());
	fd = connect_subscribed();
	quiet = client_connect(server);
	client_ask(quiet, "PING\n", "OK\r\n");
	end_ms = now_ms() + 3000;
	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
	client_hear(quiet, "ERROR idle timeout\r\n");
	client_expect_end(quiet);
	writer = client_connect(server);
	client_ask(writer, "PUT b k 1\n", "OK\r\n");
	client_hear(fd, "k SET TO 1\r\n");
	/* After UNSUBSCRIBE the timeouts apply again. */
	client_ask(fd, "UNSUBSCRIBE b\n", "OK\r\n");
	client_hear(fd, "ERROR idle timeout\r\n");
	client_expect_end(fd);
	(void)close(writer);
}

#define MANY 100
#define MANY_EVENTS 10000

TEST(test_many)
{
	static struct stream s[MANY];
	static unsigned int next[MANY];
	int writer = connect_with_bucket();
	struct buf out = { 0 }, want = { 0 };
	unsigned int i, j,
	    events = is_sanitized() ? MANY_EVENTS / 10 : MANY_EVENTS;
	int64_t start_ms;

	for (i = 0; i < MANY; i++)
		stream_init(&s[i], connect_subscribed());
	start_ms = now_ms();
	for (i = 0; i < events; i++) {
		add(&out, "PUT b k %u\n", i);
		add(&want, "OK\r\n");
		if (i % 200 == 199) {
			exchange_bufs(writer, &out, &want);
			for (j = 0; j < MANY; j++)
				ck_assert_ptr_null(take_big(&s[j], &next[j]));
		}
	}
	for (i = 0; i < MANY; i++) {
		take_until(&s[i], &next[i], events);
		ck_assert_uint_eq(next[i], events);
		stream_clear(&s[i]);
	}
	printf("%u events to %u subscribers in %ld ms\n", events, MANY,
	    (long)(now_ms() - start_ms));
	buf_clear(&out);
	buf_clear(&want);
	(void)close(writer);
}

static const struct test tests[] = {
	CASE("subscribe", setup, teardown),
	ONCE(test_lines),
	ONCE(test_two_clients),
	ONCE(test_unsubscribe_behind_writes),
	ONCE(test_order),
	ONCE(test_among_replies),
	EACH(test_churn_few, few_churners),
	ONCE(test_churn),
	ONCE(test_transactions),
	ONCE(test_drop_churn),
	ONCE(test_expiry),
	ONCE(test_worker_ends),
	ONCE(test_many),
	CASE("lagged", setup, teardown),
	ONCE(test_lagged),
	ONCE(test_lagged_replies),
	ONCE(test_lagged_listing),
	CASE("idle", setup_impatient, teardown),
	ONCE(test_idle),
	CASE("small", setup_small, teardown),
	ONCE(test_most_subscriptions),
	CASE("failure", setup_patient, teardown),
	ONCE(test_killed_unnoticed),
	ONCE(test_killed_missed),
	ONCE(test_killed_dropped),
	ONCE(test_killed_unsubscribing),
	ONCE(test_killed_often),
};

SUITE("subscribe", tests)
