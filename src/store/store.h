/*
 * The durable store: buckets of ordered keys and values, some of which expire,
 * and the outcomes of requests whose answers are still on their way.
 *
 * One process, one thread.  Reads go through the snapshot or, to see what is
 * about to be committed, through the batch: there is at most one of each.
 * What takes longer than a turn reads through a pin, of which there are some.
 * Bytes that a read returns are borrowed: they are valid until the next
 * store_get(), store_set_cache() or write to their view, no longer than the
 * view, and, of a pin's, until the file grows (store_grow, store_use_reserve).
 *
 * Names of buckets and keys have 1 to 255 bytes.  They are ordered as bytes
 * are, and a prefix comes before what it begins.
 *
 * The store never logs or exits.  After STORE_FAILED the state of the last
 * batch is unknown; the caller must not go on with this store (a failed
 * fsync(2) must not be repeated: the kernel may have dropped the pages).
 */

#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* Layout of the data directory; doc/architecture.md describes it. */
#define STORE_FORMAT 3

/* store_options.sync_ms; any other value is an interval in milliseconds. */
#define STORE_SYNC_ALWAYS 0
#define STORE_SYNC_NEVER (-1)

enum store_result {
	STORE_OK = 0,
	STORE_NO_BUCKET,
	STORE_ABSENT, /* the bucket has no such key */
	STORE_FULL, /* no room; the batch must be aborted */
	/* The batch, or what is behind a savepoint, would be larger than
	 * store_batch_max() allows: it must be aborted, or undone. */
	STORE_TOO_LARGE,
	STORE_DAMAGED, /* a checksum does not match */
	STORE_BUSY, /* STORE_PINS_MAX pins of other commits are held */
	STORE_REFUSED, /* store_open: needs a person; store_error() says why */
	STORE_FAILED, /* store_error() says why */
};

/* Pins of different commits at a time: each costs LMDB a slot that all its
 * writers look at, and keeps pages from being used again. */
#define STORE_PINS_MAX 128

struct store;
struct store_view;

struct store_entry {
	struct bytes key, value;
	int64_t expiry_ms; /* since 1970; 0: none */
	uint64_t revision; /* the commit that wrote it */
};

struct store_options {
	const char *dir; /* this process's own: see common/directory.h */
	/* Makes the directory (with mode 0700) and a store where there is
	 * none; otherwise that is STORE_REFUSED. */
	bool create;
	/* What store_identity() has said of the store that this has to be;
	 * zero: any. */
	uint64_t identity[2];
	int sync_ms;
	size_t log_size; /* of each of two segments, at most */
	int lock_wait_ms; /* how long to wait for a dying owner of `dir` */
	long owner_pid; /* named to others who find `dir` in use */
};

/*
 * Opens `dir`; a store of an older format is upgraded.  *store is always set
 * (NULL when there is no memory), for store_error(), and is to be closed.
 * Returns STORE_OK, STORE_REFUSED (in use, rights, gone, written by a newer
 * format) or STORE_FAILED (a shortage, or an error of the disk: trying again
 * may help).
 */
enum store_result store_open(struct store **store,
    const struct store_options *);
/* Tells an open store from all others on this machine, wherever its directory
 * is moved to: device and inode of its file. */
void store_identity(const struct store *, uint64_t id[2]);
/* Syncs what is not yet durable.  NULL is fine. */
void store_close(struct store *);

/* One line about the last STORE_REFUSED, STORE_FAILED or STORE_DAMAGED. */
const char *store_error(const struct store *);

/* The view of the last commit; taken anew after store_release(). */
enum store_result store_snapshot(struct store *, struct store_view **);
void store_release(struct store *);

/* The view in which writes are collected; begun when there is none. */
enum store_result store_batch(struct store *, struct store_view **);
bool store_batch_open(const struct store *);
/* What it has written so far, and how much it may at most, in bytes.  What is
 * behind a savepoint may have half of that. */
size_t store_batch_size(const struct store *);
size_t store_batch_max(const struct store *);
/*
 * Ends the batch: durable when this returns, if sync is `always`.  After
 * STORE_FULL nothing of it has happened.
 */
enum store_result store_commit(struct store *);
void store_abort(struct store *);

/*
 * The time, in milliseconds since 1970; 0 until it is set.  An entry whose
 * expiry is not later is absent for every read, even before it is removed.  A
 * clock that goes back shows what is not yet removed again.
 */
void store_set_now(struct store *, int64_t now_ms);

/*
 * A view of the last commit that stays until it is unpinned, through commits,
 * growth and all: for listings.  Pins of one commit are one view.  While it is
 * held no page that it shows is used again, so that the file may grow.
 * Returns STORE_OK, STORE_BUSY or STORE_FAILED.
 */
enum store_result store_pin(struct store *, struct store_view **);
void store_unpin(struct store_view *);
/* Was it taken away, because too much has been written since?  Then nothing
 * but store_unpin() may be done with it. */
bool store_pin_is_lost(const struct store_view *);
/* The number of the commit that a view shows; the batch's own is the next. */
uint64_t store_revision(const struct store_view *);

/*
 * Savepoint: what is written to the batch from here on is kept (store_keep) or
 * taken back (store_undo), apart from what was before.  One at a time; a
 * commit keeps it, an abort takes all back.  After STORE_FULL only the whole
 * batch can be aborted.
 */
void store_save(struct store *);
void store_keep(struct store *);
void store_undo(struct store *);

/*
 * Keeps entries that were read lately in memory, in at most `size` bytes;
 * 0, as at first: none.  Not while there is a batch.  STORE_FAILED: there is
 * no such memory, and none are kept.
 */
