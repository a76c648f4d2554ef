/*
 * The durable store: buckets of ordered keys and values, some of which expire,
 * and the outcomes of requests, whose replies may not have arrived yet.
 *
 * An open store is used by one thread.  Reads go through the snapshot or, to
 * see what is about to be committed, through the batch; there is at most one of
 * each.  Reads that take longer than a turn go through a pin; there may be
 * several.  Bytes that a read returns are borrowed: they are valid until the
 * next store_get(), store_set_cache() or write to their view, or the end of the
 * view, and for a pin until the file grows (store_grow, store_use_reserve).
 *
 * Names of buckets and keys have 1 to 255 bytes.  They are sorted as
 * bytes, and a name comes before all names that it is a prefix of.
 *
 * The store never logs or exits.  After STORE_FAILED the state of the last
 * batch is unknown; the caller must not use this store any more (a
 * failed fsync(2) must not be repeated: the kernel may have dropped the pages).
 */

#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/* Layout of the data directory; doc/architecture.md describes it. */
#define STORE_FORMAT 4

/* store_options.sync_ms; any other value is an interval in milliseconds. */
#define STORE_SYNC_ALWAYS 0
#define STORE_SYNC_NEVER (-1)

enum store_result {
	STORE_OK = 0,
	STORE_NO_BUCKET,
	STORE_ABSENT, /* the bucket has no such key */
	STORE_FULL, /* no space; the batch has to be aborted */
	/* The batch, or what is behind a savepoint, would be larger than
	 * store_batch_max() allows: it must be aborted, or undone. */
	STORE_TOO_LARGE,
	STORE_DAMAGED, /* a checksum does not match */
	STORE_BUSY, /* STORE_PINS_MAX pins of other commits are held */
	/* The log has no room for a batch before more of it is folded; see
	 * store_may_write(). */
	STORE_BEHIND,
	STORE_LOST, /* the log does not reach back so far */
	STORE_AGAIN, /* a part was done; call again for the next one */
	STORE_REFUSED, /* store_open: a person has to act; see store_error() */
	STORE_FAILED, /* see store_error() */
};

/* Pins of different commits at a time.  Each takes a slot in LMDB's table of
 * readers, which every fold reads, and keeps pages from being used again. */
#define STORE_PINS_MAX 128

struct area_memory;
struct store;
struct store_view;

struct store_entry {
	struct bytes key, value;
	size_t value_size; /* also in scans that do not read values */
	int64_t expiry_ms; /* since 1970; 0: none */
	uint64_t revision; /* the commit that wrote it */
};

/*
 * Who opens the store.  At one time there may be one registry, which has the
 * log and reads data.mdb, and one checkpointer, which folds the log into
 * data.mdb and writes nothing else, once there is a store; or one process that
 * is both, for tools and tests.  Functions that are not for the registry say
 * whose they are.
 */
enum store_role {
	STORE_BOTH,
	STORE_REGISTRY,
	STORE_CHECKPOINTER,
};

struct store_options {
	enum store_role role;
	const char *dir; /* only this user's: see common/directory.h */
	/* If there is none, create the directory (with mode 0700) and a store.
	 * Without this a missing store is STORE_REFUSED.  A registry never
	 * creates one, nor upgrades one in an older format. */
	bool create;
	/* Refuse any store but the one for which store_identity() gave this;
	 * zero: open any. */
	uint64_t identity[2];
	int sync_ms; /* STORE_SYNC_ALWAYS, STORE_SYNC_NEVER or an interval */
	size_t log_size; /* bytes that each of two segments may have; what is
			  * larger already stays so */
	int lock_wait_ms; /* how long to wait for a dying owner of `dir` */
	long owner_pid; /* written to `lock`, for others to name as the owner */
	/* The memory of the cache, which workers read (area/area.h); NULL: it is
	 * the store's own.  They see what has expired by this clock
	 * (clock_wall_ms()). */
	const struct area_memory *memory;
	int64_t clock_base_ms;
	/* Called now and then, also later, while something goes on that may take
	 * long: an upgrade, or a look at all pages.  NULL: nobody asks. */
	void (*alive)(void *arg);
	void *alive_arg;
};

/*
 * Opens the store in `dir`, and upgrades one in an older format.  *store is
 * always set (to NULL when there is no memory), for store_error(), and has to
 * be closed.  Returns STORE_OK, STORE_REFUSED (the store is in use, is missing,
 * has a newer format, or the rights are wrong) or STORE_FAILED (a shortage or
 * an error of the disk: another attempt may succeed).
 */
enum store_result store_open(struct store **store,
    const struct store_options *);
/* Identifies an open store on this machine, even if its directory is moved: the
 * device and inode of its file. */
void store_identity(const struct store *, uint64_t id[2]);
/* Syncs commits that are not yet durable.  The store may be NULL. */
void store_close(struct store *);

