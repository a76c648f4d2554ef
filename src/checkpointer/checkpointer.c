/*
 * checkpointer: the event loop.  Trusts the master and the registry.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <poll.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "area/large_pages.h"
#include "checkpointer/checkpointer.h"
#include "common/channel.h"
#include "common/checkpoint.h"
#include "common/clock.h"
#include "common/confine.h"
#include "common/io.h"
#include "common/log.h"
#include "common/log_limit.h"
#include "common/startup.h"
#include "common/title.h"
#include "store/store.h"

/* How long a checkpointer that was killed may still hold its lock. */
#define LOCK_WAIT_MS 5000
/* A transaction is to take about so long.  If the log is used up, writers wait
 * until it says how far it has come. */
#define STEP_MS 100
/* Keys of a transaction. */
#define STEP_FIRST 500
#define STEP_LEAST 16
#define STEP_MOST 8000
/* While something takes long, the master is heard so often. */
#define ALIVE_MS 200
/* Until a segment that is being sealed is looked at again, */
#define LOOK_AGAIN_MS 20
/* and until there may be space on the disk again. */
#define RETRY_MS 1000

enum {
	PFD_CHANNEL,
	PFD_SIGNAL,
	PFD_REGISTRY,
	PFDS
};

struct checkpointer {
	struct config *config;
	pid_t master_pid;
	struct store *store;
	struct large_pages cache;
	struct pollfd pfds[PFDS];
	size_t step; /* keys of the next transaction */
	/* From this time on there may be something to do; CLOCK_NEVER: nothing
	 * until the registry says so. */
	int64_t work_at_ms;
	int64_t alive_ms; /* when the master was last heard in between */
	bool ready; /* the master knows */
	bool stopping;
	const struct title *title; /* what it shows: */
	bool folding;
	struct log_limit full, damage;
};

static void
read_channel(struct checkpointer *c)
{
	char error[CONFIG_ERROR_SIZE];
	enum channel_event event;

	event = channel_serve(c->config, error);
	switch (event) {
	case CHANNEL_NOTHING:
	case CHANNEL_NEW_CONFIG:
		return;
	case CHANNEL_BAD_CONFIG:
		fatalx(EX_TEMPFAIL, "%s", error);
	case CHANNEL_WANTS_VERBOSE:
	case CHANNEL_WANTS_BRIEF:
		log_set_verbose(event == CHANNEL_WANTS_VERBOSE);
		return;
	case CHANNEL_WANTS_CHECKPOINT:
	case CHANNEL_UNKNOWN:
		log_warnx("unknown message from the master");
		return;
	case CHANNEL_END:
		log_warnx("the master is gone; stopping");
		c->stopping = true;
		return;
	}
}

/* Something takes long.  Before this process is ready no ping comes. */
static void
stay_alive(void *arg)
{
	struct checkpointer *c = arg;
	int64_t now_ms = clock_ms();

	if (now_ms - c->alive_ms < ALIVE_MS)
		return;
	c->alive_ms = now_ms;
	if (c->ready)
		read_channel(c);
	else
		(void)channel_send(CHANNEL_FD, CHANNEL_PONG);
}

__attribute__((noreturn)) static void
store_failed(const struct checkpointer *c)
{
	fatalx(store_exit_status(c->store), "%s", store_error(c->store));
}

/* `first`: no registry of this kvd has opened the store yet. */
static void
open_store(struct checkpointer *c, const struct channel_store *before,
    bool first)
{
	struct store_options options = { .role = STORE_CHECKPOINTER,
		.dir = c->config->data,
		.create = first,
		.identity = { before->id[0], before->id[1] },
		.log_size = (size_t)c->config->log_size,
		.lock_wait_ms = LOCK_WAIT_MS,
		.owner_pid = (long)c->master_pid,
		.alive = stay_alive,
		.alive_arg = c };

	switch (store_open(&c->store, &options)) {
	case STORE_OK:
		return;
	case STORE_REFUSED:
		/* Another attempt is no use until a person mends it.  But what
		 * serves already is not ended for that. */
		fatalx(first ? EX_CONFIG : EX_IOERR, "%s",
		    store_error(c->store));
	default:
		store_failed(c);
	}
}

/* Without it workers read the cache all the same. */
static void
open_cache(struct checkpointer *c, const struct startup_params *params)
{
	int fd = params->n_fds > 0 ? params->fds[0] : -1;

	if (large_pages_open(&c->cache, fd) == -1)
		log_warn(
		    "new workers read the cache more slowly: cannot map it");
	if (fd != -1)
		(void)close(fd);
}

static void
open_events(struct checkpointer *c)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1 ||
	    (fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		fatal(EX_OSERR, "cannot wait for events");
	c->pfds[PFD_CHANNEL] = (struct pollfd){ CHANNEL_FD, POLLIN, 0 };
	c->pfds[PFD_SIGNAL] = (struct pollfd){ fd, POLLIN, 0 };
	c->pfds[PFD_REGISTRY] =
	    (struct pollfd){ CHANNEL_CHECKPOINT_FD, POLLIN, 0 };
}

static void
tell_folded(struct checkpointer *c)
{
	struct checkpoint_message m = { .type = CHECKPOINT_FOLDED,
		.generation = store_folded(c->store) };

	checkpoint_send(CHANNEL_CHECKPOINT_FD, &m);
}

static void
tell_progress(struct checkpointer *c)
{
	struct store_progress p = store_progress(c->store);
	struct checkpoint_message m = { CHECKPOINT_PROGRESS, p.generation,
		p.done, p.total };

	checkpoint_send(CHANNEL_CHECKPOINT_FD, &m);
}