enum store_result store_set_cache(struct store *, size_t size);

/* Makes earlier commits durable (the interval is the caller's to keep). */
enum store_result store_sync(struct store *);
/* Is there a commit that is not yet durable? */
bool store_unsynced(const struct store *);
/* As store_options.sync_ms, from the next commit on.  All but STORE_SYNC_NEVER
 * makes durable what is not. */
enum store_result store_set_sync(struct store *, int sync_ms);

/*
 * Folding: what the log holds is brought into data.mdb, up to `max` keys at a
 * time, so that its segment can be used again.  Ends the batch.  *more: there is
 * more to do.  A batch that needs the segment folds all of it first.
 */
bool store_fold_due(const struct store *);
/* Is it so far behind that the log may be used up before it ends? */
bool store_fold_lags(const struct store *);
enum store_result store_fold(struct store *, size_t max, bool *more);
/* Folds all that has been committed. */
enum store_result store_checkpoint(struct store *);

/*
 * Takes more of the disk.  Ends batch and snapshot.  Returns STORE_OK, or
 * STORE_FULL when the disk has no more.
 */
enum store_result store_grow(struct store *);
/*
 * Opens the next batch's way to the space kept back for deleting from a full
 * store, or closes it.  Ends batch and snapshot.
 */
enum store_result store_use_reserve(struct store *, bool use);

/* STORE_OK also when there is one; it stays as it is. */
enum store_result store_create(struct store_view *, struct bytes bucket);
/* The name is free at once; the entries go by store_purge(). */
enum store_result store_drop(struct store_view *, struct bytes bucket);
/* Sets value and expiry (0: none), whatever they were. */
enum store_result store_put(struct store_view *, struct bytes bucket,
    struct bytes key, struct bytes value, int64_t expiry_ms);
/* Of an entry that has expired, as of none, there is nothing to read. */
enum store_result store_get(struct store_view *, struct bytes bucket,
    struct bytes key, struct store_entry *);
/* STORE_OK when there was one: also one that had expired, whose end
 * store_expire() will then not tell. */
enum store_result store_delete(struct store_view *, struct bytes bucket,
    struct bytes key);
/* Sets the expiry alone; 0: none. */
enum store_result store_set_expiry(struct store_view *, struct bytes bucket,
    struct bytes key, int64_t expiry_ms);
/* How many entries there are to read. */
enum store_result store_count(struct store_view *, struct bytes bucket,
    uint64_t *count);

/*
 * Ordered scans, O(log n) to begin: calls `visit` for each entry (each name)
 * that comes after `after` (empty: from the start) and begins with `prefix`
 * (empty: any), until it returns false.  It must not write to the view.
 * STORE_DAMAGED ends a scan where the damage is.  With store_scan_keys the
 * entries have no values, and those are not looked at: nor is damage.
 */
typedef bool store_visit(void *arg, const struct store_entry *);
typedef bool store_visit_bucket(void *arg, struct bytes name);
enum store_result store_scan(struct store_view *, struct bytes bucket,
    struct bytes prefix, struct bytes after, store_visit *, void *arg);
enum store_result store_scan_keys(struct store_view *, struct bytes bucket,
    struct bytes prefix, struct bytes after, store_visit *, void *arg);
enum store_result store_scan_buckets(struct store_view *, struct bytes prefix,
    struct bytes after, store_visit_bucket *, void *arg);

/* When the next entry expires, or has.  STORE_ABSENT: none will. */
enum store_result store_next_expiry(struct store_view *, int64_t *expiry_ms);
/*
 * Removes up to `max` entries that have expired, in the order in which they
 * did, and calls `removed` for each of a bucket that is still there.  What it
 * is given is valid during the call.  *more: others have expired, too.
 * STORE_DAMAGED when something of a damaged entry had to be left; it is not
 * tried again, and the batch is good.
 */
typedef void store_removed(void *arg, struct bytes bucket, struct bytes key);
enum store_result store_expire(struct store_view *, size_t max,
    store_removed *removed, void *arg, bool *more);
/*
 * Removes up to `max` entries of dropped buckets from data.mdb, or does a step
 * of the fold that has to come before.  Ends the batch.  *more: there is more to
 * do.
 * STORE_DAMAGED as for store_expire().
 */
enum store_result store_purge(struct store *, size_t max, bool *more);

/* As the view sees it; cheap. */
struct store_stats {
	uint64_t buckets;
	uint64_t keys; /* those that expired and are not yet removed as well */
	uint64_t expiring; /* entries with an expiry */
	uint64_t dropped_buckets; /* that store_purge() has to do with */
	uint64_t dropped; /* their entries, not yet removed */
	uint64_t outcomes;
	uint64_t revision;
	uint64_t file_bytes; /* taken of the disk */
	uint64_t used_bytes; /* of these, by what the view sees */
	unsigned int pins; /* views, not holders */
	uint64_t cache_hits, cache_misses; /* reads, since it was opened */
};
enum store_result store_stats(struct store_view *, struct store_stats *);

/*
 * A session's outcomes: the caller's record of replies that are under way,
 * committed with the batch.  get gives STORE_ABSENT when there is none; next
 * gives the first session above `*session`, or STORE_ABSENT.
 */
enum store_result store_put_outcome(struct store_view *, uint64_t session,
    struct bytes record);
enum store_result store_get_outcome(struct store_view *, uint64_t session,
    struct bytes *record);
enum store_result store_delete_outcome(struct store_view *, uint64_t session);
enum store_result store_next_outcome(struct store_view *, uint64_t *session);

#endif