/* One line about the last STORE_REFUSED, STORE_FAILED or STORE_DAMAGED. */
const char *store_error(const struct store *);
/* What to exit with after STORE_FAILED: EX_OSERR if memory, space, descriptors or
 * locks were lacking, which says nothing about the store, or EX_IOERR. */
int store_exit_status(const struct store *);

/* The view of the last commit.  It stays the same until store_release(), after
 * which store_snapshot() takes another. */
enum store_result store_snapshot(struct store *, struct store_view **);
void store_release(struct store *);

/* The view that collects writes.  Begins a batch if none is open.
 * STORE_BEHIND: it may not begin yet, see store_may_write(). */
enum store_result store_batch(struct store *, struct store_view **);
bool store_batch_open(const struct store *);
/* How much the batch has written so far, and how much a batch may write, in
 * bytes.  What comes after a savepoint may have half of that. */
size_t store_batch_size(const struct store *);
size_t store_batch_max(const struct store *);
/*
 * Commits the batch.  With STORE_SYNC_ALWAYS it is durable when this returns.
 * After STORE_FULL nothing of it is done.
 */
enum store_result store_commit(struct store *);
void store_abort(struct store *);

/*
 * Sets the time, in milliseconds since 1970; it is 0 at first.  An entry whose
 * expiry is not later than this is absent for every read, even before it is
 * removed.  If the time goes back, entries that are not yet removed are there
 * again.
 */
void store_set_now(struct store *, int64_t now_ms);

/*
 * Pins the last commit: a view, for listings, that stays valid through later
 * commits and growth of the file until it is unpinned.  Pins of one commit
 * share a view.  The space of what a pin shows is not reused, so the file may
 * grow.
 * Returns STORE_OK, STORE_BUSY or STORE_FAILED.
 */
enum store_result store_pin(struct store *, struct store_view **);
void store_unpin(struct store_view *);
/* Was the pin's view taken away, because too much has been written since?  Then
 * nothing but store_unpin() may be done with it. */
bool store_pin_is_lost(const struct store_view *);
/* The number of the commit that a view shows; the batch's own is the next. */
uint64_t store_revision(const struct store_view *);

/*
 * Sets a savepoint in the batch.  Later writes are then kept (store_keep) or
 * taken back (store_undo); earlier ones stay in any case.  There is one
 * savepoint at a time.  A commit keeps the later writes, too, and an abort
 * takes back the whole batch.  After STORE_FULL the whole batch has to be
 * aborted.
 */
void store_save(struct store *);
void store_keep(struct store *);
void store_undo(struct store *);

/*
 * Caches entries that were read recently, in at most `size` bytes of memory; 0,
 * as at first, turns the cache off.  May not be called while a batch is open.
 * If workers read it, it does not become larger than options.memory.
 * STORE_FAILED: there is not enough memory, and the cache is off.
 */
enum store_result store_set_cache(struct store *, size_t size);
/* Can workers read it? */
bool store_shares_cache(const struct store *);
/* As area_writer_filled() (area/writer.h). */
size_t store_cache_filled(struct store *);
/* The store's own descriptor of the file `epoch`, for those who read the cache;
 * or -1. */
int store_epoch_fd(const struct store *);

/* Makes earlier commits durable.  With an interval the caller calls this. */
enum store_result store_sync(struct store *);
/* Is there a commit that is not yet durable? */
bool store_unsynced(const struct store *);
/* Sets store_options.sync_ms, from the next commit on.  Any value but
 * STORE_SYNC_NEVER makes earlier commits durable at once. */
enum store_result store_set_sync(struct store *, int sync_ms);

/*
 * Folding: what the log holds is brought into data.mdb.  The log has two
 * segments.  When the open one is used up, and the other one has been folded,
 * they change places: the open one is sealed, and is then to be folded.
 *
 * These are the registry's.
 */

/* The generation of the sealed segment, which a checkpointer is to be told of;
 * 0: there is none. */
uint64_t store_sealed(const struct store *);
/*
 * May a batch begin?  While a segment is folded, batches are admitted in
 * proportion to what is done of it, from the time on that the open segment is
 * half full.  So writers are slowed down evenly, instead of being stopped when
 * it is full.
 */
bool store_may_write(const struct store *);
/* The checkpointer has said that `done` keys of `total` are folded of the
 * segment of this generation.  No effect if another one is sealed by now. */
void store_set_progress(struct store *, uint64_t generation, uint64_t done,
    uint64_t total);
/* The checkpointer has said that all segments up to this generation are folded,
 * durably.  Ends batch and snapshot. */
enum store_result store_set_folded(struct store *, uint64_t generation);
/*
 * Asks for all that is committed to be folded: seals the open segment, now or
 * as soon as the other one is folded.  Ends the batch.  It is done when
 * store_folded() has reached *generation.  STORE_FULL: the disk has no space to
 * seal it; ask again.
 */
