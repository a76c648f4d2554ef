/*
 * registry: the event loop.  Listens on the socket that the master has bound,
 * serves workers turn by turn, and ends when the master says so or dies.
 */

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/confine.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "common/startup.h"
#include "common/title.h"
#include "registry/conn.h"
#include "registry/listing.h"
#include "registry/registry.h"
#include "registry/state.h"
#include "registry/session.h"
#include "registry/turn.h"
#include "registry/warning.h"
#include "store/store.h"

#define EVENTS_MAX 256
/* How long new workers are not accepted when descriptors are short. */
#define LISTEN_PAUSE_MS 100
/* How long there is no cache when memory is short. */
#define CACHE_PAUSE_MS 10000
/* How long a registry that was killed may still hold the lock of the store. */
#define LOCK_WAIT_MS 5000
/* How long workers may take to end when the master is gone. */
#define ORPHAN_MS 3000

/* epoll gives back a connection, or the address of one of these. */
static const char source_listen, source_channel, source_checkpointer,
    source_signal;

static void
watch_source(struct registry *r, int op, int fd, const char *source, int on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0 };

	/* Nobody writes through the pointer, so that it may be const. */
	memcpy(&event.data.ptr, &source, sizeof(source));
	if (epoll_ctl(r->epoll_fd, op, fd, &event) == -1)
		fatal(EX_OSERR, "epoll_ctl");
}

static void
open_events(struct registry *r)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
		fatal(EX_OSERR, "sigprocmask");
	r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->signal_fd == -1 || r->epoll_fd == -1)
		fatal(EX_OSERR, "cannot wait for events");
	r->listen_fd = CHANNEL_LISTEN_FD;
	watch_source(r, EPOLL_CTL_ADD, r->listen_fd, &source_listen, 1);
	watch_source(r, EPOLL_CTL_ADD, CHANNEL_FD, &source_channel, 1);
	watch_source(r, EPOLL_CTL_ADD, CHANNEL_CHECKPOINT_FD,
	    &source_checkpointer, 1);
	watch_source(r, EPOLL_CTL_ADD, r->signal_fd, &source_signal, 1);
}

static void
set_cache(struct registry *r)
{
	bool failed;

	failed =
	    store_set_cache(r->store, (size_t)r->config->cache) != STORE_OK;
	if (failed && r->cache_at_ms == CLOCK_NEVER)
		log_warnx("%s", store_error(r->store));
	r->cache_at_ms = failed ? clock_ms() + CACHE_PAUSE_MS : CLOCK_NEVER;
}

/* The master warns if there is no memory. */
static void
warn_of_cache(const struct registry *r)
{
	if (r->cache.write_fd != -1 && store_epoch_fd(r->store) == -1)
		log_warnx("workers cannot read the cache, so that each GET "
			  "asks the registry: cannot make %s/epoch",
		    r->config->data);
}

static void
open_store(struct registry *r, const struct channel_store *before)
{
	struct store_options options = { .role = STORE_REGISTRY,
		.dir = r->config->data,
		.identity = { before->id[0], before->id[1] },
		.sync_ms = (int)r->config->sync_ms,
		.log_size = (size_t)r->config->log_size,
		.lock_wait_ms = LOCK_WAIT_MS,
		.owner_pid = (long)getppid(),
		.memory = &r->cache,
		.clock_base_ms = r->wall_base_ms };

	switch (store_open(&r->store, &options)) {
	case STORE_OK:
		break;
	case STORE_REFUSED:
		/* Another attempt is no use until a person mends it. */
		fatalx(EX_CONFIG, "%s", store_error(r->store));
	default:
		warning_store_failed(r);
	}
	set_cache(r);
	warn_of_cache(r);
	session_list(r);
	if (housekeeping_init(r) != STORE_OK)
		warning_store_failed(r);
	r->reach = store_reach(r->store);
	store_release(r->store);
}

static void
stop_within(struct registry *r, int64_t ms)
{
	if (r->stop_at_ms == CLOCK_NEVER)
		r->stop_at_ms = clock_ms() + ms;
}

static void
pause_listening(struct registry *r, bool paused)
{
	watch_source(r, EPOLL_CTL_MOD, r->listen_fd, &source_listen, !paused);
	r->listen_at_ms = paused ? clock_ms() + LISTEN_PAUSE_MS : CLOCK_NEVER;
}

/* The master has sent another configuration. */
static void
use_config(struct registry *r)
{
	if (store_set_sync(r->store, (int)r->config->sync_ms) != STORE_OK)
		warning_store_failed(r);
	if (!store_unsynced(r->store))
		r->sync_at_ms = CLOCK_NEVER;
	set_cache(r);
	log_debug("new configuration");
}

