/*
 * lock: runs a command while kv holds a lock.
 *
 * The lock is a key with a time to live, whose value, the token, nobody else
 * has.  kv renews it as long as the value is the token, so a lock that was lost
 * is never taken from somebody else.  It counts as held for the time to live
 * after the last request that was answered was sent: the server counts from a
 * later moment.
 *
 * kv tries to take the lock after it has subscribed to the key, so it does not
 * miss the end of somebody else's lock.
 */

#include <sys/random.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "kv/lock.h"
#include "kv/lock_conn.h"

#define TIME_DEFAULT "60"
/* Less would be lost whenever the machine is busy. */
#define TIME_MIN_MS 1000
/* A lock is renewed when this part of its time has passed, so a few attempts may
 * fail. */
#define RENEW_PART 3
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
/* How long a command may take to end after SIGTERM. */
#define KILL_MS 5000
/* How long kv tries to let go of the lock when it was told to end. */
#define HURRY_MS 1000

#define RANDOM_SIZE 16
#define HOST_SIZE 65
#define TOKEN_SIZE (HOST_SIZE + 24 + 2 * RANDOM_SIZE)

struct lock {
	struct lock_conn conn;
	struct job job;
	char token[TOKEN_SIZE];
	int64_t time_ms; /* how long the lock lasts */
	bool kills; /* without the lock, the command has to end */
	bool unsure; /* the key may have the token: an ADD was not answered */
	bool lost;
	int64_t give_up_ms; /* when to stop waiting; CLOCK_NEVER: no waiting */
	int64_t expires_ms; /* until then the lock is held for sure */
	int64_t renew_ms; /* when to renew it */
	int64_t retry_at_ms; /* not to connect before that */
	int retry_ms; /* the pause after the next failure */
	int64_t kill_ms; /* when to send SIGKILL */
};

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
make_token(struct lock *l)
{
	uint8_t random[RANDOM_SIZE];
	char host[HOST_SIZE] = "";
	size_t i, n;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		err(KV_FAILED, "getrandom");
	(void)gethostname(host, sizeof(host) - 1);
	n = (size_t)snprintf(l->token, sizeof(l->token), "%s/%d/", host,
	    (int)getpid());
	for (i = 0; i < sizeof(random); i++)
		n += (size_t)snprintf(l->token + n, sizeof(l->token) - n,
		    "%02x", random[i]);
}

/* Connects again and subscribes.  What happened meanwhile is not known. */
static enum lock_outcome
connect_again(struct lock *l)
{
	enum lock_outcome outcome = LOCK_UNKNOWN;

	if (lock_conn_open(&l->conn, l->conn.limit_ms - clock_ms()))
		outcome = lock_conn_subscribe(&l->conn);
	l->conn.changed = true;
	if (outcome == LOCK_OK)
		l->retry_ms = RETRY_MIN_MS;
	l->retry_at_ms = clock_ms() + l->retry_ms;
	if (l->retry_ms < RETRY_MAX_MS)
		l->retry_ms *= 2;
	return outcome;
}

/* Taking the lock */

static void
set_held(struct lock *l, int64_t sent_ms)
{
	l->conn.holds = l->conn.again = true;
	l->conn.limit_ms = l->expires_ms = sent_ms + l->time_ms;
	l->renew_ms = sent_ms + l->time_ms / RENEW_PART;
}

/* Gives the lock its whole time again, if it is our own. */
static enum lock_outcome
renew(struct lock *l)
{
	int64_t sent_ms = clock_ms();
	enum lock_outcome outcome;

	l->conn.changed = false;
	outcome = lock_conn_renew(&l->conn);
	if (outcome == LOCK_OK)
		set_held(l, sent_ms);
	return outcome;
}

static enum lock_outcome
try(struct lock *l)
{
	int64_t sent_ms = clock_ms();
	bool unsure = l->unsure;
	enum lock_outcome outcome;

	l->conn.changed = false;
	l->unsure = true;
	outcome = lock_conn_add(&l->conn);
	/* It may be ours since an ADD that was not answered. */
	if (outcome == LOCK_CONFLICT && unsure)
		outcome = renew(l);
	else if (outcome == LOCK_OK)
		set_held(l, sent_ms);
	if (outcome != LOCK_UNKNOWN)
		l->unsure = false;
	return outcome;
}

