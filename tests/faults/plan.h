/*
 * plan: which faults to try, in which order.
 */

#ifndef FAULTS_PLAN_H
#define FAULTS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "faults/fault.h"
#include "faults/trial.h"

/* What is chosen on the command line. */
struct choice {
	unsigned int phases, roles; /* bits: 1 << ... */
	uint64_t calls;
	int error; /* 0: all */
	bool once, lasts;
	uint64_t n; /* only this call; 0: all, up to `most` */
	uint64_t most;
	bool all; /* each call with each error, and both once and lasting */
};

struct plan_item {
	enum phase phase;
	struct fault fault;
};

struct plan {
	struct plan_item *items;
	size_t n, room;
};

void plan_init(struct plan *);
void plan_clear(struct plan *);
/* Adds what may fail in a phase in which so many calls were counted. */
void plan_add(struct plan *, const struct choice *, enum phase,
    unsigned long calls[FAULT_ROLES][FAULT_CALL_COUNT]);
/* Adds those that a file lists, one in a line: phase, role, call, error, once or
 * lasts, number.  Lines that begin with # are ignored.  Exits if there is any
 * other. */
void plan_read(struct plan *, const char *path);
void plan_shuffle(struct plan *, uint64_t seed);

#endif
