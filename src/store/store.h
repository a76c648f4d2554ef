/*
 * The durable store: buckets of ordered keys and values, and the outcomes of
 * requests whose answers are still on their way.
 *
 * One process, one thread.  Reads go through a snapshot or, to see what is
 * about to be committed, through the batch.  There is at most one of each.
 * A value that a read returns is borrowed: it is valid until the next write
 * to its view, and no longer than the view.
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
#define STORE_FORMAT 1

/* store_options.sync_ms; any other value is an interval in milliseconds. */
#define STORE_SYNC_ALWAYS 0
#define STORE_SYNC_NEVER (-1)

enum store_result {
	STORE_OK = 0,
	STORE_NO_BUCKET,
	STORE_ABSENT, /* the bucket has no such key */
	STORE_FULL, /* no room; the batch must be aborted */
	STORE_DAMAGED, /* a checksum does not match */
	STORE_REFUSED, /* store_open: needs a person; store_error() says why */
	STORE_FAILED, /* store_error() says why */
};

struct store;
struct store_view;

struct store_options {
	const char *dir; /* made if missing, with mode 0700 */
	int sync_ms;
	int lock_wait_ms; /* how long to wait for a dying owner of `dir` */
	long owner_pid; /* named to others who find `dir` in use */
};

/*
 * Opens `dir`.  *store is always set (NULL when there is no memory), for
 * store_error(), and is to be closed.  Returns STORE_OK, STORE_REFUSED (in
 * use, rights, written by a newer format) or STORE_FAILED.
 */
enum store_result store_open(struct store **store,
    const struct store_options *);
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
/*
 * Ends the batch: durable when this returns, if sync is `always`.  After
 * STORE_FULL nothing of it has happened.
 */
enum store_result store_commit(struct store *);
void store_abort(struct store *);

/* Makes earlier commits durable (the interval is the caller's to keep). */
enum store_result store_sync(struct store *);
/* Is there a commit that is not yet durable? */
bool store_unsynced(const struct store *);

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

/* Names have 1 to 255 bytes. */
enum store_result store_create(struct store_view *, struct bytes bucket);
enum store_result store_put(struct store_view *, struct bytes bucket,
    struct bytes key, struct bytes value);
enum store_result store_get(struct store_view *, struct bytes bucket,
    struct bytes key, struct bytes *value);
/* STORE_OK also when the key is absent. */
enum store_result store_delete(struct store_view *, struct bytes bucket,
    struct bytes key);

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
