/*
 * report: the master's state in init's terms.  Runs in the master.
 */

#include <stdio.h>
#include <string.h>

#include "master/report.h"

static bool
is_ready(const struct child *c)
{
	return c->policy.state == POLICY_READY;
}

static bool
acceptors_are_ready(const struct master *m)
{
	int64_t i;

	for (i = 0; i < m->config->acceptors; i++)
		if (!is_ready(&m->children[ACCEPTOR + i]))
			return false;
	return true;
}

/* In a word or two, for people. */
static const char *
describe(const struct master *m)
{
	if (m->stopping)
		return "Stopping";
	if (!m->announced)
		return "Starting";
	if (!is_ready(&m->children[REGISTRY]))
		return "The registry is being restarted; clients wait";
	if (m->reloading)
		return "Reading the configuration again";
	if (!acceptors_are_ready(m))
		return "An acceptor is being restarted";
	if (m->reload_failed)
		return "Accepting connections; kvd.conf is wrong, see the log";
	return "Accepting connections";
}

static void
report_status(struct master *m)
{
	const char *text = describe(m);
	char line[sizeof("STATUS=\n") + sizeof(m->reported)];

	if (strcmp(text, m->reported) == 0)
		return;
	(void)strlcpy(m->reported, text, sizeof(m->reported));
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
	bool serving = is_ready(&m->children[REGISTRY]);

	/* Over when everybody has the new configuration. */
	if (m->reloading && !m->stopping && serving && acceptors_are_ready(m)) {
		m->reloading = false;
		notify_ready(&m->notify);
	}
	report_status(m);
	/* A master whose registry cannot be started does not serve; one that
	 * stops takes its time. */
	return notify_tick(&m->notify, (m->announced && serving) || m->stopping,
	    now_ms);
}
