/*
 * bench: leads the threads through the phases.  Runs in kvbench.
 *
 * The main thread waits for the other threads or for a signal that ends the
 * run early.  Once a second it shows how far the run is.
 */

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <err.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/progress.h"
#include "kvbench/bench.h"
#include "kvbench/bench_load.h"
#include "kvbench/probe.h"

/* Requests under way on each connection in the fill phase.  A durable server
 * can commit many together. */
#define FILL_DEPTH 128
/* How often the main thread wakes.  The interval of the progress line is a bit
 * shorter, so that a new text is due each time. */
#define WAKE_MS 1000
#define RATE_INTERVAL_MS 900
#define NS_PER_S 1e9

enum {
	PHASE_FILL,
	PHASE_WARM_UP,
	PHASE_RUN,
	PHASE_COUNT,
};

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_FILL] = "fill",
	[PHASE_WARM_UP] = "warm-up",
	[PHASE_RUN] = "run",
};

struct bench;

struct thread {
	struct bench *bench;
	struct bench_load load;
	struct phase phases[PHASE_COUNT];
	struct tally fill, run;
	pthread_t id;
};

struct bench {
	const struct bench_options *options;
	struct workload workload;
	struct server server;
	struct bench_load_shared shared;
	struct thread *threads;
	size_t n_threads; /* that are initialised */
	bool has[PHASE_COUNT]; /* is there such a phase? */
	pthread_barrier_t barrier;
	atomic_int phase; /* the current one, for the progress line */
	int done_fd; /* eventfd(2): counts the threads that have ended */
};

/* The share of the i-th of n threads in `total`. */
static uint64_t
share(uint64_t total, size_t i, size_t n)
{
	if (total == BENCH_LOAD_UNLIMITED)
		return total;
	return total / n + (i < total % n);
}

static void
plan_rate(const struct bench_options *o, size_t i, struct phase *p)
{
	double requests;

	p->interval_ns = NS_PER_S * (double)o->threads / o->rate;
	p->offset_ns = NS_PER_S / o->rate * (double)i;
	if (p->duration_ns == 0)
		return;
	requests =
	    ceil(((double)p->duration_ns - p->offset_ns) / p->interval_ns);
	if (requests < 0)
		requests = 0;
	if (requests < (double)p->limit)
		p->limit = (uint64_t)requests;
}

/* Plans the part of the i-th thread in each phase. */
static void
plan(const struct bench_options *o, size_t i, struct phase phases[PHASE_COUNT])
{
	struct phase *p;

	p = &phases[PHASE_FILL];
	p->limit = share(o->keys, i, o->threads);
	p->depth = FILL_DEPTH;
	p->fill = true;

	p = &phases[PHASE_RUN];
	p->limit = share(o->requests, i, o->threads);
	p->duration_ns = (int64_t)(o->seconds * NS_PER_S);
	p->depth = o->depth;
	p->churn = o->churn;

	phases[PHASE_WARM_UP] = *p;
	phases[PHASE_WARM_UP].limit = BENCH_LOAD_UNLIMITED;
	phases[PHASE_WARM_UP].duration_ns = (int64_t)(o->warm_up_s * NS_PER_S);
	if (o->rate > 0) {
		plan_rate(o, i, &phases[PHASE_WARM_UP]);
		plan_rate(o, i, &phases[PHASE_RUN]);
	}
}

static void *
run_thread(void *arg)
{
	struct thread *t = arg;
	struct bench *b = t->bench;
	uint64_t one = 1;
	bool good = true;
	int i;

	if (b->has[PHASE_FILL] || !b->options->churn)
		good = bench_load_connect(&t->load) == 0;
	for (i = 0; i < PHASE_COUNT; i++) {
		if (!b->has[i])
			continue;
		/* All threads begin a phase together.  One that has failed
		 * must come here, too, or the others would wait for ever. */
		(void)pthread_barrier_wait(&b->barrier);
		atomic_store(&b->phase, i);
		if (!good)
			continue;
		good = bench_load_run(&t->load, &t->phases[i]) == 0;
		if (i == PHASE_FILL)
			t->fill = t->load.tally;
		else if (i == PHASE_RUN)
			t->run = t->load.tally;
	}
	if (write(b->done_fd, &one, sizeof(one)) == -1)
		err(EX_OSERR, "eventfd");
	return NULL;
}

static int
start_thread(struct bench *b, size_t i)
{
	const struct bench_options *o = b->options;
	struct thread *t = &b->threads[i];
	size_t depth = o->fill && o->depth < FILL_DEPTH ? FILL_DEPTH : o->depth;

	t->bench = b;
	plan(o, i, t->phases);
	if (bench_load_init(&t->load, &b->shared,
		share(o->clients, i, o->threads), depth) == -1) {
		warnx("%s", t->load.error);
		return t->load.status;
	}
	random_init(&t->load.random, o->seed * 1000 + i);
	keys_init(&t->load.keys, o->order, o->exponent, o->keys);
	keys_share(&t->load.keys, i, o->threads);
	keys_init(&t->load.fill, KEYS_SEQUENTIAL, 0, o->keys);
	keys_share(&t->load.fill, i, o->threads);
	return EX_OK;
}

static int
start_threads(struct bench *b)
{
	size_t n = b->options->threads;
	int error, status;

	if ((b->threads = calloc(n, sizeof(*b->threads))) == NULL ||
	    pthread_barrier_init(&b->barrier, NULL, (unsigned int)n) != 0) {
		warnx("out of memory");
		return EX_OSERR;
	}
	for (; b->n_threads < n; b->n_threads++)
		if ((status = start_thread(b, b->n_threads)) != EX_OK) {
			/* It is cleared with the others. */
			b->n_threads++;
			return status;
		}
	for (n = 0; n < b->n_threads; n++) {
		error = pthread_create(&b->threads[n].id, NULL, run_thread,
		    &b->threads[n]);
		/* Those that run wait for this one at the barrier. */
		if (error != 0)
			errx(EX_OSERR, "thread: %s", strerror(error));
	}
	return EX_OK;
}

