/*
 * worker: serves one client.  The acceptor forks a worker for each; it trusts
 * the registry and not the client.
 *
 * All requests that one read brings are sent to the registry together, and so
 * are their replies to the client.
 */

#include <stdbool.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/subscriptions.h"
#include "worker/input.h"
#include "worker/replies.h"
#include "worker/state.h"
#include "worker/worker.h"

/* The pause between two attempts to connect a subscriber to a new registry. */
#define RESUME_MS 100
/* The largest buffer that an idle worker keeps.  One read fits into it. */
#define KEEP_SIZE 16384

static void
shrink(struct worker *w)
{
	buf_shrink(&w->client.in, KEEP_SIZE);
	buf_shrink(&w->client.out, KEEP_SIZE);
	buf_shrink(&w->link.pending, KEEP_SIZE);
	buf_shrink(&w->link.in, KEEP_SIZE);
	buf_shrink(&w->queue.requests, KEEP_SIZE);
	buf_shrink(&w->input.raw, 0);
	buf_truncate(&w->input.words, 0);
	buf_shrink(&w->input.words, KEEP_SIZE);
}

/* How long to wait for the client, and for events. */
static int64_t
next_timeout(const struct worker *w)
{
	if (subscriptions_exist(&w->link.subscriptions))
		return w->link.fd == -1 ? RESUME_MS : CLOCK_NEVER;
	if (w->config->idle_timeout_ms == 0)
		return CLOCK_NEVER;
	return w->config->idle_timeout_ms;
}

static void
time_out(struct worker *w)
{
	replies_goodbye(w, STATUS_IDLE_TIMEOUT,
	    w->client.timing.first_line_by_ms <= clock_ms() ?
		CLOSE_FIRST_COMMAND :
		CLOSE_IDLE);
}

/* Shows what outlives the batch. */
static void
show(struct worker *w)
{
	struct activity *a = w->account.activity;

	a->subscriptions = w->link.subscriptions.count;
	a->queued = w->queue.open ? (uint32_t)w->queue.n + 1 : 0;
	w->client.quiet = a->subscriptions > 0 ? ACCOUNT_SUBSCRIBED :
	    w->queue.open		       ? ACCOUNT_TRANSACTION :
						 ACCOUNT_IDLE;
}

/* Waits for an event, and handles it. */
static void
serve_once(struct worker *w)
{
	bool subscribed = subscriptions_exist(&w->link.subscriptions);

	/* If the registry has died, there is another one, or soon will be. */
	if (subscribed)
		(void)link_resume(&w->link);
	switch (client_next(&w->client, subscribed ? w->link.fd : -1,
	    next_timeout(w))) {
	case CLIENT_INPUT:
		if (!input_run(w))
			w->closing = true;
		break;
	case CLIENT_END:
		input_end(w);
		break;
	case CLIENT_OTHER:
		if (!replies_take_events(w) || client_flush(&w->client) == -1)
			w->closing = true;
		break;
	case CLIENT_TIMEOUT:
		if (!subscribed)
			time_out(w);
		break;
	case CLIENT_STOP:
		replies_goodbye(w, STATUS_SHUTTING_DOWN, CLOSE_SHUTDOWN);
		break;
	case CLIENT_DISMISSED:
		replies_goodbye(w, STATUS_DISCONNECTED, CLOSE_DISMISSED);
		break;
	case CLIENT_GONE:
		account_reason(&w->account, CLOSE_BROKEN);
		w->closing = true;
		break;
	}
	show(w);
	shrink(w);
}

/* Then a part of what the client sent, or has to be sent, is lost, and the
 * worker can only end. */
static bool
lacks_memory(const struct worker *w)
{
	return link_lacks_memory(&w->link) || buf_failed(&w->client.in) ||
	    buf_failed(&w->client.out) || buf_failed(&w->input.raw) ||
	    buf_failed(&w->input.words) || buf_failed(&w->queue.requests) ||
	    buf_failed(&w->deferred_events);
}

static void
worker_clear(struct worker *w)
{
	link_clear(&w->link);
	buf_clear(&w->client.in);
	buf_clear(&w->client.out);
	buf_clear(&w->input.raw);
	buf_clear(&w->input.words);
	buf_clear(&w->queue.requests);
	buf_clear(&w->deferred_events);
}

/*
 * What the buffers borrow (common/buf.h).  It is enough for a client with a
 * request or two.  With malloc(3) a new process would have to copy pages.
 */
struct initial_buffers {
	struct bytes words[16];
	uint8_t in[512];
	uint8_t link_in[512];
	uint8_t out[256];
	uint8_t pending[256];
};

static void
borrow(struct worker *w, struct initial_buffers *buffers)
{
	buf_init_with(&w->input.words, buffers->words, sizeof(buffers->words));
	buf_init_with(&w->client.in, buffers->in, sizeof(buffers->in));
	buf_init_with(&w->link.in, buffers->link_in, sizeof(buffers->link_in));
	buf_init_with(&w->client.out, buffers->out, sizeof(buffers->out));
	buf_init_with(&w->link.pending, buffers->pending,
	    sizeof(buffers->pending));
}

void
worker_run(const struct config *config, const struct worker_params *params)
{
	struct worker w = { .config = config };
	struct initial_buffers buffers;

	account_init(&w.account, params->activity, params->id, params->title,
	    params->title_offset);
	client_init(&w.client, params->fd, params->signal_fd,
	    params->lifeline_fd, config, &w.account);
	input_init(&w);
	w.local.reader = params->reader;
	link_init(&w.link, params->session, params->registry_uid,
	    params->lifeline_fd, (int)config->registry_timeout_ms,
	    config->runtime, &w.account);
	borrow(&w, &buffers);
	show(&w);
	while (!w.closing)
		serve_once(&w);
	if (lacks_memory(&w)) {
		params->activity->reason = CLOSE_MEMORY;
		log_warnx("out of memory: the client is disconnected");
	}
	/* Before the client's, whose closing may take long. */
	link_close(&w.link);
	client_close(&w.client);
#ifndef KVD_INSTRUMENTED
	/* free(3) and exit(3) would write to pages, which the kernel would have
	 * to copy first. */
	_exit(EX_OK);
#endif
	worker_clear(&w);
}
