/*
 * A progress bar, on a standard error that is a terminal; else nothing.
 */

#ifndef KV_PROGRESS_H
#define KV_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	bool drawn;
	int64_t next_ms;
	const char *unit; /* what is counted, in the plural */
};

void progress_init(struct progress *, const char *unit, bool quiet);

/* `done` of `total` (0: unknown), and the count.  May be called often. */
void progress_show(struct progress *, uint64_t done, uint64_t total,
    uint64_t count);

/* Takes the bar away, for a message or for good. */
void progress_clear(struct progress *);

#endif
