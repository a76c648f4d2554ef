/*
 * victim: chooses processes, and kills or stops them.
 */

#ifndef TORTURE_VICTIM_H
#define TORTURE_VICTIM_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "torture/dice.h"
#include "torture/load.h"
#include "torture/options.h"
#include "torture/report.h"
#include "torture/server.h"

/* A process that is stopped, and when it continues. */
struct stopped {
	pid_t pid;
	int64_t until_ms;
};

/* A process that was killed or told to end. */
struct killed {
	pid_t pid;
	enum blow blow;
};

struct victims {
	const struct options *options;
	struct report *report;
	struct server *server;
	struct load *load;
	struct dice dice;
	int64_t next_ms; /* when the next blow is due */
	/* The blow waits for a reply to any client, until give_up_ms: */
	int64_t give_up_ms;
	uint64_t answered; /* replies before the last blow; UINT64_MAX: do not
			    * wait */
	struct stopped *stopped;
	size_t n_stopped, room_stopped;
	struct killed *killed;
	size_t n_killed, room_killed;
};

void victims_init(struct victims *, const struct options *, struct report *,
    struct server *, struct load *);
void victims_clear(struct victims *);
/* Does what is due, and returns when it has to be called again. */
int64_t victims_run(struct victims *);
/* Continues all processes that are stopped. */
void victims_resume(struct victims *);
/* Has this process been killed or told to end?  `told': the latter only. */
bool victims_include(const struct victims *, pid_t, bool told);

#endif
