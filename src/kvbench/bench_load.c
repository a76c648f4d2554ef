/*
 * bench_load: an event loop that keeps a server busy.  Runs in each thread of
 * kvbench.  The server is not trusted.
 */

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "kvbench/bench_load.h"

#define EVENTS_MAX 256
/* How often `stop`, `failed` and the timeout are checked. */
#define TICK_MS 50
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t
bench_load_clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail on Linux */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Only the first failure is reported. */
__attribute__((format(printf, 3, 4))) static void
fail(struct bench_load *l, int status, const char *format, ...)
{
	va_list args;

	if (l->status != EX_OK)
		return;
	l->status = status;
	va_start(args, format);
	vsnprintf(l->error, sizeof(l->error), format, args);
	va_end(args);
	atomic_store(&l->shared->failed, true);
}

static void
fail_at(struct bench_load *l, int status, const char *what)
{
	fail(l, status, "%s: %s: %s", l->shared->server->text, what,
	    strerror(errno));
}

int
bench_load_init(struct bench_load *l, struct bench_load_shared *shared,
    size_t n_conns, size_t depth)
{
	struct epoll_event event = { .events = EPOLLIN };

	memset(l, 0, sizeof(*l));
	l->shared = shared;
	l->status = EX_OK;
	TAILQ_INIT(&l->ready);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll_fd == -1 || l->timer_fd == -1 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &event) == -1) {
		fail_at(l, EX_OSERR, "epoll");
		return -1;
	}
	l->conns = calloc(n_conns, sizeof(*l->conns));
	l->dirty = calloc(n_conns, sizeof(*l->dirty));
	if (l->conns == NULL || l->dirty == NULL)
		fail(l, EX_OSERR, "out of memory");
	for (; l->status == EX_OK && l->n_conns < n_conns; l->n_conns++)
		if (bench_conn_init(&l->conns[l->n_conns], shared->workload,
			depth) == -1)
			fail(l, EX_OSERR, "out of memory");
	return l->status == EX_OK ? 0 : -1;
}

void
bench_load_clear(struct bench_load *l)
{
	size_t i;

	for (i = 0; i < l->n_conns; i++)
		bench_conn_clear(&l->conns[i]);
	free(l->conns);
	free(l->dirty);
	if (l->epoll_fd != -1)
		(void)close(l->epoll_fd);
	if (l->timer_fd != -1)
		(void)close(l->timer_fd);
}

/* Connections */

static bool
watch(struct bench_load *l, struct bench_conn *c, int how)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (c->is_blocked)
		event.events |= EPOLLOUT;
	if (epoll_ctl(l->epoll_fd, how, c->fd, &event) == 0)
		return true;
	fail_at(l, EX_OSERR, "epoll");
	return false;
}

static bool
open_conn(struct bench_load *l, struct bench_conn *c, int timeout_ms)
{
	if (c->fd != -1)
		return true;
	if (bench_conn_open(c, l->shared->server, timeout_ms) == -1) {
		fail_at(l, EX_UNAVAILABLE, "cannot connect");
		return false;
	}
	return watch(l, c, EPOLL_CTL_ADD);
}

/* An error that the server reported before tells more than the end of the
 * connection. */
static void
fail_conn(struct bench_load *l, enum bench_conn_result result)
{
	const char *why = result == BENCH_CONN_ENDED ? "the server closed it" :
						       strerror(errno);

	fail(l, EX_UNAVAILABLE, "%s: connection lost: %s%s%s",
	    l->shared->server->text, why,
	    l->tally.error[0] == '\0' ? "" : ", after: ", l->tally.error);
}

static void
flush(struct bench_load *l, struct bench_conn *c)
{
	enum bench_conn_result result = bench_conn_flush(c);

	if (result == BENCH_CONN_FAILED)
		fail_conn(l, result);
	else if ((result == BENCH_CONN_BLOCKED) != c->is_blocked) {
		c->is_blocked = result == BENCH_CONN_BLOCKED;
		(void)watch(l, c, EPOLL_CTL_MOD);
	}
}

/* Starting requests */

static bool
may_start(const struct bench_load *l)
{
	const struct phase *p = l->phase;

	return l->started < p->limit && l->status == EX_OK &&
	    (p->duration_ns == 0 ||
		l->now_ns < l->tally.begin_ns + p->duration_ns) &&
	    !atomic_load_explicit(&l->shared->stop, memory_order_relaxed);
}