enum store_result store_request_checkpoint(struct store *,
    uint64_t *generation);
/* The generation of the last segment that is folded. */
uint64_t store_folded(const struct store *);

/*
 * These are for the checkpointer, or for a process that is both.
 */

/* Looks for a sealed segment, and reads it.  *found: there is one to fold.
 * STORE_BEHIND: one is being sealed; look again in a moment.  STORE_FULL: it
 * could not be made durable.  STORE_DAMAGED: it lacks its end, and is not
 * folded.  STORE_FAILED: it could not be read. */
enum store_result store_find_sealed(struct store *, bool *found);
/* Folds up to `max` keys of it, in one transaction that is durable afterwards.
 * Ends the batch.  *more: there are others.  STORE_FULL: the disk has no space
 * for it; nothing is done. */
enum store_result store_fold(struct store *, size_t max, bool *more);
/* How far that is. */
struct store_progress {
	uint64_t generation;
	uint64_t done, total; /* keys */
};
struct store_progress store_progress(const struct store *);
/* Folds all that has been committed; only for a process that is both. */
enum store_result store_checkpoint(struct store *);
/*
 * Removes up to `max` entries of dropped buckets from data.mdb, if there is no
 * sealed segment.  Ends the batch.  *more: there are others.  STORE_DAMAGED as
 * for store_expire().
 */
enum store_result store_purge(struct store *, size_t max, bool *more);

/*
 * After STORE_FULL: counts the space that pins and folds have given back, or
 * takes more of the disk; or begins the other segment, if it was the log that
 * had no space.  Ends batch and snapshot.  Returns STORE_OK, STORE_FULL when
 * there is no more, or STORE_BEHIND when the other segment has to be folded
 * first.
 */
enum store_result store_grow(struct store *);
/*
 * Lets the next batches use the reserve, space that is kept for deleting from a
 * full store, or no longer.  Aborts the batch and releases the snapshot.  What
 * is deleted has to be folded before its space can be used again.
 */
void store_use_reserve(struct store *, bool use);

/* No effect, and STORE_OK, if the bucket exists. */
enum store_result store_create(struct store_view *, struct bytes bucket);
/* The name is free at once; store_purge() removes the entries. */
enum store_result store_drop(struct store_view *, struct bytes bucket);
/* Sets value and expiry (0: none) of a key, whether it exists or not. */
enum store_result store_put(struct store_view *, struct bytes bucket,
    struct bytes key, struct bytes value, int64_t expiry_ms);
/* A request for a key that will be executed soon. */
struct store_coming {
	struct bytes bucket, key;
	bool writes;
};
/* What they read fits the processor's cache. */
#define STORE_FETCH_MAX 128
/*
 * Has the processor fetch from memory what up to STORE_FETCH_MAX requests will
 * read, of all keys at a time.  Only those of the bucket that was used last are
 * looked at.  Nothing depends on this but the time that they take.
 */
void store_fetch(struct store *, const struct store_coming *, size_t n);

/* STORE_ABSENT if there is no such entry, or if it has expired. */
enum store_result store_get(struct store_view *, struct bytes bucket,
    struct bytes key, struct store_entry *);
/* STORE_OK if there was an entry, even an expired one, which store_expire()
 * then does not report. */
enum store_result store_delete(struct store_view *, struct bytes bucket,
    struct bytes key);
/* Sets the expiry and keeps the value; 0: none. */
enum store_result store_set_expiry(struct store_view *, struct bytes bucket,
    struct bytes key, int64_t expiry_ms);
/*
 * A put does not always look whether there is an entry already, so to count a
 * bucket's entries may take as long as to look up all of its keys that are in
 * the log.  This does a part of it: it looks up to *max keys, and takes them off
 * *max.  The view is the snapshot.  *settled: store_count() need not look any
 * up; it goes on like this as long as the bucket is counted now and then, since
 * puts to it look meanwhile.  While a batch is open this only tells.
 */
enum store_result store_settle(struct store_view *, struct bytes bucket,
    size_t *max, bool *settled);
/* The number of entries that have not expired. */
enum store_result store_count(struct store_view *, struct bytes bucket,
    uint64_t *count);

/*
 * Ordered scans.  `visit` is called for each entry (or name) that comes after
 * `after` (empty: from the start) and begins with `prefix` (empty: any), until
 * it returns false.  It must not write to the view.  To begin a scan takes
 * longer the more keys are in the log, some 50 us if that is full.  Damage ends
 * it with STORE_DAMAGED.  store_scan_keys() does not read the values, so it
 * passes none and does not notice their damage.
 */
