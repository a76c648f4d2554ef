/*
 * plan: see plan.h.
 */

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "faults/plan.h"
#include "torture/dice.h"

_Static_assert(FAULT_CALL_COUNT <= 64, "a bit for each call");

void
plan_init(struct plan *p)
{
	*p = (struct plan){ .n = 0 };
}

void
plan_clear(struct plan *p)
{
	free(p->items);
	plan_init(p);
}

static void
add(struct plan *p, enum phase phase, struct fault fault)
{
	if (p->n == p->room) {
		p->room = 2 * p->room + 64;
		p->items = reallocarray(p->items, p->room, sizeof(*p->items));
		if (p->items == NULL)
			err(EX_OSERR, NULL);
	}
	p->items[p->n++] = (struct plan_item){ phase, fault };
}

/* An interrupted call is repeated at once, and a short one goes on: if that
 * never ends, the fault is none. */
static bool
may_last(int error)
{
	return error != EINTR && error != FAULT_SHORT;
}

/*
 * Some calls cannot fail in each place.  A clock that could be read once can be
 * read again: only the first time it may turn out that the system, or a filter
 * of it, does not allow that.  A child can be killed until its parent has reaped
 * it.
 */
static bool
is_possible(enum phase phase, const struct fault *f)
{
	if (f->call == FAULT_CALL_clock_gettime)
		return f->role == FAULT_MASTER && f->n == 1 &&
		    (phase == PHASE_CREATE || phase == PHASE_START);
	/* The program has to know the port. */
	if (f->call == FAULT_CALL_getsockname && f->role == FAULT_MASTER)
		return false;
	return f->call != FAULT_CALL_kill || !f->lasts;
}

/* Each call gets each error in turn, once and lasting, unless all are to be
 * tried with each. */
static void
add_call(struct plan *p, const struct choice *c, enum phase phase,
    struct fault f)
{
	const int *errors = fault_errors[f.call];
	size_t i, n = 0, turn = (size_t)f.n + (size_t)phase + f.role;

	while (errors[n] != 0)
		n++;
	for (i = 0; i < 2 * n; i++) {
		if (!c->all && c->error == 0 && i != turn % (2 * n))
			continue;
		f.error = errors[i / 2];
		f.lasts = i % 2 == 1;
		if (c->error != 0 && c->error != f.error)
			continue;
		if (f.lasts && !may_last(f.error)) {
			if (c->all || c->error != 0)
				continue;
			f.lasts = false;
		}
		if ((f.lasts ? c->lasts : c->once) && is_possible(phase, &f))
			add(p, phase, f);
	}
}

/* The first calls, and some of the others, evenly spread. */
static void
add_calls(struct plan *p, const struct choice *c, enum phase phase,
    struct fault f, uint64_t calls)
{
	uint64_t half = c->most / 2, i;

	if (c->n != 0) {
		f.n = c->n;
		add_call(p, c, phase, f);
		return;
	}
	for (i = 0; i < calls && i < c->most; i++) {
		f.n = 1 + i;
		if (calls > c->most && i >= half)
			f.n = 1 + half +
			    (i - half) * (calls - half) / (c->most - half);
		add_call(p, c, phase, f);
	}
}

void
plan_add(struct plan *p, const struct choice *c, enum phase phase,
    unsigned long calls[FAULT_ROLES][FAULT_CALL_COUNT])
{
	struct fault f = { .n = 0 };

	for (f.role = 0; f.role < FAULT_ROLES; f.role++)
		for (f.call = 0; f.call < FAULT_CALL_COUNT; f.call++)
			if ((c->roles & 1U << f.role) != 0 &&
			    (c->calls & (uint64_t)1 << f.call) != 0 &&
			    calls[f.role][f.call] > 0)
				add_calls(p, c, phase, f,
				    calls[f.role][f.call]);
}

static int
find(const char *const *names, int count, const char *name)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static bool
read_line(struct plan *p, const char *line)
{
	char phase[16], role[16], call[32], error[16], mode[8];
	int i, j, k;
	struct fault f;

	if (sscanf(line, "%15s %15s %31s %15s %7s %" SCNu64, phase, role, call,
		error, mode, &f.n) != 6 ||
	    (i = find(phase_names, PHASES, phase)) == -1 ||
	    (j = find(fault_role_names, FAULT_ROLES, role)) == -1 ||
	    (k = find(fault_call_names, FAULT_CALL_COUNT, call)) == -1 ||
	    (f.error = fault_error_number(error)) == 0)
		return false;
	f.role = (enum fault_role)j;
	f.call = (enum fault_call)k;
	f.lasts = strcmp(mode, "lasts") == 0;
	add(p, (enum phase)i, f);
	return true;
}

void
plan_read(struct plan *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		err(EX_NOINPUT, "%s", path);
	while (getline(&line, &room, f) > 0)
		if (line[0] != '#' && !read_line(p, line))
			errx(EX_DATAERR, "%s: %s", path, line);
	free(line);
	(void)fclose(f);
}

void
plan_shuffle(struct plan *p, uint64_t seed)
{
	struct plan_item item;
	struct dice dice;
	size_t i, j;

	dice_init(&dice, seed, 1000);
	for (i = p->n; i > 1; i--) {
		j = dice_below(&dice, (uint32_t)i);
		item = p->items[i - 1];
		p->items[i - 1] = p->items[j];
		p->items[j] = item;
	}
}
