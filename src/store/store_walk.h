/*
 * Walks through a store at rest on which processes have crashed, finds out what
 * can still be served, and notes it in the file `damaged`
 * (store/store_damage.h).
 *
 * LMDB trusts its pages.  A page of `entries` that is wrong costs the buckets
 * that have keys in it, and those that have the keys just before and behind it:
 * LMDB may join a page with the one beside it when keys are removed.  A bucket
 * that has another number of entries than it says is damaged, too.  Without any
 * other page the store cannot be served.
 */

#ifndef STORE_STORE_WALK_H
#define STORE_STORE_WALK_H

#include <stdbool.h>

#include "store/store.h"

struct walk_options {
	const char *dir;
	/* Processes have crashed although they know what the file says.  If it
	 * says all that is found damaged, the buckets are added that have keys in
	 * the branch pages beside a damaged one, which LMDB may join as well. */
	bool wider;
	/* What was found, for the log: a line without a newline. */
	void (*found)(void *arg, const char *line);
	/* Called now and then: the walk has not ended, and does not hang. */
	void (*alive)(void *arg);
	void *arg;
};

enum walk_result {
	WALK_SOUND, /* nothing is damaged, and there is no file `damaged` */
	WALK_DAMAGED, /* the file says which buckets are */
	WALK_SAME, /* the same, and it said no less before */
	WALK_NONE, /* no store, or not one that may be opened: see store_open() */
	WALK_LOST, /* the store is not to be served, as `found` was told */
	WALK_FAILED, /* nobody knows, and `found` was told why */
};

enum walk_result store_walk(const struct walk_options *);

#endif
