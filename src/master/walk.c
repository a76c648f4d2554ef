/*
 * walk: see walk.h.  Runs in the master.
 */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/startup.h"
#include "common/walk.h"
#include "master/children.h"
#include "master/prepare.h"
#include "master/walk.h"

/* Two crashes within this time are followed by a walk. */
#define CRASHES_MS 60000
/* If it has found nothing, the crashes have another reason. */
#define PAUSE_MS 600000
/* It may say nothing for heartbeat-timeout, and this long at least: then it
 * hangs, or the disk does. */
#define SILENCE_MIN_MS (3 * WALK_ALIVE_MS)
/* When so many in a row cannot say anything, within PAUSE_MS of each other, a
 * person has to. */
#define FAILURES_MAX 2
/* As in store/store_damage.h, which the master does not use. */
#define DAMAGE_FILE "damaged"

void
walk_init(struct walk *w)
{
	w->crashed_ms = w->deadline_ms = CLOCK_NEVER;
	w->fd = -1;
}

static void
want(struct walk *w, bool at_start)
{
	w->wanted = true;
	w->at_start = at_start;
	w->crashed_ms = CLOCK_NEVER;
}

/* As the user that has the data: root need not have the right to look into all
 * directories.  Returns 0, or an errno; ENOENT: no damage is noted. */
static int
find_note(const struct master *m, const char *path)
{
	bool switches = m->params.privileges.switches;
	struct stat st;
	int error;

	if (switches && seteuid(m->params.privileges.registry_user.uid) == -1)
		fatal(EX_OSERR, "seteuid");
	error = lstat(path, &st) == 0 ? 0 : errno;
	if (switches && seteuid(0) == -1)
		fatal(EX_OSERR, "seteuid");
	privileges_set_traceable(m->config->core_dumps);
	return error;
}

void
walk_look(struct master *m)
{
	char path[STATE_PATH_SIZE + sizeof(DAMAGE_FILE)];
	int error;

	(void)snprintf(path, sizeof(path), "%s/" DAMAGE_FILE, m->config->data);
	error = find_note(m, path);
	if (error == ENOENT)
		return;
	if (error == 0)
		log_info("a part of the store was damaged; looking whether it "
			 "is so still");
	else
		log_warnx("%s: %s; looking whether the store is sound", path,
		    strerror(error));
	want(&m->walk, true);
}

static bool
uses_store(const struct child *c)
{
	return c->spec->stage == STAGE_CHECKPOINTER ||
	    c->spec->stage == STAGE_REGISTRY;
}

/* Not if it was killed by somebody else, nor if it said why it ended, unless
 * that is that the store cannot be read. */
static bool
is_crash(int status, bool hung)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == EX_IOERR;
	switch (WTERMSIG(status)) {
	case SIGSEGV:
	case SIGBUS:
	case SIGABRT:
	case SIGILL:
	case SIGFPE:
		return true;
	default:
		return hung;
	}
}

/* LMDB may be about to write: the walk is through a store that does not
 * change. */
static void
end_others(struct master *m)
{
	struct child *c;

	for (c = m->children; c < m->children + ACCEPTOR; c++) {
		if (!policy_runs(&c->policy) || c->pid == 0)
			continue;
		children_event(m, c, POLICY_REPLACE);
		/* At SIGTERM it would serve on until its workers have gone. */
		if (c->spec->stage == STAGE_REGISTRY)
			child_signal(c, SIGKILL);
	}
}

bool
walk_follows(struct master *m, const struct child *c, int status, bool hung)
{
	int64_t now_ms = clock_ms(), before_ms = m->walk.crashed_ms;
	struct walk *w = &m->walk;

	if (m->stopping || !uses_store(c) || !is_crash(status, hung))
		return false;
	if (w->wanted)
		return true;
	if (!m->announced && w->fruitless)
		return false;
	w->crashed_ms = now_ms;
	if (now_ms < w->not_before_ms ||
	    (m->announced &&
		(before_ms == CLOCK_NEVER ||
		    now_ms - before_ms >
			CRASHES_MS + child_heartbeat_ms(c, m->config))))
		return false;
	log_warnx("the %s may have crashed or hung because of the store: "
		  "looking whether that is sound",
	    c->spec->name);
	want(w, false);
	return true;
}

bool
walk_is_under_way(const struct master *m)
{
	return m->walk.wanted || m->walk.pid != 0;
}

bool
walk_holds(const struct master *m, const struct child *c)
{
	return uses_store(c) && walk_is_under_way(m);
}

/* If something has crashed, the walk goes further when it finds nothing new. */
static const char *
walk_flags(const struct master *m)
{
	if (m->config->sandbox)
		return m->walk.at_start ? "--" : "-w";
	return m->walk.at_start ? "-s" : "-sw";
}

__attribute__((noreturn)) static void
exec_walk(const struct master *m, const char *path, int fd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || chdir("/") == -1)
		_exit(EX_OSERR);
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	log_close();
	closefrom(STDERR_FILENO + 1);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	startup_unblock();
	(void)execl(path, "kvd-maintain", "walk", walk_flags(m),
	    m->config->data, (char *)NULL);
	_exit(EX_UNAVAILABLE);
}

static int
fork_walk(struct master *m, const char *path)
{
	struct walk *w = &m->walk;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	if ((w->pid = fork()) == 0)
		exec_walk(m, path, fds[1]);
	(void)close(fds[1]);
	if (w->pid == -1) {
		w->pid = 0;
		(void)close(fds[0]);
		return -1;
	}
	w->fd = fds[0];
	return 0;
}