/* Waits for an event.  A PING finds out now and then whether the server is still
 * there. */
static void
await_change(struct lock *l)
{
	int64_t pause_ms = l->conn.kv->options.timeout_ms,
		ping_ms = clock_ms() + pause_ms;
	struct reply_line line;

	while (l->conn.on && !l->conn.changed && l->job.signo == 0) {
		if (lock_conn_turn(&l->conn, sooner(ping_ms, l->give_up_ms),
			&line) != LOCK_TIME)
			continue;
		if (clock_ms() >= l->give_up_ms)
			return;
		(void)lock_conn_ping(&l->conn);
		ping_ms = clock_ms() + pause_ms;
	}
}

/* Waits until it is time to connect again. */
static void
await_retry(struct lock *l)
{
	int64_t deadline_ms = sooner(l->retry_at_ms, l->give_up_ms);
	struct reply_line line;

	while (l->job.signo == 0 &&
	    lock_conn_turn(&l->conn, deadline_ms, &line) != LOCK_TIME)
		;
}

/* Makes one step towards the lock.  LOCK_UNKNOWN: make the next one. */
static enum lock_outcome
advance(struct lock *l)
{
	enum lock_outcome outcome;

	if (l->conn.kv->conn.fd == -1) {
		await_retry(l);
		outcome = connect_again(l);
	} else if (!l->conn.on)
		outcome = lock_conn_subscribe(&l->conn);
	else if ((outcome = try(l)) == LOCK_OK)
		return LOCK_OK;
	if (outcome == LOCK_MISSING)
		outcome = lock_conn_create(&l->conn);
	return outcome == LOCK_OK ? LOCK_UNKNOWN : outcome;
}

/* Returns KV_DONE when the lock is held. */
static enum kv_status
acquire(struct lock *l)
{
	bool waits = l->give_up_ms != CLOCK_NEVER;

	kv_connect(l->conn.kv);
	for (;;) {
		switch (advance(l)) {
		case LOCK_OK:
			return KV_DONE;
		case LOCK_CONFLICT:
			if (!waits)
				return KV_NOT_FOUND;
			await_change(l);
			break;
		case LOCK_REFUSED:
			return KV_REFUSED;
		default:
			if (!waits && l->conn.kv->conn.fd == -1)
				return KV_UNREACHABLE;
			break;
		}
		if (l->job.signo != 0 || (waits && clock_ms() >= l->give_up_ms))
			return KV_NOT_FOUND;
	}
}

/* Holding it */

static void
lose(struct lock *l, const char *why)
{
	warnx("the lock is lost: %s", why);
	l->lost = true;
	l->conn.holds = l->conn.on = false;
	kv_conn_close(&l->conn.kv->conn);
	if (!l->kills)
		return;
	job_kill(&l->job, SIGTERM);
	l->kill_ms = clock_ms() + KILL_MS;
}

/* Takes what came of a renewal or of another connection. */
static void
take_outcome(struct lock *l, enum lock_outcome outcome)
{
	if (outcome == LOCK_CONFLICT)
		lose(l, "the key has another value, or none");
	else if (outcome == LOCK_MISSING)
		lose(l, "there is no such bucket any more");
	else if (outcome == LOCK_REFUSED)
		l->renew_ms = clock_ms() + RETRY_MIN_MS;
}

/* Does what has to be done now, if anything.  Returns when to call it again. */
static int64_t
hold(struct lock *l)
{
	int64_t now_ms = clock_ms(), due_ms;

	if (now_ms >= l->kill_ms) {
		job_kill(&l->job, SIGKILL);
		l->kill_ms = CLOCK_NEVER;
	}
	if (!l->conn.holds)
		return l->kill_ms;
	if (now_ms >= l->expires_ms) {
		lose(l, "it could not be renewed in time");
		return now_ms;
	}
	due_ms = l->conn.on ? l->renew_ms : l->retry_at_ms;
	if (now_ms < due_ms && !(l->conn.on && l->conn.changed))
		return sooner(due_ms, l->expires_ms);
	take_outcome(l, l->conn.on ? renew(l) : connect_again(l));
	return now_ms;
}