/* The master sends a PING or a new configuration, or is gone. */
static void
read_channel(struct registry *r)
{
	char error[CONFIG_ERROR_SIZE];
	enum channel_event event;

	event = channel_serve(r->config, error);
	switch (event) {
	case CHANNEL_NOTHING:
		return;
	case CHANNEL_NEW_CONFIG:
		use_config(r);
		return;
	case CHANNEL_BAD_CONFIG:
		/* The next registry begins with the new one. */
		fatalx(EX_TEMPFAIL, "%s", error);
	case CHANNEL_WANTS_VERBOSE:
	case CHANNEL_WANTS_BRIEF:
		log_set_verbose(event == CHANNEL_WANTS_VERBOSE);
		return;
	case CHANNEL_WANTS_CHECKPOINT:
		checkpoint_demand(r);
		return;
	case CHANNEL_UNKNOWN:
		log_warnx("unknown message from the master");
		return;
	case CHANNEL_END:
		if (r->stop_at_ms == CLOCK_NEVER)
			log_warnx("the master is gone; stopping");
		watch_source(r, EPOLL_CTL_DEL, CHANNEL_FD, &source_channel, 0);
		stop_within(r, ORPHAN_MS);
		return;
	}
}

/* The master, or somebody who wants this process alone to end. */
static void
read_signal(struct registry *r)
{
	struct signalfd_siginfo info;

	if (read(r->signal_fd, &info, sizeof(info)) == sizeof(info) &&
	    (pid_t)info.ssi_pid != r->master_pid)
		log_info("told to end while kvd runs, by process %lu",
		    (unsigned long)info.ssi_pid);
	watch_source(r, EPOLL_CTL_DEL, r->signal_fd, &source_signal, 0);
	stop_within(r, r->config->shutdown_timeout_ms);
}

static void
handle_event(struct registry *r, const struct epoll_event *event)
{
	struct conn *c = event->data.ptr;

	if (event->data.ptr == &source_listen) {
		r->accept_pending = true;
	} else if (event->data.ptr == &source_channel) {
		read_channel(r);
	} else if (event->data.ptr == &source_checkpointer) {
		checkpoint_read(r);
	} else if (event->data.ptr == &source_signal) {
		read_signal(r);
	} else if (event->events & (EPOLLHUP | EPOLLERR)) {
		/* The worker has ended or given up, and has told its client
		 * so.  Its requests are not executed. */
		conn_close(r, c);
	} else if (c->wants_out)
		conn_flush(r, c);
	else
		conn_read(r, c);
}

static int64_t
next_deadline(const struct registry *r)
{
	int64_t deadline_ms = r->stop_at_ms;

	if (!TAILQ_EMPTY(&r->ready) || resume_is_due(r))
		return 0;
	if (r->sync_at_ms < deadline_ms)
		deadline_ms = r->sync_at_ms;
	if (housekeeping_deadline(r) < deadline_ms)
		deadline_ms = housekeeping_deadline(r);
	if (memory_deadline(r) < deadline_ms)
		deadline_ms = memory_deadline(r);
	if (checkpoint_deadline(r) < deadline_ms)
		deadline_ms = checkpoint_deadline(r);
	if (r->listen_at_ms < deadline_ms)
		deadline_ms = r->listen_at_ms;
	if (r->gauges.at_ms < deadline_ms)
		deadline_ms = r->gauges.at_ms;
	if (r->cache_at_ms < deadline_ms)
		deadline_ms = r->cache_at_ms;
	if (resume_deadline(r) < deadline_ms)
		deadline_ms = resume_deadline(r);
	if (session_deadline(r) < deadline_ms)
		deadline_ms = session_deadline(r);
	if (listing_deadline(r) < deadline_ms)
		deadline_ms = listing_deadline(r);
	return deadline_ms;
}

static void
sync_now(struct registry *r)
{
	int64_t start_us = clock_us();

	r->sync_at_ms = CLOCK_NEVER;
	if (store_sync(r->store) != STORE_OK)
		warning_store_failed(r);
	counters_time(registry_counter(r, COUNTER_SYNC_TIME),
	    (uint64_t)(clock_us() - start_us), 1);
}

static void
run_timers(struct registry *r)
{
	int64_t now_ms;

	if (r->sync_at_ms == CLOCK_NEVER && r->listen_at_ms == CLOCK_NEVER &&
	    r->cache_at_ms == CLOCK_NEVER && r->gauges.at_ms == CLOCK_NEVER &&
	    TAILQ_EMPTY(&r->listings) && TAILQ_EMPTY(&r->silent) &&
	    TAILQ_EMPTY(&r->refused) && r->resume.changes == NULL)
		return;
	now_ms = clock_ms();
	if (r->sync_at_ms <= now_ms)
		sync_now(r);
	gauges_run(r, now_ms);
	if (r->listen_at_ms <= now_ms)
		pause_listening(r, false);
	if (r->cache_at_ms <= now_ms)
		set_cache(r);
	listing_expire(r, now_ms);
	session_expire(r, now_ms);
	resume_expire(r, now_ms);
}

