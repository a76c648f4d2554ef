/*
 * children: does what the supervision of each child says.  Runs in the master.
 */

#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/children.h"
#include "master/prepare.h"
#include "master/report.h"

/* Makes what somebody has removed again.  Sockets that were made again are
 * others, so acceptors have to be replaced to get them. */
static void
repair(struct master *m)
{
	char error[CONFIG_ERROR_SIZE];
	bool changed = prepare_repair(m);

	if (listeners_lack_names(&m->listeners)) {
		if (listeners_change(&m->listeners, m->config, error) == -1)
			log_warnx("%s", error);
		else
			changed = true;
		prepare_listens(m);
	}
	if (changed && m->announced)
		children_replace_acceptors(m);
}

bool
children_repair(struct master *m)
{
	struct child *c = &m->children[REGISTRY];

	if (!prepare_repair(m))
		return false;
	children_event(m, c, POLICY_REPLACE);
	child_signal(c, SIGKILL);
	return true;
}

static void
start(struct master *m, struct child *c)
{
	unsigned long skipped;

	if (walk_holds(m, c)) {
		children_event(m, c, POLICY_NOT_STARTED);
		return;
	}
	if (c->spec->stage == STAGE_REGISTRY)
		repair(m);
	if (child_start(c, m->config, &m->params) == 0)
		return;
	/* There may be enough memory or processes again in a moment. */
	if (log_limit_allows(&m->shortages, clock_ms(), &skipped)) {
		log_warn("cannot start the %s; trying again", c->spec->name);
		log_suppressed(skipped);
	}
	children_event(m, c, POLICY_NOT_STARTED);
	if (!m->announced && !m->stopping)
		children_stop(m, EX_OSERR);
}

static void
kill_child(const struct child *c)
{
	log_warnx("%s (pid %ld) %s; killing it", c->spec->name, (long)c->pid,
	    c->policy.state == POLICY_FAILING ?
		"did not start, or end after SIGABRT, in time" :
		"did not end in time");
	child_signal(c, SIGKILL);
}

void
children_event(struct master *m, struct child *c, enum policy_event event)
{
	struct policy_rules rules = child_rules(c, m->config);

	switch (policy_step(&c->policy, &rules, event, clock_ms())) {
	case POLICY_DO_NOTHING:
	case POLICY_DO_GIVE_UP: /* the caller sees that the child is idle */
	case POLICY_DO_RESTART:
		return;
	case POLICY_DO_START:
		start(m, c);
		return;
	case POLICY_DO_TERMINATE:
		child_signal(c, SIGTERM);
		return;
	case POLICY_DO_ABORT:
		child_signal(c, SIGABRT);
		return;
	case POLICY_DO_KILL:
		kill_child(c);
		return;
	case POLICY_DO_COMPLAIN:
		log_warnx("bug in kvd: %s: event %d cannot happen in state %d",
		    c->spec->name, event, c->policy.state);
		return;
	}
}

/* Tells the children of a stage to end, or, with `again`, those that have been
 * told before.  Returns whether one of them is still there. */
static bool
stop_stage(struct master *m, int stage, bool again)
{
	struct child *c;
	bool left = false;

	for (c = m->children; c < m->children + CHILDREN; c++) {
		if (c->spec->stage != stage)
			continue;
		if ((c->policy.state == POLICY_STOPPING) == again)
			children_event(m, c, POLICY_STOP);
		left = left || c->policy.state != POLICY_IDLE;
	}
	return left;
}

void
children_advance_stop(struct master *m)
{
	while (m->stage != STAGE_OVER && !stop_stage(m, m->stage, false))
		m->stage--;
}

void
children_stop(struct master *m, int status)
{
	if (m->stopping) {
		if (m->stage != STAGE_OVER)
			(void)stop_stage(m, m->stage, true);
		return;
	}
	m->stopping = true;
	m->stopping_since_ms = clock_ms();
	walk_stop(m);
	m->status = status;
	scrub_stop(m);
	report_stop(m);
	/* All workers see this, also those of earlier acceptors. */
	(void)close(m->lifeline[1]);
	m->lifeline[1] = -1;
	m->stage = STAGES - 1;
	children_advance_stop(m);
}

void
children_start_acceptors(struct master *m)
{
	int64_t i;

	for (i = 0; i < m->config->acceptors; i++)
		if (m->children[ACCEPTOR + i].policy.state == POLICY_IDLE)
			children_event(m, &m->children[ACCEPTOR + i],
			    POLICY_START);
}

void
children_replace_acceptors(struct master *m)
{
	struct child *c;
	bool stopped;
	int64_t i;

	for (i = 0; i < CONFIG_ACCEPTORS_MAX; i++) {
		c = &m->children[ACCEPTOR + i];
		stopped = c->policy.state == POLICY_IDLE ||
		    c->policy.state == POLICY_STOPPING;
		if (i < m->config->acceptors)
			children_event(m, c,
			    stopped ? POLICY_START : POLICY_REPLACE);
		else if (!stopped)
			children_event(m, c, POLICY_STOP);
	}
}
