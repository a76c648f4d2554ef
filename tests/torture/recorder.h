/*
 * recorder: what a watcher that subscribes with SINCE has heard, so that the
 * state of each revision is known: which version each key had.
 *
 * It keeps the state of one revision and the events after it.  While a backup
 * is made it holds the state of the moment before; else it goes along.
 */

#ifndef TORTURE_RECORDER_H
#define TORTURE_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of a key that was not heard of, or not without a gap. */
#define RECORDER_UNKNOWN UINT64_MAX

struct recorded {
	size_t slot; /* of the key */
	uint64_t version;
	uint64_t revision; /* of its commit; 0: not known yet */
};

struct recorder {
	size_t slots;
	uint64_t *versions; /* of each slot, at the revision that is kept */
	struct recorded *events; /* after that, in order */
	size_t n, room;
	size_t closed; /* so many have their revision */
	uint64_t revision; /* all up to this was heard; 0: nothing yet */
	bool held;
};

/* Keys are numbered from 0 to slots - 1, by the caller. */
void recorder_init(struct recorder *, size_t slots);
void recorder_clear(struct recorder *);

/* What the watcher hears: an event, the revision of those before it, and that
 * some may be missing. */
void recorder_note(struct recorder *, size_t slot, uint64_t version);
void recorder_at(struct recorder *, uint64_t revision);
void recorder_miss(struct recorder *);
/* The connection has ended: what has no revision yet comes again. */
void recorder_cut(struct recorder *);

/* Keeps the state as it is now, for a revision that is not lower. */
void recorder_hold(struct recorder *);
/* Goes on to this revision, all of which was heard, and keeps its state. */
void recorder_go_to(struct recorder *, uint64_t revision);
void recorder_release(struct recorder *);

#endif