static void
start(struct bench_load *l, struct bench_conn *c, int64_t start_ns)
{
	const struct workload *w = l->shared->workload;
	struct request request = { .op = OP_PUT,
		.start_ns = (uint64_t)start_ns };

	if (!l->phase->fill)
		request.op = mix_next(&w->mix, &l->random);
	request.key =
	    keys_next(l->phase->fill ? &l->fill : &l->keys, &l->random);
	if (request.op == OP_PUT)
		request.size = values_size(&w->values, &l->random);
	bench_conn_push(c, &request);
	l->started++;
	if (l->in_flight++ == 0)
		l->heard_ns = l->now_ns;
}

/* In a closed loop, starts as many requests as may be under way, when none is
 * any more. */
static void
refill(struct bench_load *l, struct bench_conn *c)
{
	if (!may_start(l) ||
	    !open_conn(l, c, l->phase->churn ? 0 : l->shared->timeout_ms))
		return;
	while (c->n < l->phase->depth && may_start(l))
		start(l, c, l->now_ns);
	flush(l, c);
}

static void
make_ready(struct bench_load *l, struct bench_conn *c)
{
	if (c->is_ready || c->n >= l->phase->depth)
		return;
	c->is_ready = true;
	TAILQ_INSERT_TAIL(&l->ready, c, ready);
}

static int64_t
due_ns(const struct bench_load *l)
{
	return l->tally.begin_ns +
	    (int64_t)(l->phase->offset_ns +
		(double)l->started * l->phase->interval_ns);
}

static void
start_one_due(struct bench_load *l, struct bench_conn *c)
{
	TAILQ_REMOVE(&l->ready, c, ready);
	c->is_ready = false;
	if (!open_conn(l, c, l->phase->churn ? 0 : l->shared->timeout_ms))
		return;
	start(l, c, due_ns(l));
	if (!c->is_dirty)
		l->dirty[l->n_dirty++] = c;
	c->is_dirty = true;
	make_ready(l, c);
}

/* In an open loop, starts all requests that are due, on the connections in
 * turn. */
static void
start_due(struct bench_load *l)
{
	struct bench_conn *c;

	while (may_start(l) && due_ns(l) <= l->now_ns &&
	    (c = TAILQ_FIRST(&l->ready)) != NULL)
		start_one_due(l, c);
	while (l->n_dirty > 0) {
		c = l->dirty[--l->n_dirty];
		c->is_dirty = false;
		flush(l, c);
	}
}

/* Makes the event loop wake when the next request is due, if it can be sent
 * then. */
static void
set_timer(struct bench_load *l)
{
	struct itimerspec when = { 0 };
	int64_t ns = due_ns(l);

	if (!may_start(l) || TAILQ_EMPTY(&l->ready))
		return;
	when.it_value.tv_sec = ns / NS_PER_S;
	when.it_value.tv_nsec = ns % NS_PER_S;
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == -1)
		fail_at(l, EX_OSERR, "timer");
}

/* Replies */

static void
fail_reply(struct bench_load *l, struct bench_conn *c)
{
	const struct request *request = bench_conn_peek(c);
	char said[TALLY_ERROR_SIZE];

	tally_print(said, c->parser.line.text);
	fail(l, EX_PROTOCOL,
	    "%s: wrong reply to %s key:%012llu (value of %zu bytes): %s",
	    l->shared->server->text, mix_name(request->op),
	    (unsigned long long)request->key, request->size, said);
}

static void
note_error(struct bench_load *l, struct bytes text)
{
	if (l->tally.error[0] == '\0')
		tally_print(l->tally.error, text);
}

static void
note(struct bench_load *l, struct bench_conn *c, enum verdict verdict)
{
	const struct request *request = bench_conn_peek(c);
	struct tally *t = &l->tally;

	tally_note_done(t, l->now_ns);
	if (verdict == VERDICT_ABSENT) {
		t->absent++;
		if (l->shared->must_exist) {
			fail(l, EX_PROTOCOL, "%s: key:%012llu is missing",
			    l->shared->server->text,
			    (unsigned long long)request->key);
			return;
		}
	}
	if (verdict == VERDICT_ERROR) {
		t->errors++;
		note_error(l, c->parser.line.text);
	}
	histogram_record(&t->times[request->op],
	    (uint64_t)l->now_ns - request->start_ns);
}

/* Takes all complete replies. */
static void
take_replies(struct bench_load *l, struct bench_conn *c)
{
	enum verdict verdict;

	while (c->n > 0 && l->status == EX_OK) {
		verdict = parser_next(&c->parser, bench_conn_peek(c));
		if (verdict == VERDICT_AGAIN)
			return;
		if (verdict == VERDICT_WRONG) {
			fail_reply(l, c);
			return;
		}
		note(l, c, verdict);
		bench_conn_pop(c);
		l->in_flight--;
		l->heard_ns = l->now_ns;
	}
}

