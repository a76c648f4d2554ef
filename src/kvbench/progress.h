/*
 * How far a run is, in one line of a terminal.
 */

#ifndef KVBENCH_PROGRESS_H
#define KVBENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool enabled, shown;
	const char *phase; /* the last one shown */
	uint64_t done; /* then */
	int64_t at_ns, begin_ns;
};

/* Shows nothing when standard error is no terminal. */
void progress_init(struct progress *, bool wanted);
/* At most once a second; `done` counts what this phase has done. */
void progress_show(struct progress *, const char *phase, uint64_t done,
    int64_t now_ns);
/* Takes the line away. */
void progress_end(struct progress *);

#endif