static bool
is_over(const struct registry *r)
{
	return r->stop_at_ms != CLOCK_NEVER &&
	    (r->conns == r->n_refused || r->stop_at_ms <= clock_ms());
}

static void
serve(struct registry *r)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t deadline_ms;
	int i, n;

	while (!is_over(r)) {
		deadline_ms = next_deadline(r);
		n = epoll_wait(r->epoll_fd, events, EVENTS_MAX,
		    clock_timeout(deadline_ms,
			deadline_ms == CLOCK_NEVER ? 0 : clock_ms()));
		if (n == -1 && errno != EINTR)
			fatal(EX_OSERR, "epoll_wait");
		for (i = 0; i < n; i++)
			handle_event(r, &events[i]);
		if (!TAILQ_EMPTY(&r->ready) || resume_is_due(r) ||
		    housekeeping_is_due(r)) {
			turn_run(r);
			gauges_want(r);
		}
		checkpoint_run(r);
		memory_run(r);
		/*
		 * After the turn: a client whose worker has died may be back
		 * with another worker.  What the dead one had asked has to be
		 * executed, or dropped, before the requests of the new one.
		 */
		if (r->accept_pending && conn_accept(r) == -1)
			pause_listening(r, true);
		r->accept_pending = false;
		run_timers(r);
	}
}

static void
registry_clear(struct registry *r)
{
	struct outcome *o;
	struct conn *c;

	while ((c = TAILQ_FIRST(&r->idle)) != NULL ||
	    (c = TAILQ_FIRST(&r->ready)) != NULL ||
	    (c = TAILQ_FIRST(&r->held)) != NULL ||
	    (c = TAILQ_FIRST(&r->starved)) != NULL)
		conn_close(r, c);
	while ((o = TAILQ_FIRST(&r->orphaned)) != NULL)
		outcome_free(&r->orphaned, o);
	resume_expire(r, CLOCK_NEVER);
	change_clear(&r->changes);
	free(r->by_slot);
	scoreboard_close(r->scoreboard);
	store_close(r->store);
}

int
registry_main(struct config *config, const struct startup_params *params,
    const struct title *title)
{
	struct channel_store store;
	struct registry r = { .config = config,
		.sync_at_ms = CLOCK_NEVER,
		.listen_at_ms = CLOCK_NEVER,
		.cache_at_ms = CLOCK_NEVER,
		.gauges = { .at_ms = CLOCK_NEVER },
		.stop_at_ms = CLOCK_NEVER,
		.wall_base_ms = params->wall_base_ms,
		.cache = area_memory_none,
		.master_pid = getppid(),
		.master_uid = params->privileges.switches ? 0 : geteuid(),
		.worker_uid = params->privileges.user.uid,
		.started_ms = clock_ms() };

	if (params->n_fds == 2)
		r.cache =
		    (struct area_memory){ params->fds[0], -1, params->fds[1] };
	TAILQ_INIT(&r.idle);
	TAILQ_INIT(&r.ready);
	TAILQ_INIT(&r.held);
	TAILQ_INIT(&r.starved);
	memory_init(&r.memory);
	TAILQ_INIT(&r.recorded);
	TAILQ_INIT(&r.silent);
	TAILQ_INIT(&r.refused);
	TAILQ_INIT(&r.orphaned);
	TAILQ_INIT(&r.notified);
	TAILQ_INIT(&r.listings);
	TAILQ_INIT(&r.lookers);
	TAILQ_INIT(&r.behind);
	RB_INIT(&r.topics.live);
	RB_INIT(&r.topics.behind);
	/* Without the scoreboard nobody could be told to be a worker. */
	r.scoreboard = scoreboard_open_to_read(CHANNEL_SCOREBOARD_FD);
	r.counters = scoreboard_map_registry(CHANNEL_SCOREBOARD_FD);
	r.by_slot = calloc(SCOREBOARD_SESSION_SLOTS, sizeof(*r.by_slot));
	if (r.scoreboard == NULL || r.counters == NULL || r.by_slot == NULL)
		fatal(EX_OSERR, "scoreboard");
	/* open_store() may wait for a lock.  Without a store there is nothing
	 * to end in order, so SIGTERM has its default action. */
	startup_unblock();
	open_store(&r, &params->store);
	open_events(&r);
	checkpoint_init(&r);
	store_identity(r.store, store.id);
	if (channel_send_ready(&store, store_epoch_fd(r.store)) == -1)
		fatal(EX_OSERR, "cannot report to the master");
	log_detach();
	gauges_want(&r);
	if (confine_to_data(config, &params->filters[CHANNEL_FILTER_CHILD]) ==
	    -1)
		fatal(EX_OSERR, "sandbox");
	title_set(title, "kvd: registry");
	serve(&r);
	registry_clear(&r);
	log_debug("stopped");
	return EX_OK;
}