/* Runs the command.  Returns false if there is no process for it. */
static bool
run(struct lock *l, char *argv[])
{
	struct reply_line line;

	if (!job_start(&l->job, argv)) {
		warn("fork");
		return false;
	}
	while (!l->job.ended)
		if (lock_conn_turn(&l->conn, hold(l), &line) == LOCK_STATUS)
			(void)lock_conn_fail(&l->conn,
			    "an answer that nobody asked for");
	return true;
}

/* Letting go of it */

/* `again`: it may have been done before.  Returns false if it may have to be
 * done again. */
static bool
let_go(struct lock *l, bool again)
{
	enum lock_outcome outcome;

	if (l->conn.kv->conn.fd == -1 &&
	    !lock_conn_open(&l->conn, l->conn.limit_ms - clock_ms()))
		return false;
	outcome = lock_conn_delete(&l->conn);
	if (outcome == LOCK_UNKNOWN)
		return false;
	if (outcome != LOCK_OK && !again)
		warnx("the lock was lost before its end");
	return true;
}

static void
release(struct lock *l)
{
	int64_t limit_ms = clock_ms() +
	    (l->job.signo != 0 ? HURRY_MS : l->conn.kv->options.timeout_ms);
	bool again = !l->conn.holds;
	struct reply_line line;
	int64_t retry_at_ms;

	if (l->conn.holds)
		limit_ms = sooner(limit_ms, l->expires_ms);
	l->conn.limit_ms = limit_ms;
	while (!let_go(l, again)) {
		retry_at_ms = clock_ms() + RETRY_MIN_MS;
		if (retry_at_ms >= limit_ms) {
			warnx("cannot let go of the lock; it ends by itself");
			return;
		}
		while (
		    lock_conn_turn(&l->conn, retry_at_ms, &line) != LOCK_TIME)
			;
		again = true;
	}
}

/* Returns what kv exits with. */
static enum kv_status
run_locked(struct lock *l, char *argv[])
{
	enum kv_status status = acquire(l);

	if (status == KV_DONE && l->job.signo == 0)
		status =
		    run(l, argv) ? (enum kv_status)l->job.status : KV_FAILED;
	if (l->conn.holds || l->unsure)
		release(l);
	if (l->job.signo != 0)
		job_die(&l->job);
	return l->lost && l->kills ? KV_UNREACHABLE : status;
}

/* The arguments are those of lock_run(). */
static void
init(struct lock *l, struct kv *kv, const struct bytes *args)
{
	const char *time = kv->options.time;

	memset(l, 0, sizeof(*l));
	if (time == NULL)
		time = TIME_DEFAULT;
	l->time_ms = kv_options_time_ms("-e", time);
	if (l->time_ms < TIME_MIN_MS)
		errx(KV_USAGE, "-e: a lock lasts for at least a second: %s",
		    time);
	l->kills = kv->options.kill;
	l->kill_ms = l->give_up_ms = CLOCK_NEVER;
	l->retry_ms = RETRY_MIN_MS;
	if (kv->options.wait_ms > 0)
		l->give_up_ms = clock_ms() + kv->options.wait_ms;
	l->conn = (struct lock_conn){ .kv = kv,
		.job = &l->job,
		.bucket = args[0],
		.key = args[1],
		.token = l->token,
		.time = time,
		.limit_ms = l->give_up_ms,
		.again = kv->options.wait_ms > 0 };
	make_token(l);
	job_open(&l->job);
}

enum kv_status
lock_run(struct kv *kv, const struct bytes *args, size_t n)
{
	char **argv = calloc(n - LOCK_ARGS + 1, sizeof(*argv));
	enum kv_status status;
	struct lock l;
	size_t i;

	if (argv == NULL)
		err(KV_FAILED, NULL);
	for (i = LOCK_ARGS; i < n; i++)
		argv[i - LOCK_ARGS] = (char *)(uintptr_t)args[i].data;
	init(&l, kv, args);
	status = run_locked(&l, argv);
	free(argv);
	return status;
}
