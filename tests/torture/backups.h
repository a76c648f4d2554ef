/*
 * backups: copies the store with kvctl(8) while it is used and its processes
 * die, restores each copy into a directory of its own, checks it, and compares
 * it with what the clients and the recorder know.
 *
 * What was acknowledged when a backup began is in it, nothing is that was sent
 * after its end, and each key of which the recorder has heard without a gap
 * has exactly the version of the backup's revision.  A backup may fail when
 * the master dies meanwhile; it then says so, and leaves no file.
 */

#ifndef TORTURE_BACKUPS_H
#define TORTURE_BACKUPS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "torture/load.h"
#include "torture/recorder.h"
#include "torture/server.h"

/* A backup goes through all of them. */
enum backups_step {
	BACKUPS_IDLE,
	BACKUPS_COPY, /* kvctl backup */
	BACKUPS_RESTORE, /* kvd -R */
	BACKUPS_CHECK, /* kvd -c */
	BACKUPS_HEAR, /* until the recorder has heard of its revision */
	BACKUPS_STEPS
};

struct backups {
	const struct options *options;
	struct report *report;
	const struct server *server;
	struct load *load;
	struct recorder recorder;
	enum backups_step step;
	pid_t pid; /* of the step's command */
	unsigned int epoch; /* of the server when the backup began */
	int64_t next_ms; /* when the next one is to begin */
	int64_t began_ms; /* the step */
	uint64_t revision;
	size_t slots; /* see recorder.h */
	/* Of each slot: the versions between which it has to be, and the one
	 * that the copy has. */
	uint64_t *acked, *sent, *copied;
};

/* The recorder can be used from backups_init() on. */
void backups_init(struct backups *, const struct options *, struct report *,
    const struct server *, struct load *);
void backups_clear(struct backups *);
/* Does what is due, and never waits. */
void backups_run(struct backups *);
/* Is a backup under way?  No other one is begun when the run is over. */
bool backups_are_busy(const struct backups *);

#endif
