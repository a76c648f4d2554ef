/*
 * work: random writes to a store, and a model of what is then in it.  What a
 * commit is to hold is recorded before the commit, and what must survive a
 * power cut once the store has said so.
 *
 * What goes wrong ends the process, with a message.
 */

#ifndef POWERCUT_WORK_H
#define POWERCUT_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "torture/dice.h"

#define WORK_BUCKETS 3
#define WORK_KEYS 40
#define WORK_SESSIONS 4

struct work_entry {
	uint32_t there; /* and not removed, even if it has expired */
	uint32_t value; /* its number */
	int64_t expiry_ms;
};

/* What a store holds. */
struct work_state {
	uint32_t buckets[WORK_BUCKETS]; /* is it there? */
	uint32_t outcomes[WORK_SESSIONS]; /* 0: there is none */
	struct work_entry entries[WORK_BUCKETS][WORK_KEYS];
};

/* How the store is used. */
enum work_sync {
	WORK_ALWAYS,
	WORK_INTERVAL,
	WORK_NEVER,
	WORK_MIXED, /* now and then another of these */
	WORK_SYNCS
};
extern const char *const work_sync_names[WORK_SYNCS];

struct work {
	const char *dir;
	struct store *store;
	struct work_state committed, batch, saved;
	struct dice dice;
	enum work_sync sync;
	int sync_ms; /* the store's */
	size_t log_size;
	int64_t now_ms;
	bool saving;
};

/* Opens the store.  Returns the number of its last commit. */
uint64_t work_open(struct work *);
void work_close(struct work *);
/* The number of the last commit. */
uint64_t work_revision(struct work *);
/* A batch that is committed, or something else that a registry does. */
void work_step(struct work *);
/* Removes all that expires, and purges what was dropped. */
void work_expire_all(struct work *);
void work_checkpoint(struct work *);
/* Ends the process unless the store has what `committed` has. */
void work_check(struct work *);
/* The same unless STATS is right when everything is folded and purged. */
void work_check_stats(struct work *);

#endif