static uint64_t
count_done(const struct bench *b)
{
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < b->n_threads; i++)
		done += atomic_load(&b->threads[i].load.done);
	return done;
}

/* The progress line: the requests of a phase, and how many were answered a
 * second since the line was shown last. */
struct rate {
	struct progress progress;
	int phase;
	uint64_t done; /* requests, then */
	int64_t begin_ns; /* of the phase */
	int64_t last_ns; /* when the line was shown last */
};

static void
show_rate(const struct bench *b, struct rate *r)
{
	int64_t now_ns = bench_load_clock_ns();
	uint64_t done = count_done(b);
	int phase = atomic_load(&b->phase);

	if (phase != r->phase || done < r->done) {
		r->phase = phase;
		r->begin_ns = now_ns;
	} else if (!progress_is_due(&r->progress))
		return;
	else
		progress_show(&r->progress,
		    "%s: %.0f s, %llu requests, %.0f a second",
		    phase_names[phase],
		    (double)(now_ns - r->begin_ns) / NS_PER_S,
		    (unsigned long long)done,
		    (double)(done - r->done) * NS_PER_S /
			(double)(now_ns - r->last_ns));
	r->last_ns = now_ns;
	r->done = done;
}

/* Waits until all threads have ended.  A signal makes them stop. */
static void
await_threads(struct bench *b, int signal_fd)
{
	struct pollfd pfds[] = { { .fd = b->done_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN } };
	struct rate rate = { .phase = -1 };
	uint64_t n, done = 0;
	size_t i;

	progress_init(&rate.progress, !b->options->quiet, RATE_INTERVAL_MS);
	while (done < b->n_threads) {
		if (poll(pfds, 2, WAKE_MS) == -1 && errno != EINTR)
			err(EX_OSERR, "poll");
		if (pfds[0].revents != 0 &&
		    read(b->done_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
			done += n;
		if (pfds[1].revents != 0) {
			atomic_store(&b->shared.stop, true);
			/* The signal stays pending, so the descriptor would
			 * stay readable. */
			pfds[1].fd = -1;
		}
		show_rate(b, &rate);
	}
	progress_clear(&rate.progress);
	for (i = 0; i < b->n_threads; i++)
		(void)pthread_join(b->threads[i].id, NULL);
}

/* Adds the results up.  Returns the status of the first thread that failed,
 * after its message. */
static int
sum_up(const struct bench *b, struct bench_result *result)
{
	const struct thread *t;
	int status = EX_OK;
	size_t i;

	for (i = 0; i < b->n_threads; i++) {
		t = &b->threads[i];
		if (status == EX_OK && t->load.status != EX_OK) {
			status = t->load.status;
			warnx("%s", t->load.error);
		}
		tally_add(&result->fill, &t->fill);
		tally_add(&result->run, &t->run);
	}
	return status;
}

/* SIGINT and SIGTERM end the run early, and its figures are printed.  Returns
 * a signalfd(2), or -1. */
static int
take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Each client needs a descriptor. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
find_server(struct bench *b)
{
	char error[RESOLVE_ERROR_SIZE];

	if (server_find(&b->server, &b->options->target, b->options->timeout_ms,
		error) == 0)
		return EX_OK;
	warnx("%s", error);
	return EX_NOHOST;
}

static int
run(struct bench *b, struct bench_result *result)
{
	char error[512];
	int signal_fd, status;

	status = probe_run(&b->workload, &b->server, b->options->timeout_ms,
	    error, sizeof(error));
	if (status != EX_OK) {
		warnx("%s: %s", b->server.text, error);
		return status;
	}
	signal_fd = take_signals();
	b->done_fd = eventfd(0, EFD_CLOEXEC);
	if (signal_fd == -1 || b->done_fd == -1)
		err(EX_OSERR, "signals");
	status = start_threads(b);
	if (status == EX_OK) {
		await_threads(b, signal_fd);
		status = sum_up(b, result);
	}
	(void)close(signal_fd);
	(void)close(b->done_fd);
	return status;
}

static void
prepare(struct bench *b, const struct bench_options *o)
{
	b->options = o;
	b->workload.protocol = o->protocol;
	b->workload.bucket = o->bucket;
	b->workload.mix = o->mix;
	if (values_init(&b->workload.values, o->size_min, o->size_max) == -1)
		errx(EX_OSERR, "out of memory");
	b->shared.workload = &b->workload;
	b->shared.server = &b->server;
	b->shared.timeout_ms = o->timeout_ms;
	b->shared.must_exist = o->fill && !mix_has(&o->mix, OP_DELETE);
	b->has[PHASE_FILL] = o->fill;
	b->has[PHASE_WARM_UP] = o->warm_up_s > 0;
	b->has[PHASE_RUN] = o->requests > 0;
}

int
bench_run(const struct bench_options *o, struct bench_result *result)
{
	struct bench b = { 0 };
	size_t i;
	int status;

	memset(result, 0, sizeof(*result));
	raise_limit();
	prepare(&b, o);
	status = find_server(&b);
	if (status == EX_OK) {
		(void)strlcpy(result->server, b.server.text,
		    sizeof(result->server));
		status = run(&b, result);
	}
	for (i = 0; i < b.n_threads; i++)
		bench_load_clear(&b.threads[i].load);
	free(b.threads);
	values_clear(&b.workload.values);
	return status;
}
