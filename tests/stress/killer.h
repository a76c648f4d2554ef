/*
 * killer: kills the registry and the acceptor, which kvd starts again.
 */

#ifndef STRESS_KILLER_H
#define STRESS_KILLER_H

#include <sys/types.h>

#include <stdint.h>

#include "stress/crowd.h"
#include "stress/run.h"
#include "torture/dice.h"

struct killer {
	struct run *run;
	struct crowd *crowd;
	pid_t master;
	struct dice dice;
	int64_t next_ms; /* the next kill */
	uint64_t writes; /* that were done at the last one */
};

void killer_init(struct killer *, struct run *, struct crowd *, pid_t master);
/* Does what is due. */
void killer_run(struct killer *);

#endif
