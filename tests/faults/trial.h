/*
 * trial: tries one fault: arms it, lets kvd run into it, takes it away, and
 * looks whether all is well again.
 */

#ifndef FAULTS_TRIAL_H
#define FAULTS_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "faults/fault.h"
#include "faults/load.h"
#include "faults/look.h"
#include "faults/verdict.h"
#include "torture/options.h"
#include "torture/server.h"

/* What kvd does meanwhile. */
enum phase {
	PHASE_CREATE, /* starts, without a store */
	PHASE_START, /* starts */
	PHASE_SERVE,
	PHASE_RESTART, /* serves, and all children are killed */
	PHASE_RELOAD, /* serves, and gets SIGHUP */
	PHASE_STOP,
	PHASES
};

extern const char *const phase_names[PHASES];

struct trial {
	struct verdict verdict;
	bool verbose;
	struct options options; /* of the server */
	struct server server;
	struct load load;
	struct wire_tick tick;
	struct log log;
	struct look rest; /* of a kvd without a fault */
	struct fault_page *page;
	/* How many calls there were in the last phase. */
	unsigned long calls[FAULT_ROLES][FAULT_CALL_COUNT];
	int64_t hit_ms; /* when a lasting fault was first seen */
	int64_t hold_ms; /* how long it lasts */
};

/* Neither returns if the system does not let it. */
void trial_open(struct trial *, const struct options *, bool verbose);
void trial_close(struct trial *);
/*
 * Tries a fault; NULL: only counts calls.  Returns false if no call was reached
 * that could fail.  The verdict says whether kvd failed.
 */
bool trial_run(struct trial *, enum phase, const struct fault *);

#endif
