/*
 * checkpoint: talks to the checkpointer.  Runs in the registry.
 */

#include <sys/epoll.h>

#include "common/channel.h"
#include "common/checkpoint.h"
#include "common/clock.h"
#include "common/log.h"
#include "registry/checkpoint.h"
#include "registry/conn.h"
#include "registry/state.h"
#include "registry/warning.h"
#include "store/store.h"

/* As long as there is a sealed segment, for a message may have been lost. */
#define TELL_AGAIN_MS 1000
/* One checkpoint for all buckets that are dropped meanwhile. */
#define REQUEST_DELAY_MS 1000

static void
tell(struct registry *r)
{
	struct checkpoint_message m = { .type = CHECKPOINT_LOOK };

	r->checkpoint.told = store_sealed(r->store);
	r->checkpoint.tell_at_ms = clock_ms() + TELL_AGAIN_MS;
	checkpoint_send(CHANNEL_CHECKPOINT_FD, &m);
}

void
checkpoint_init(struct registry *r)
{
	struct store_view *view;
	struct store_stats stats;

	r->checkpoint = (struct checkpoint){ .request_at_ms = CLOCK_NEVER };
	if (store_snapshot(r->store, &view) != STORE_OK ||
	    store_stats(view, &stats) != STORE_OK)
		warning_store_failed(r);
	store_release(r->store);
	if (stats.dropped_buckets > 0)
		checkpoint_request_soon(r);
	tell(r);
}

static void
take(struct registry *r, const struct checkpoint_message *m)
{
	enum store_result result;
	uint64_t folded;

	switch (m->type) {
	case CHECKPOINT_PROGRESS:
		store_set_progress(r->store, m->generation, m->done, m->total);
		return;
	case CHECKPOINT_FOLDED:
		folded = store_folded(r->store);
		result = store_set_folded(r->store, m->generation);
		*registry_counter(r, COUNTER_FOLDS) +=
		    store_folded(r->store) - folded;
		warning_check_store(r, result);
		if (result == STORE_FULL)
			checkpoint_request_soon(r);
		if (store_sealed(r->store) == 0)
			r->checkpoint.tell_at_ms = CLOCK_NEVER;
		return;
	default:
		log_warnx("unknown message from the checkpointer");
	}
}

static void
release_held(struct registry *r)
{
	struct conn *c;

	if (store_folded(r->store) < r->checkpoint.awaited)
		return;
	while (store_may_write(r->store) && (c = TAILQ_FIRST(&r->held)) != NULL)
		conn_hold(r, c, CONN_RUNS);
}

void
checkpoint_read(struct registry *r)
{
	struct checkpoint_message m;
	int rc;

	while ((rc = checkpoint_recv(CHANNEL_CHECKPOINT_FD, &m)) == 1)
		take(r, &m);
	/* Master and checkpointer are gone. */
	if (rc == -1)
		(void)epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL,
		    CHANNEL_CHECKPOINT_FD, NULL);
}

/* Sets the generation with which all that is committed will be folded.  False:
 * the disk has no space to begin that; it is tried again. */
static bool
request(struct registry *r, uint64_t *generation)
{
	enum store_result result;

	r->checkpoint.request_at_ms = CLOCK_NEVER;
	result = store_request_checkpoint(r->store, generation);
	warning_check_store(r, result);
	if (result == STORE_FULL)
		checkpoint_request_soon(r);
	return result != STORE_FULL;
}

static void
answer_demand(struct registry *r)
{
	struct checkpoint *k = &r->checkpoint;

	if (k->demanded_revision == 0 || store_folded(r->store) < k->demanded)
		return;
	if (channel_send_checkpointed(k->demanded_revision) == 0)
		k->demanded_revision = 0;
}

void
checkpoint_demand(struct registry *r)
{
	struct store_view *view;

	(void)request(r, &r->checkpoint.demanded);
	store_release(r->store);
	if (store_snapshot(r->store, &view) != STORE_OK)
		warning_store_failed(r);
	r->checkpoint.demanded_revision = store_revision(view);
	store_release(r->store);
}

/* The checkpointer joins the pages, for that may wait. */
static void
tell_cache(struct registry *r)
{
	struct checkpoint_message m = { .type = CHECKPOINT_CACHE };

	if ((m.done = store_cache_filled(r->store)) != 0)
		checkpoint_send(CHANNEL_CHECKPOINT_FD, &m);
}

void
checkpoint_run(struct registry *r)
{
	struct checkpoint *k = &r->checkpoint;
	uint64_t generation;

	if (k->request_at_ms != CLOCK_NEVER && k->request_at_ms <= clock_ms())
		(void)request(r, &generation);
	if (store_sealed(r->store) != k->told ||
	    (k->tell_at_ms != CLOCK_NEVER && k->tell_at_ms <= clock_ms()))
		tell(r);
	release_held(r);
	answer_demand(r);
	tell_cache(r);
}

int64_t
checkpoint_deadline(const struct registry *r)
{
	const struct checkpoint *k = &r->checkpoint;

	return k->request_at_ms < k->tell_at_ms ? k->request_at_ms :
						  k->tell_at_ms;
}

void
checkpoint_request_soon(struct registry *r)
{
	if (r->checkpoint.request_at_ms == CLOCK_NEVER)
		r->checkpoint.request_at_ms = clock_ms() + REQUEST_DELAY_MS;
}

bool
checkpoint_await(struct registry *r)
{
	uint64_t generation;

	if (!request(r, &generation) || generation <= store_folded(r->store))
		return false;
	r->checkpoint.awaited = generation;
	return true;
}
