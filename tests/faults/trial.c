/*
 * trial: see trial.h.
 */

#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "faults/trial.h"

/* Far longer than it takes on a busy machine. */
#define START_MS 30000
#define END_MS 30000
/* When the fault has gone, clients are served without an error again. */
#define RECOVER_MS 15000
#define PAUSE_US 20000
/* How long a lasting fault lasts. */
#define HOLD_MS 400
/* The longest time for which the checkpoint of a round is awaited. */
#define CHECKPOINT_MS 1500
/* Then all buffers have the size that they keep. */
#define WARM_UP_ROUNDS 5

#define MAX_VALUE "65536"

const char *const phase_names[PHASES] = {
	[PHASE_CREATE] = "create",
	[PHASE_START] = "start",
	[PHASE_SERVE] = "serve",
	[PHASE_RESTART] = "restart",
	[PHASE_RELOAD] = "reload",
	[PHASE_STOP] = "stop",
};

/* With which each kvd is started; trial_open() writes it to a file. */
static const char configuration[] =
    /* So that the log is soon used up. */
    "log-size 12M\n"
    "cache 1M\n"
    /* A restart of the registry on a busy machine is no failure. */
    "registry-timeout 10s\n"
    "shutdown-timeout 5s\n"
    /* Last, to see that all of the file was read. */
    "max-value " MAX_VALUE "\n";

/* The fault */

static void
arm(struct trial *t, const struct fault *f)
{
	struct fault_page *p = t->page;

	memset((void *)p->calls, 0, sizeof(p->calls));
	memset(p->file, 0, sizeof(p->file));
	atomic_store(&p->hits, 0);
	t->hit_ms = 0;
	t->hold_ms = HOLD_MS;
	if (f == NULL)
		return;
	p->fault = *f;
	atomic_store(&p->armed, true);
}

static void
disarm(struct trial *t)
{
	atomic_store(&t->page->armed, false);
}

/* While anything is waited for. */
static void
tick(void *arg)
{
	struct trial *t = arg;

	server_look(&t->server);
	if (atomic_load(&t->page->hits) == 0)
		return;
	if (t->hit_ms == 0)
		t->hit_ms = clock_ms();
	else if (clock_ms() > t->hit_ms + t->hold_ms)
		disarm(t);
}

/* Starting and ending */

