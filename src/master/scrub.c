/*
 * scrub: see scrub.h.  Runs in the master.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/scrub.h"
#include "common/startup.h"
#include "master/control_conn.h"
#include "master/limits.h"
#include "master/prepare.h"
#include "master/scrub.h"
#include "master/state.h"

/* No scrub begins before, when kvd has been started: there are other things to
 * do. */
#define QUIET_MS ((int64_t)10 * 60 * 1000)
/* When to try again one that has failed, or was lost. */
#define RETRY_MS ((int64_t)60 * 60 * 1000)
/* Bytes that are read in a second; and how often that is doubled at most. */
#define RATE ((uint64_t)4 << 20)
#define DOUBLED_MAX 8

void
scrub_init(struct scrub *s)
{
	s->fd = -1;
	s->next_ms = CLOCK_NEVER;
}

static int64_t
shorter(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

__attribute__((noreturn)) static void
exec_scrub(const struct master *m, const char *path, int fd)
{
	char rate[32];
	unsigned int lost = m->scrub.lost;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || chdir("/") == -1)
		_exit(EX_OSERR);
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	log_close();
	closefrom(STDERR_FILENO + 1);
	limits_expose(-1);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	startup_unblock();
	snprintf(rate, sizeof(rate), "%" PRIu64,
	    RATE << (lost < DOUBLED_MAX ? lost : DOUBLED_MAX));
	(void)execl(path, "kvd-maintain", m->scrub.looks ? "scrubbed" : "scrub",
	    "-r", rate, m->config->sandbox ? "-u" : "-su", m->config->data,
	    (char *)NULL);
	_exit(EX_UNAVAILABLE);
}

static int
fork_scrub(struct master *m, const char *path)
{
	struct scrub *s = &m->scrub;
	int fds[2];

	/* Neither end waits for the other. */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	if ((s->pid = fork()) == 0)
		exec_scrub(m, path, fds[1]);
	(void)close(fds[1]);
	if (s->pid == -1) {
		s->pid = 0;
		(void)close(fds[0]);
		return -1;
	}
	s->fd = fds[0];
	return 0;
}

static void
start(struct master *m, int64_t now_ms)
{
	char path[STATE_PATH_SIZE], error[CONFIG_ERROR_SIZE];
	int fd = prepare_program(m->config->libexec, "maintain", path, error);
	struct scrub *s = &m->scrub;

	s->next_ms = now_ms + shorter(RETRY_MS, m->config->scrub_ms);
	s->looks = !s->known;
	if (fd == -1) {
		log_warnx("scrub: %s", error);
		return;
	}
	(void)close(fd);
	if (fork_scrub(m, path) == -1)
		log_warn("scrub: cannot start kvd-maintain");
}

static bool
is_wanted(const struct master *m)
{
	return m->config->scrub_ms > 0 && m->announced && !m->stopping &&
	    !walk_is_under_way(m);
}

/* The next one is due when the last one is old enough. */
static void
plan(struct master *m)
{
	int64_t interval_ms = m->config->scrub_ms, now_ms = clock_ms(), age_ms;
	int64_t quiet_ms = m->started_ms + shorter(QUIET_MS, interval_ms);
	struct scrub *s = &m->scrub;

	s->interval_ms = interval_ms;
	age_ms = ((int64_t)time(NULL) - s->ended_s) * 1000;
	/* A clock that was set back says nothing of its age. */
	s->next_ms = s->ended_s == 0 || age_ms < 0 || age_ms >= interval_ms ?
	    now_ms :
	    now_ms + interval_ms - age_ms;
	if (s->next_ms < quiet_ms)
		s->next_ms = quiet_ms;
}

int64_t
scrub_run(struct master *m, int64_t now_ms)
{
	struct scrub *s = &m->scrub;

	if (!is_wanted(m)) {
		scrub_stop(m);
		s->known = false;
		return CLOCK_NEVER;
	}
	if (s->pid != 0)
		return CLOCK_NEVER;
	if (s->known && s->interval_ms != m->config->scrub_ms)
		plan(m);
	if (!s->known && s->next_ms == CLOCK_NEVER)
		s->next_ms = now_ms;
	if (s->next_ms <= now_ms)
		start(m, now_ms);
	return s->pid != 0 ? CLOCK_NEVER : s->next_ms;
}

void
scrub_stop(struct master *m)
{
	struct scrub *s = &m->scrub;

	s->next_ms = CLOCK_NEVER;
	if (s->pid != 0)
		(void)kill(s->pid, SIGKILL);
}

/* The first line, and then one for each thing that was found. */
static void
take_lines(struct scrub *s, char *text)
{
	unsigned long long found;
	long long ended_s;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		if (sscanf(line, SCRUB_LAST "%lld %llu", &ended_s, &found) ==
		    2) {
			s->ended_s = ended_s;
			s->found = found;
			s->known = true;
		} else if (strcmp(line, SCRUB_NONE) == 0)
			s->known = true;
		else if (line[0] != '\0')
			log_warnx("scrub: %s", line);
	}
}

/* All that it has said lies in the pipe. */
static void
read_all(struct scrub *s)
{
	size_t room = (size_t)SCRUB_LINES_MAX * SCRUB_LINE_SIZE, size = 0;
	char *text = malloc(room + 1);
	ssize_t n;

	if (text == NULL)
		return;
	while (size < room && (n = read(s->fd, text + size, room - size)) > 0)
		size += (size_t)n;
	text[size] = '\0';
	take_lines(s, text);
	free(text);
}

static void
conclude(struct master *m)
{
	struct scrub *s = &m->scrub;

	s->lost = 0;
	if (!s->looks && s->found == 0)
		log_info("scrub: the store is OK");
	else if (!s->looks)
		log_warnx("scrub: %" PRIu64
			  " things are wrong with the store: see "
			  "kvctl verify",
		    s->found);
	plan(m);
}

/* It was killed, or could not be made. */
static void
report_failure(struct master *m, int status)
{
	struct scrub *s = &m->scrub;
	char end[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == SCRUB_LOST)
		s->lost++;
	exit_describe(end, sizeof(end), status, EXIT_NO_VIOLATION);
	log_warnx("scrub: kvd-maintain %s before its end; it is tried again",
	    end);
}

bool
scrub_ended(struct master *m, pid_t pid, int status)
{
	struct scrub *s = &m->scrub;

	if (s->pid == 0 || pid != s->pid)
		return false;
	s->pid = 0;
	if (is_wanted(m)) {
		read_all(s);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SCRUB_DONE)
			conclude(m);
		else
			report_failure(m, status);
	}
	(void)close(s->fd);
	s->fd = -1;
	return true;
}

void
scrub_report(const struct master *m, struct control_conn *conn)
{
	const struct scrub *s = &m->scrub;
	bool runs = s->pid != 0 && !s->looks;

	control_print(conn,
	    "scrub state=%s next-ms=%" PRId64 " ended=%" PRId64
	    " found=%" PRIu64,
	    runs	     ? "running" :
		is_wanted(m) ? "waiting" :
			       "off",
	    s->next_ms == CLOCK_NEVER ? 0 : s->next_ms - clock_ms(), s->ended_s,
	    s->found);
}

void
scrub_alarm(const struct master *m, struct control_conn *conn)
{
	if (m->scrub.found > 0)
		control_print(conn,
		    "alarm the last scrub has found %" PRIu64
		    " things that are wrong with the store: see kvctl verify",
		    m->scrub.found);
}
