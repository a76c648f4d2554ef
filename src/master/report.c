/*
 * report: tells init about the state of kvd.  Runs in the master.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "master/report.h"

static bool
acceptors_are_ready(const struct master *m)
{
	int64_t i;

	for (i = 0; i < m->config->acceptors; i++)
		if (!child_answers(&m->children[ACCEPTOR + i]))
			return false;
	return true;
}

const char *
report_describe(const struct master *m)
{
	if (m->stopping)
		return "Stopping";
	if (!m->announced)
		return "Starting";
	if (walk_is_under_way(m))
		return "Looking for damage of the store; clients wait";
	if (!child_answers(&m->children[REGISTRY]))
		return "The registry is being restarted; clients wait";
	if (m->reloading)
		return "Reading the configuration again";
	if (!acceptors_are_ready(m))
		return "An acceptor is being restarted";
	if (scoreboard_admission(m->scoreboard) == SCOREBOARD_REFUSES)
		return m->draining ?
		    "Draining: new clients are refused, idle ones end" :
		    "Suspended: new clients are refused";
	if (scoreboard_admission(m->scoreboard) == SCOREBOARD_PAUSES)
		return "Paused: new clients wait";
	if (m->reload_failed)
		return "Accepting connections; kvd.conf is wrong, see the log";
	return "Accepting connections";
}

/* The same in the title, where nothing stands for a kvd that is well. */
static const char *
describe_shortly(const struct master *m)
{
	if (m->stopping)
		return " stopping";
	if (!m->announced)
		return " starting";
	if (walk_is_under_way(m))
		return " looking for damage";
	if (!child_answers(&m->children[REGISTRY]))
		return " restarting registry";
	if (m->reloading)
		return " reloading";
	return acceptors_are_ready(m) ? "" : " restarting acceptor";
}

/*
 * If the title is shorter than argv[0] was, libbsd leaves a dot where that
 * ended, for old kernels.  Linux needs none, and ps(1) would show it.
 */
void
report_title(const struct master *m)
{
	char *base = m->options->argv[0];

	setproctitle("-kvd: master%s", describe_shortly(m));
	if (strlen(base) < m->name_size)
		base[m->name_size] = '\0';
}

static void
report_status(struct master *m)
{
	const char *text = report_describe(m);
	char line[sizeof("STATUS=\n") + sizeof(m->reported)];

	if (strcmp(text, m->reported) == 0)
		return;
	(void)strlcpy(m->reported, text, sizeof(m->reported));
	report_title(m);
	snprintf(line, sizeof(line), "STATUS=%s\n", m->reported);
	notify_send(&m->notify, line);
}

void
report_ready(struct master *m)
{
	notify_ready(&m->notify);
}

void
report_reload(struct master *m)
{
	m->reloading = true;
	m->reload_failed = false;
	notify_reloading(&m->notify);
}

void
report_stop(struct master *m)
{
	notify_send(&m->notify, "STOPPING=1\n");
}

int64_t
report_turn(struct master *m, int64_t now_ms)
{
	bool serving = child_answers(&m->children[REGISTRY]);

	/* A reload is over when all children have the new configuration. */
	if (m->reloading && !m->stopping && serving && acceptors_are_ready(m)) {
		m->reloading = false;
		notify_ready(&m->notify);
	}
	report_status(m);
	/* kvd is not well while its registry cannot be started, so that the
	 * watchdog restarts all of it.  While it stops it must not be
	 * killed. */
	return notify_tick(&m->notify,
	    (m->announced && (serving || walk_is_under_way(m))) || m->stopping,
	    now_ms);
}
