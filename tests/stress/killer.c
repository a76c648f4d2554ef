/*
 * killer: see killer.h.
 */

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "common/clock.h"
#include "proc.h"
#include "stress/killer.h"

#define CHILDREN_MAX 1024

static void
plan(struct killer *k)
{
	uint32_t mean_ms;

	if (k->run->options.kills == 0) {
		k->next_ms = CLOCK_NEVER;
		return;
	}
	mean_ms = 1000 / k->run->options.kills;
	k->next_ms = clock_ms() + dice_below(&k->dice, 2 * mean_ms);
	k->writes = k->run->outcome.writes;
}

void
killer_init(struct killer *k, struct run *r, struct crowd *cr, pid_t master)
{
	*k = (struct killer){ .run = r, .crowd = cr, .master = master };
	dice_init(&k->dice, r->options.seed, 1);
	plan(k);
}

/* Workers have the acceptor's name, but have executed nothing. */
static bool
is_child(pid_t pid, const char *name)
{
	struct proc p;

	return proc_read(pid, &p) && !proc_is_dead(&p) && p.executed &&
	    strcmp(p.name, name) == 0;
}

static bool
kill_child(const struct killer *k, const char *name)
{
	pid_t list[CHILDREN_MAX];
	size_t i, n = proc_children(k->master, list, CHILDREN_MAX);

	for (i = 0; i < n; i++)
		if (is_child(list[i], name)) {
			outcome_note(&k->run->outcome, "KILL %s, pid %ld", name,
			    (long)list[i]);
			return kill(list[i], SIGKILL) == 0;
		}
	return false;
}

/* Two of three are registries. */
void
killer_run(struct killer *k)
{
	struct outcome *o = &k->run->outcome;

	/* kvd is to get something done between two kills. */
	if (clock_ms() < k->next_ms || o->writes == k->writes)
		return;
	if (!dice_hit(&k->dice, 3))
		o->killed_registries += kill_child(k, "kvd-registry");
	else if (kill_child(k, "kvd-acceptor")) {
		o->killed_acceptors++;
		k->crowd->acceptor_died_ms = clock_ms();
	}
	plan(k);
}
