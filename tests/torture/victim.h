/*
 * Choosing a process, and doing it harm.
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

/* A process that is stopped, and when it is to go on. */
struct stopped {
	pid_t pid;
	int64_t until_ms;
};

/* A process that was killed, or told to end. */
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
	int64_t next_ms; /* the next blow */
	int64_t give_up_ms; /* waiting for an answer before it */
	uint64_t answered; /* at the last one; UINT64_MAX: do not wait */
	struct stopped *stopped;
	size_t n_stopped, room_stopped;
	struct killed *killed;
	size_t n_killed, room_killed;
};

void victims_init(struct victims *, const struct options *, struct report *,
    struct server *, struct load *);
void victims_clear(struct victims *);
/* Does what is due.  Returns when something will be. */
int64_t victims_run(struct victims *);
/* Whoever is stopped goes on. */
void victims_resume(struct victims *);
/* Has this process been killed, or told to end? */
bool victims_include(const struct victims *, pid_t, bool told);

#endif
