/*
 * record: records what this process does to the files of a data directory.
 *
 * It has the system calls' own names, and so stands between them and whoever
 * calls them in this program, LMDB among them.  Writes are done, so that they
 * can be read.  Syncs are recorded and not done: nothing here survives by
 * them, and a test has thousands.
 */

#ifndef POWERCUT_RECORD_H
#define POWERCUT_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "powercut/trace.h"

/* What the store is doing. */
enum record_phase {
	PHASE_OPEN = 1 << 0,
	PHASE_BEGIN = 1 << 1,
	PHASE_COMMIT = 1 << 2,
	PHASE_SYNC = 1 << 3,
	PHASE_FOLD = 1 << 4,
	PHASE_CLOSE = 1 << 5,
};

/* A sync that is left out, for the test of the test. */
struct record_fault;
/* NULL: there is none of this name. */
const struct record_fault *record_find_fault(const char *name);
void record_list_faults(FILE *);

/*
 * Records what happens to `dir` and what is in it from now on.  `direct`: the
 * file system has O_DIRECT.  The fault may be NULL.  `seed` is what
 * getrandom(2) then gives.
 */
void record_begin(struct trace *, const char *dir, bool direct,
    const struct record_fault *, uint64_t seed);
void record_phase(enum record_phase);
/* Adds an event that is not of a file. */
void record_mark(enum trace_type, uint64_t at, const void *data, size_t size);
/* How often the fault has happened. */
unsigned long record_faults(void);

#endif