typedef bool store_visit(void *arg, const struct store_entry *);
typedef bool store_visit_bucket(void *arg, struct bytes name);
enum store_result store_scan(struct store_view *, struct bytes bucket,
    struct bytes prefix, struct bytes after, store_visit *, void *arg);
enum store_result store_scan_keys(struct store_view *, struct bytes bucket,
    struct bytes prefix, struct bytes after, store_visit *, void *arg);
enum store_result store_scan_buckets(struct store_view *, struct bytes prefix,
    struct bytes after, store_visit_bucket *, void *arg);

/*
 * Finds the first key, of those that begin with `prefix`, that has an entry: for
 * queues, whose first entry is removed again and again.  The batch only; *key is
 * valid until its next write of another key.  STORE_ABSENT: there is none.  It
 * goes past up to *left keys whose entries were removed or have expired, and
 * takes them off *left.  STORE_AGAIN: there are more, and the next call goes on
 * from there.
 */
enum store_result store_first(struct store_view *, struct bytes bucket,
    struct bytes prefix, size_t *left, struct bytes *key);

/* When the next entry expires, or expired.  STORE_ABSENT: no entry does. */
enum store_result store_next_expiry(struct store_view *, int64_t *expiry_ms);
/*
 * Removes up to `max` expired entries, in the order of their expiry, and calls
 * `removed` for each whose bucket still exists.  The arguments are valid during
 * the call.  *more: there are other expired entries.  STORE_DAMAGED: a damaged
 * entry could not be removed; it is not tried again, and the batch may be
 * committed.
 */
typedef void store_removed(void *arg, struct bytes bucket, struct bytes key);
enum store_result store_expire(struct store_view *, size_t max,
    store_removed *removed, void *arg, bool *more);
/*
 * Changes: what has been committed after a revision, in order, as long as the
 * log reaches back so far.  A bucket has a number here that no other one of
 * this store has, or has had.
 */
enum store_change_type {
	STORE_CHANGE_PUT,
	STORE_CHANGE_DELETED, /* or expired */
	STORE_CHANGE_DROPPED, /* the bucket, and all that was in it */
	STORE_CHANGE_COMMIT, /* that was all of this commit */
};

struct store_change {
	enum store_change_type type;
	uint64_t revision; /* of the commit */
	uint64_t number; /* in the commit: the first change is 1 */
	uint64_t bucket;
	/* Those that the type has.  Of STORE_CHANGE_DROPPED the key is the name
	 * of the bucket. */
	struct bytes key, value;
};

/* What the log has goes on from this revision: it has all commits after it. */
uint64_t store_reach(const struct store *);
enum store_result store_bucket_number(struct store_view *, struct bytes bucket,
    uint64_t *number);
struct store_changes;
/* NULL: there is no memory. */
struct store_changes *store_changes_open(struct store *);
/* The next change is to be the first one after this revision. */
void store_changes_seek(struct store_changes *, uint64_t revision);
/*
 * The next change.  Its bytes are valid until the next call, or the next write
 * to the store.  STORE_ABSENT: nothing more is committed; there may be later.
 * STORE_LOST: the log does not reach back, or no longer does.
 */
enum store_result store_changes_next(struct store_changes *,
    struct store_change *);
/* NULL is fine. */
void store_changes_close(struct store_changes *);

/* Statistics, as the view shows them.  They cost little. */
struct store_stats {
	uint64_t buckets;
	uint64_t damaged; /* of these: those that cannot be used */
	/* Including expired ones that are not removed yet, and, until they are
	 * folded, puts that replaced one of data.mdb. */
	uint64_t keys;
	/* Entries with an expiry, and, as long, those that such puts have
	 * replaced. */
	uint64_t expiring;
	uint64_t dropped_buckets; /* those that store_purge() works on */
	uint64_t dropped; /* their entries that are not removed yet */
	uint64_t outcomes;
	uint64_t revision;
	uint64_t file_bytes; /* allocated on the disk */
	uint64_t used_bytes; /* of these: used by what the view shows */
	uint64_t log_bytes; /* in the log, and not yet folded */
	unsigned int pins; /* pinned views, each of which may be shared */
	uint64_t cache_hits, cache_misses; /* reads since store_open() */
};
enum store_result store_stats(struct store_view *, struct store_stats *);

/*
 * The outcomes of a session: a record that the caller commits with a batch, and
 * whose content is the caller's.  store_get_outcome() returns STORE_ABSENT when
 * there is no record.  store_next_outcome() finds the first session above
 * *session that has one, or returns STORE_ABSENT.
 */
enum store_result store_put_outcome(struct store_view *, uint64_t session,
    struct bytes record);
enum store_result store_get_outcome(struct store_view *, uint64_t session,
    struct bytes *record);
enum store_result store_delete_outcome(struct store_view *, uint64_t session);
enum store_result store_next_outcome(struct store_view *, uint64_t *session);

#endif
