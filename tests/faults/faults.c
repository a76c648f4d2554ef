/*
 * faults: lets each call that kvd makes fail, one after the other, while a few
 * clients use it.  Whatever fails, no process may crash, no write that was
 * acknowledged may be lost or made twice, nothing may leak, and clients are
 * served again when the fault has gone.
 *
 * Prints what has failed, with the command that repeats it, and how many faults
 * were tried.  Exits with 0 if nothing has failed.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "faults/plan.h"
#include "faults/settings.h"
#include "faults/trial.h"

static volatile sig_atomic_t interrupted;

struct sweep {
	struct settings settings;
	struct trial trial;
	struct plan plan;
	int64_t end_ms;
	size_t failed;
	unsigned long tried[FAULT_ROLES][FAULT_CALL_COUNT];
	unsigned long missed; /* the call was not made again */
};

static void
interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static bool
may_go_on(const struct sweep *s)
{
	return !interrupted &&
	    (s->settings.duration_ms == 0 || clock_ms() < s->end_ms);
}

static void
print_command(const struct sweep *s, const struct plan_item *item)
{
	const struct fault *f = &item->fault;

	printf("faults -s %" PRIu64
	       " -p %s -r %s -c %s -e %s -m %s -n %" PRIu64,
	    s->settings.server.seed, phase_names[item->phase],
	    fault_role_names[f->role], fault_call_names[f->call],
	    fault_error_name(f->error), f->lasts ? "lasts" : "once", f->n);
}

static void
print_place(const struct trial *t)
{
	if (t->page->file[0] != '\0')
		printf("  # pid %ld, %s+%#" PRIx64, (long)t->page->pid,
		    t->page->file, t->page->offset);
	printf("\n");
	(void)fflush(stdout);
}

static void
try(struct sweep *s, const struct plan_item *item)
{
	struct trial *t = &s->trial;
	bool hit;

	if (s->settings.verbose) {
		print_command(s, item);
		printf("\n");
	}
	hit = trial_run(t, item->phase, &item->fault);
	if (hit)
		s->tried[item->fault.role][item->fault.call]++;
	else
		s->missed++;
	if (t->verdict.failed) {
		s->failed++;
		printf("repeat: ");
		print_command(s, item);
	}
	if (t->verdict.failed || s->settings.verbose)
		print_place(t);
}

/* Counts the calls of each phase. */
static bool
make_plan(struct sweep *s)
{
	enum phase phase;

	for (phase = 0; phase < PHASES; phase++) {
		if ((s->settings.choice.phases & 1U << phase) == 0)
			continue;
		(void)trial_run(&s->trial, phase, NULL);
		if (s->trial.verdict.failed) {
			printf("phase %s fails without a fault\n",
			    phase_names[phase]);
			return false;
		}
		plan_add(&s->plan, &s->settings.choice, phase, s->trial.calls);
	}
	if (s->settings.choice.n == 0)
		plan_shuffle(&s->plan, s->settings.server.seed);
	return true;
}

static void
print_totals(const struct sweep *s, size_t n)
{
	unsigned long sum, all = 0;
	int role, call;

	for (role = 0; role < FAULT_ROLES; role++) {
		sum = 0;
		printf("%s:", fault_role_names[role]);
		for (call = 0; call < FAULT_CALL_COUNT; call++) {
			sum += s->tried[role][call];
			if (s->tried[role][call] > 0)
				printf(" %s %lu", fault_call_names[call],
				    s->tried[role][call]);
		}
		printf("%s %lu\n", sum > 0 ? "; in all" : "", sum);
		all += sum;
	}
	printf("%lu faults tried; %lu were not reached; %zu of %zu planned\n",
	    all, s->missed, n, s->plan.n);
	printf("%lu requests answered, %lu writes acknowledged, %lu events, "
	       "%lu times MISSED\n",
	    load_requests(&s->trial.load), load_writes(&s->trial.load),
	    s->trial.load.watcher.events, s->trial.load.watcher.missed);
	printf("%zu faults failed\n", s->failed);
}

int
main(int argc, char *argv[])
{
	static struct sweep s;
	unsigned int times;
	size_t i = 0;
	bool good;

	settings_get(&s.settings, argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, interrupt);
	(void)signal(SIGTERM, interrupt);
	plan_init(&s.plan);
	trial_open(&s.trial, &s.settings.server, s.settings.verbose);
	s.trial.verdict.stops = s.settings.stops;
	if (s.settings.file != NULL)
		plan_read(&s.plan, s.settings.file);
	good = s.settings.file != NULL || make_plan(&s);
	s.end_ms = clock_ms() + s.settings.duration_ms;
	for (; good && i < s.plan.n && may_go_on(&s); i++)
		for (times = s.settings.times; times-- > 0 && may_go_on(&s);)
			try(&s, &s.plan.items[i]);
	print_totals(&s, i);
	trial_close(&s.trial);
	plan_clear(&s.plan);
	return good && s.failed == 0 ? 0 : 1;
}