static void
warn_full(struct checkpointer *c)
{
	unsigned long skipped;

	if (log_limit_allows(&c->full, clock_ms(), &skipped)) {
		log_warnx("no space on the disk to fold the log into "
			  "data.mdb; writes wait: make room in %s",
		    c->config->data);
		log_suppressed(skipped);
	}
	c->work_at_ms = clock_ms() + RETRY_MS;
}

/* Twice as many keys, or half as many, the next time. */
static void
adapt(struct checkpointer *c, int64_t took_ms)
{
	if (took_ms < STEP_MS / 2 && c->step < STEP_MOST)
		c->step *= 2;
	else if (took_ms > STEP_MS && c->step > STEP_LEAST)
		c->step /= 2;
}

static void
check(struct checkpointer *c, enum store_result result)
{
	unsigned long skipped;

	if (result == STORE_FAILED)
		store_failed(c);
	if (result == STORE_DAMAGED &&
	    log_limit_allows(&c->damage, clock_ms(), &skipped)) {
		log_warnx("data damaged: %s", store_error(c->store));
		log_suppressed(skipped);
	}
}

/* One transaction of a fold.  False: there is no segment to fold. */
static bool
fold(struct checkpointer *c)
{
	int64_t begin_ms = clock_ms();
	enum store_result result;
	bool found, more = false;

	if ((result = store_find_sealed(c->store, &found)) == STORE_BEHIND) {
		c->work_at_ms = clock_ms() + LOOK_AGAIN_MS;
		return true;
	}
	check(c, result);
	/* What is damaged is looked at again when the registry asks again. */
	if (result == STORE_DAMAGED || (result == STORE_OK && !found))
		return false;
	if (result == STORE_OK)
		result = store_fold(c->store, c->step, &more);
	if (result == STORE_FULL) {
		warn_full(c);
		return true;
	}
	check(c, result);
	adapt(c, clock_ms() - begin_ms);
	if (more)
		tell_progress(c);
	else
		tell_folded(c);
	return true;
}

/* Removes some entries of dropped buckets.  False: there are none. */
static bool
purge(struct checkpointer *c)
{
	int64_t begin_ms = clock_ms();
	enum store_result result;
	bool more;

	if ((result = store_purge(c->store, c->step, &more)) == STORE_FULL) {
		warn_full(c);
		return true;
	}
	check(c, result);
	adapt(c, clock_ms() - begin_ms);
	return more;
}

static void
show(struct checkpointer *c, bool folding)
{
	if (folding != c->folding)
		title_set(c->title,
		    folding ? "kvd: checkpointer folding" :
			      "kvd: checkpointer");
	c->folding = folding;
}

static void
work(struct checkpointer *c)
{
	c->work_at_ms = clock_ms();
	if (fold(c) || purge(c)) {
		show(c, true);
		return;
	}
	c->work_at_ms = CLOCK_NEVER;
	show(c, false);
	tell_folded(c);
}

/* The master, or somebody who wants this process alone to end. */
static void
read_signal(struct checkpointer *c)
{
	struct signalfd_siginfo info;

	if (read(c->pfds[PFD_SIGNAL].fd, &info, sizeof(info)) == sizeof(info) &&
	    (pid_t)info.ssi_pid != c->master_pid)
		log_info("told to end while kvd runs, by process %lu",
		    (unsigned long)info.ssi_pid);
	c->stopping = true;
}

static void
read_registry(struct checkpointer *c)
{
	struct checkpoint_message m;
	int rc;

	while ((rc = checkpoint_recv(CHANNEL_CHECKPOINT_FD, &m)) == 1)
		if (m.type == CHECKPOINT_CACHE)
			large_pages_look(&c->cache, (size_t)m.done);
		else if (c->work_at_ms == CLOCK_NEVER)
			c->work_at_ms = clock_ms();
	if (rc == -1)
		c->pfds[PFD_REGISTRY].fd = -1;
}

static void
serve(struct checkpointer *c)
{
	while (!c->stopping) {
		if (io_poll(c->pfds, PFDS,
			large_pages_are_left(&c->cache) ? 0 : c->work_at_ms) ==
		    IO_FAILED)
			fatal(EX_OSERR, "cannot wait for events");
		if (c->pfds[PFD_CHANNEL].revents != 0)
			read_channel(c);
		if (c->pfds[PFD_SIGNAL].revents != 0)
			read_signal(c);
		if (c->pfds[PFD_REGISTRY].revents != 0)
			read_registry(c);
		if (!c->stopping && c->work_at_ms <= clock_ms())
			work(c);
		large_pages_join(&c->cache);
	}
}

int
checkpointer_main(struct config *config, const struct startup_params *params,
    const struct title *title)
{
	static const struct channel_store none;
	struct checkpointer c = { .config = config,
		.master_pid = getppid(),
		.step = STEP_FIRST,
		.title = title };
	bool first = params->store.id[0] == 0 && params->store.id[1] == 0;

	/* If the master has died before, the channel says so. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal(EX_OSERR, "cannot ask to be killed with the master");
	/* Until there is a store SIGTERM has its default action. */
	startup_unblock();
	open_store(&c, &params->store, first);
	open_events(&c);
	open_cache(&c, params);
	if (channel_send_ready(&none, -1) == -1)
		fatal(EX_OSERR, "cannot report to the master");
	c.ready = true;
	log_detach();
	if (confine_to_data(config, &params->filters[CHANNEL_FILTER_CHILD]) ==
	    -1)
		fatal(EX_OSERR, "sandbox");
	/* After a power cut the registry has to recover the log first, and then
	 * asks for the rest. */
	c.work_at_ms = first ? CLOCK_NEVER : clock_ms();
	serve(&c);
	store_close(c.store);
	log_debug("stopped");
	return EX_OK;
}
