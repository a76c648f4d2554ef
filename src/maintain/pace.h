/*
 * How fast a command goes, how far it is, and whether it was told to stop.
 */

#ifndef MAINTAIN_PACE_H
#define MAINTAIN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/progress.h"

struct pace {
	const char *what; /* "backup" */
	struct progress progress;
	uint64_t rate; /* bytes in a second; 0: as fast as it can */
	uint64_t bytes; /* so far */
	int64_t begin_ms;
	bool ticks;
};

/* SIGINT, SIGTERM and SIGHUP stop the command from now on. */
void pace_init(struct pace *, const char *what, uint64_t rate);
/* So many more bytes are to be written: waits until they may. */
void pace_wait(struct pace *, uint64_t bytes);
/* Until pace_end() a system call that waits is interrupted some times a second,
 * with EINTR, so that the caller can look after something else. */
void pace_tick(struct pace *);
/* Shows how far it is; total 0: not known.  False: it was told to stop. */
bool pace_go_on(struct pace *, uint64_t done, uint64_t total);
void pace_end(struct pace *);

#endif