static int64_t
silence_ends_ms(const struct master *m)
{
	int64_t silence_ms = m->config->heartbeat_timeout_ms;

	if (silence_ms == 0)
		return CLOCK_NEVER;
	return clock_ms() +
	    (silence_ms < SILENCE_MIN_MS ? SILENCE_MIN_MS : silence_ms);
}

/* A shortage may be over when the processes have crashed again. */
static void
start(struct master *m)
{
	char path[STATE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
	int fd = prepare_program(m->config->libexec, "maintain", path, error);
	struct walk *w = &m->walk;

	w->wanted = w->killed = false;
	w->line_size = 0;
	if (fd == -1) {
		log_warnx("%s", error);
		return;
	}
	(void)close(fd);
	if (fork_walk(m, path) == -1) {
		log_warn("cannot look at the store");
		return;
	}
	w->deadline_ms = silence_ends_ms(m);
}

int64_t
walk_run(struct master *m, int64_t now_ms)
{
	struct walk *w = &m->walk;

	if (w->wanted && w->pid == 0 && !m->stopping) {
		end_others(m);
		if (m->children[CHECKPOINTER].pid == 0 &&
		    m->children[REGISTRY].pid == 0)
			start(m);
	}
	if (w->pid != 0 && w->deadline_ms <= now_ms) {
		log_warnx("kvd-maintain (pid %ld) hangs; killing it",
		    (long)w->pid);
		walk_stop(m);
	}
	return w->deadline_ms;
}

void
walk_stop(struct master *m)
{
	struct walk *w = &m->walk;

	w->wanted = false;
	w->deadline_ms = CLOCK_NEVER;
	if (w->pid == 0)
		return;
	w->killed = true;
	(void)kill(w->pid, SIGKILL);
}

static void
end_line(struct walk *w)
{
	w->line[w->line_size] = '\0';
	if (w->line_size > 0)
		log_warnx("%s", w->line);
	w->line_size = 0;
}

void
walk_read(struct master *m)
{
	struct walk *w = &m->walk;
	char data[4096];
	ssize_t n, i;

	n = read(w->fd, data, sizeof(data));
	if (n == -1 && (errno == EAGAIN || errno == EINTR) && w->pid != 0)
		return;
	for (i = 0; i < n; i++) {
		if (data[i] == '\n')
			end_line(w);
		else if (w->line_size < sizeof(w->line) - 1)
			w->line[w->line_size++] = data[i];
	}
	if (n > 0 && !w->killed)
		w->deadline_ms = silence_ends_ms(m);
	if (n > 0)
		return;
	end_line(w);
	(void)close(w->fd);
	w->fd = -1;
}

/* The processes have crashed without touching what is known to be damaged. */
static void
give_up(struct master *m)
{
	log_warnx("the damaged buckets are not touched, and the store still "
		  "makes processes crash: restore the data directory from a "
		  "backup");
	children_stop(m, EX_CONFIG);
}

static void
found_nothing(struct master *m, const char *text, int64_t now_ms)
{
	struct walk *w = &m->walk;

	if (w->at_start) {
		log_info("%s", text);
		return;
	}
	log_warnx("%s: what has ended the process is something else; see the "
		  "lines before",
	    text);
	w->fruitless = true;
	w->not_before_ms = now_ms + PAUSE_MS;
}

/* How many in a row. */
static unsigned int
count_failures(struct walk *w, int64_t now_ms)
{
	if (now_ms - w->failed_ms > PAUSE_MS)
		w->failures = 0;
	w->failed_ms = now_ms;
	return ++w->failures;
}

static void
failed(struct master *m, int status)
{
	char end[64];

	exit_describe(end, sizeof(end), status, EXIT_NO_VIOLATION);
	log_warnx("kvd-maintain %s: it is not known whether the store is "
		  "sound",
	    end);
	if (count_failures(&m->walk, clock_ms()) >= FAILURES_MAX) {
		log_warnx("what of the store is damaged cannot be found out: "
			  "see what kvd -c says, and restore the data "
			  "directory from a backup");
		children_stop(m, EX_CONFIG);
	} else if (!m->announced && !m->walk.at_start)
		children_stop(m, EX_IOERR);
}

static void
conclude(struct master *m, int status)
{
	switch (WIFEXITED(status) ? WEXITSTATUS(status) : -1) {
	case WALK_IS_SOUND:
		found_nothing(m, "the store is sound", clock_ms());
		return;
	case WALK_IS_NONE:
		found_nothing(m, "there is no store to look at", clock_ms());
		return;
	case WALK_IS_DAMAGED:
		log_info("the other buckets are served");
		return;
	case WALK_IS_SAME:
		if (!m->walk.at_start)
			give_up(m);
		return;
	case WALK_IS_LOST:
		children_stop(m, EX_CONFIG);
		return;
	default:
		failed(m, status);
	}
}

bool
walk_ended(struct master *m, pid_t pid, int status)
{
	struct walk *w = &m->walk;

	if (w->pid == 0 || pid != w->pid)
		return false;
	w->pid = 0;
	w->deadline_ms = CLOCK_NEVER;
	while (w->fd != -1)
		walk_read(m);
	if (WIFEXITED(status) && WEXITSTATUS(status) <= WALK_IS_NONE)
		w->failures = 0;
	if (!m->stopping)
		conclude(m, status);
	return true;
}