static void
map_page(struct trial *t)
{
	char path[128], shim[PATH_MAX + 32];
	int fd;

	server_path(&t->server, "faults", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, sizeof(*t->page)) == -1)
		err(EX_OSERR, "%s", path);
	t->page = mmap(NULL, sizeof(*t->page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (t->page == MAP_FAILED)
		err(EX_OSERR, "mmap");
	(void)close(fd);
	(void)snprintf(shim, sizeof(shim), "%s/tests/faults/shim.so",
	    t->options.build);
	/* Only kvd's processes will see these. */
	if (access(shim, R_OK) == -1 || setenv("LD_PRELOAD", shim, 1) == -1 ||
	    setenv(FAULT_ENVIRONMENT, path, 1) == -1)
		err(EX_UNAVAILABLE, "%s", shim);
}

static void
write_configuration(struct trial *t)
{
	char path[128];
	FILE *f;

	server_path(&t->server, "kvd.conf", path);
	if ((f = fopen(path, "we")) == NULL || fputs(configuration, f) == EOF ||
	    fclose(f) == EOF)
		err(EX_OSERR, "%s", path);
}

void
trial_open(struct trial *t, const struct options *o, bool verbose)
{
	memset(t, 0, sizeof(*t));
	t->options = *o;
	t->verbose = verbose;
	t->tick = (struct wire_tick){ tick, t };
	server_open(&t->server, &t->options);
	write_configuration(t);
	map_page(t);
	load_init(&t->load, &t->server.address, o->seed, &t->verdict, &t->tick);
}

/* Waits until kvd serves or has ended. */
static void
await_start(struct trial *t)
{
	int64_t deadline_ms = clock_ms() + START_MS;

	while (t->server.state == SERVER_STARTING ||
	    t->server.state == SERVER_ENDING) {
		tick(t);
		if (clock_ms() > deadline_ms) {
			verdict_fail(&t->verdict,
			    "kvd neither starts nor ends");
			return;
		}
		(void)usleep(PAUSE_US / 10);
	}
}

static void
start(struct trial *t)
{
	server_start(&t->server);
	await_start(t);
}

static void
kill_all(struct trial *t)
{
	load_close(&t->load);
	if (t->server.state == SERVER_DOWN)
		return;
	server_end(&t->server, SIGKILL, true);
	if (!server_await(&t->server, SERVER_DOWN, END_MS))
		errx(EX_SOFTWARE, "processes are left that do not end");
}

static void
stop(struct trial *t)
{
	load_close(&t->load);
	if (t->server.state == SERVER_DOWN)
		return;
	server_end(&t->server, SIGTERM, false);
	if (!server_await(&t->server, SERVER_DOWN, END_MS)) {
		verdict_fail(&t->verdict, "kvd does not end");
		kill_all(t);
	}
}

void
trial_close(struct trial *t)
{
	kill_all(t);
	server_close(&t->server);
}

/* Recovery */

/* Rounds, until nobody notices a fault any more. */
static void
recover(struct trial *t)
{
	int64_t deadline_ms = clock_ms() + RECOVER_MS;

	while (!t->verdict.failed && !load_round(&t->load)) {
		if (t->server.state != SERVER_READY)
			verdict_fail(&t->verdict, "kvd has ended");
		else if (clock_ms() > deadline_ms)
			verdict_fail(&t->verdict, "the fault has gone, but: %s",
			    t->load.trouble);
		(void)usleep(PAUSE_US);
	}
}

static void
check_rest(struct trial *t)
{
	unsigned int workers = load_connected(&t->load);
	struct look now;

	look_await(&t->server, &now, workers, &t->rest);
	look_compare(&t->rest, &now, workers, &t->verdict);
	/* Another process begins anew, but needs no more descriptors. */
	memcpy(now.descriptors, t->rest.descriptors, sizeof(now.descriptors));
	t->rest = now;
}

/* Starts kvd without a fault, and learns what it is like at rest. */
static void
start_well(struct trial *t)
{
	int i;

	start(t);
	if (t->server.state != SERVER_READY) {
		verdict_fail(&t->verdict, "kvd does not start without a fault");
		return;
	}
	for (i = 0; i < WARM_UP_ROUNDS && !t->verdict.failed; i++)
		recover(t);
	look_await(&t->server, &t->rest, load_connected(&t->load), NULL);
}

/* Phases */

static void
remove_store(struct trial *t)
{
	char path[128];

	server_path(&t->server, "data", path);
	remove_tree(path);
	load_forget(&t->load);
}

static void
prepare(struct trial *t, enum phase phase)
{
	t->verdict.failed = false;
	if (t->rest.pid[FAULT_MASTER] == 0)
		start_well(t);
	if (phase == PHASE_CREATE || phase == PHASE_START) {
		stop(t);
		if (phase == PHASE_CREATE)
			remove_store(t);
	} else if (t->server.state == SERVER_DOWN)
		start_well(t);
}

/* In the middle of a round. */
static void
checkpoint(void *arg)
{
	struct trial *t = arg;

	(void)kill(t->server.master, SIGUSR1);
}

static void
kill_children(void *arg)
{
	struct trial *t = arg;
	struct look now;
	int role;

	look_await(&t->server, &now, load_connected(&t->load), NULL);
	for (role = 0; role < PERMANENT; role++)
		if (role != FAULT_MASTER && now.pid[role] != 0) {
			log_kill(&t->log, now.pid[role]);
			(void)kill(now.pid[role], SIGKILL);
		}
}

static void
reload(void *arg)
{
	struct trial *t = arg;

	(void)kill(t->server.master, SIGHUP);
}

/* May clients notice this fault? */
static bool
may_be_noticed(const struct trial *t, enum phase phase, const struct fault *f)
{
	if (f == NULL)
		return false;
	/* Of a wrong permission kvd may say that a person has to mend it. */
	if (f->lasts || f->role == FAULT_WORKER || f->error == EACCES)
		return true;
	/* No worker could be started, or its acceptor was killed before. */
	if (t->load.refused)
		return f->role == FAULT_ACCEPTOR || phase == PHASE_RESTART;
	return t->load.full && (f->error == ENOSPC || f->error == EDQUOT);
}

/* The log is folded behind the clients' backs.  With a fault it may not be. */
static void
await_checkpoint(struct trial *t)
{
	int64_t deadline_ms = clock_ms() + CHECKPOINT_MS;

	while (clock_ms() < deadline_ms &&
	    !log_contains(&t->log, &t->server, "checkpoint: data.mdb has")) {
		tick(t);
		(void)usleep(PAUSE_US / 4);
	}
}

static void
serve(struct trial *t, enum phase phase, const struct fault *f)
{
	static void (*const interludes[PHASES])(void *) = {
		[PHASE_SERVE] = checkpoint,
		[PHASE_RESTART] = kill_children,
		[PHASE_RELOAD] = reload,
	};
	bool good;

	t->load.interlude = interludes[phase];
	t->load.arg = t;
	good = load_round(&t->load);
	t->load.interlude = NULL;
	if (!good && !may_be_noticed(t, phase, f))
		verdict_fail(&t->verdict, "clients notice it: %s",
		    t->load.trouble);
	if (phase == PHASE_SERVE)
		await_checkpoint(t);
}

static void
check_status(struct trial *t)
{
	int status = t->server.status;

	if (!WIFEXITED(status) ||
	    !log_is_documented(WEXITSTATUS(status), t->log.error))
		verdict_fail(&t->verdict, "kvd ended with wait status %#x",
		    (unsigned int)status);
	if (!log_has_line(&t->log, &t->server, 0))
		verdict_fail(&t->verdict, "kvd ended without a word");
}

static void
end(struct trial *t)
{
	int64_t deadline_ms = clock_ms() + END_MS;

	load_close(&t->load);
	server_end(&t->server, SIGTERM, false);
	while (t->server.state != SERVER_DOWN && clock_ms() < deadline_ms) {
		tick(t);
		(void)usleep(PAUSE_US / 10);
	}
	if (t->server.state != SERVER_DOWN)
		verdict_fail(&t->verdict, "kvd does not end");
}

static void
act(struct trial *t, enum phase phase, const struct fault *f)
{
	if (phase == PHASE_CREATE || phase == PHASE_START)
		start(t);
	else if (phase == PHASE_STOP)
		end(t);
	else
		serve(t, phase, f);
}

/* A child has ended for good, and so does kvd. */
static bool
gives_up(struct trial *t)
{
	return t->server.state == SERVER_ENDING ||
	    log_contains(&t->log, &t->server, "; not restarting it");
}

/* Half a configuration would be another one. */
static void
check_configuration(struct trial *t)
{
	static const char stats[] = "STATS\n", want[] = "max-value " MAX_VALUE;
	struct wire *w = &t->load.clients[0].wire;
	const char *line;
	bool good = false;

	if (w->fd == -1 || !wire_say(w, stats, sizeof(stats) - 1))
		return;
	while ((line = wire_hear(w, WIRE_WAIT_MS)) != NULL &&
	    strcmp(line, "OK") != 0)
		good = good || strcmp(line, want) == 0;
	if (!good)
		verdict_fail(&t->verdict, "kvd has another configuration");
}

/* Then the fault has gone. */
static void
settle(struct trial *t, enum phase phase)
{
	if (t->server.state != SERVER_DOWN && gives_up(t) &&
	    !server_await(&t->server, SERVER_DOWN, END_MS))
		verdict_fail(&t->verdict, "kvd does not end");
	if (!t->verdict.failed && t->server.state == SERVER_DOWN) {
		if (phase != PHASE_STOP)
			check_status(t);
		start(t);
	}
	if (!t->verdict.failed && t->server.state != SERVER_READY)
		verdict_fail(&t->verdict, "kvd does not start again");
	recover(t);
	if (!t->verdict.failed)
		check_configuration(t);
	if (!t->verdict.failed)
		check_rest(t);
}

static void
note_calls(struct trial *t)
{
	int role, call;

	for (role = 0; role < FAULT_ROLES; role++)
		for (call = 0; call < FAULT_CALL_COUNT; call++)
			t->calls[role][call] = (unsigned long)atomic_load(
			    &t->page->calls[role][call]);
}

bool
trial_run(struct trial *t, enum phase phase, const struct fault *f)
{
	bool hit;

	prepare(t, phase);
	log_begin(&t->log, &t->server);
	t->log.error = f == NULL ? 0 : f->error;
	arm(t, f);
	act(t, phase, f);
	hit = atomic_load(&t->page->hits) > 0;
	disarm(t);
	note_calls(t);
	settle(t, phase);
	log_check(&t->log, &t->server, &t->verdict);
	if (t->verdict.failed || t->verbose)
		log_print(&t->log, &t->server);
	if (t->verdict.failed) {
		/* The next fault gets a kvd, and a store, without a past. */
		kill_all(t);
		remove_store(t);
		memset(&t->rest, 0, sizeof(t->rest));
	}
	return hit;
}