/* A server may send the reason before it closes the connection. */
static void
take_unasked(struct bench_load *l, struct bench_conn *c)
{
	struct parser *p = &c->parser;

	if (reply_next(&p->in, &p->line) <= REPLY_AGAIN)
		return;
	l->tally.error[0] = '\0';
	note_error(l, p->line.text);
	fail(l, EX_UNAVAILABLE, "%s: the server says without a request: %s",
	    l->shared->server->text, l->tally.error);
}

static void
receive(struct bench_load *l, struct bench_conn *c)
{
	enum bench_conn_result result = bench_conn_receive(c);

	l->now_ns = bench_load_clock_ns();
	if (result == BENCH_CONN_BLOCKED)
		return;
	if (result != BENCH_CONN_OK) {
		fail_conn(l, result);
		return;
	}
	take_replies(l, c);
	if (c->n > 0 || l->status != EX_OK)
		return;
	if (l->phase->churn)
		bench_conn_close(c);
	else
		take_unasked(l, c);
	if (l->phase->interval_ns == 0)
		refill(l, c);
}

static void
handle(struct bench_load *l, struct bench_conn *c, uint32_t events)
{
	if (events & EPOLLOUT)
		flush(l, c);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && l->status == EX_OK)
		receive(l, c);
	if (l->phase->interval_ns > 0)
		make_ready(l, c);
}

/* The event loop */

static bool
is_over(const struct bench_load *l)
{
	return l->status != EX_OK || atomic_load(&l->shared->failed) ||
	    (l->in_flight == 0 && !may_start(l));
}

static void
run_once(struct bench_load *l)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t expired;
	int i, n;

	n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, TICK_MS);
	l->now_ns = bench_load_clock_ns();
	if (n == -1 && errno != EINTR)
		fail_at(l, EX_OSERR, "epoll");
	for (i = 0; i < n && l->status == EX_OK; i++) {
		if (events[i].data.ptr != NULL)
			handle(l, events[i].data.ptr, events[i].events);
		else if (read(l->timer_fd, &expired, sizeof(expired)) == -1 &&
		    errno != EAGAIN)
			fail_at(l, EX_OSERR, "timer");
	}
	atomic_store_explicit(&l->done, l->tally.done, memory_order_relaxed);
	if (l->in_flight > 0 &&
	    l->now_ns - l->heard_ns > l->shared->timeout_ms * NS_PER_MS)
		fail(l, EX_UNAVAILABLE, "%s: no reply for %d seconds",
		    l->shared->server->text, l->shared->timeout_ms / 1000);
}

/*
 * A request that was due but could not be sent has waited at least until the
 * end of the phase.  The worst latencies would be hidden without it.
 */
static void
count_unsent(struct bench_load *l)
{
	const struct phase *p = l->phase;
	int64_t end_ns = l->tally.begin_ns + p->duration_ns;

	if (p->interval_ns == 0 || p->duration_ns == 0 ||
	    atomic_load(&l->shared->stop))
		return;
	for (; l->started < p->limit && due_ns(l) < end_ns; l->started++) {
		l->tally.unsent++;
		histogram_record(&l->tally.times[mix_next(
				     &l->shared->workload->mix, &l->random)],
		    (uint64_t)(end_ns - due_ns(l)));
	}
}

static void
begin(struct bench_load *l, const struct phase *phase)
{
	size_t i;

	l->phase = phase;
	l->started = 0;
	memset(&l->tally, 0, sizeof(l->tally));
	atomic_store(&l->done, 0);
	TAILQ_INIT(&l->ready);
	for (i = 0; i < l->n_conns; i++) {
		l->conns[i].is_ready = false;
		if (phase->churn)
			bench_conn_close(&l->conns[i]);
	}
	l->now_ns = l->heard_ns = l->tally.begin_ns = bench_load_clock_ns();
}

int
bench_load_connect(struct bench_load *l)
{
	size_t i;

	for (i = 0; i < l->n_conns && !atomic_load(&l->shared->failed) &&
	     !atomic_load(&l->shared->stop);
	     i++)
		if (!open_conn(l, &l->conns[i], l->shared->timeout_ms))
			return -1;
	return 0;
}

int
bench_load_run(struct bench_load *l, const struct phase *phase)
{
	size_t i;

	begin(l, phase);
	for (i = 0; i < l->n_conns; i++)
		if (phase->interval_ns == 0)
			refill(l, &l->conns[i]);
		else
			make_ready(l, &l->conns[i]);
	while (!is_over(l)) {
		if (phase->interval_ns > 0) {
			start_due(l);
			set_timer(l);
		}
		run_once(l);
	}
	l->tally.end_ns = bench_load_clock_ns();
	count_unsent(l);
	return l->status == EX_OK ? 0 : -1;
}
