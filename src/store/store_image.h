/*
 * An image: a store as it is at one moment, to be read from one end to the
 * other, by a process that is neither its registry nor its checkpointer.  It
 * is read without LMDB (store/pages.h), because it may be damaged, and nothing
 * of it is written.
 *
 * Of a store at rest the image has all: data.mdb and what the log has besides
 * it.  Of one that is in use it has data.mdb as it was between two folds, with
 * everything up to a revision; LMDB keeps these pages meanwhile.
 */

#ifndef STORE_STORE_IMAGE_H
#define STORE_STORE_IMAGE_H

#include "store/pages.h"
#include "store/store_record.h"

struct store_image {
	int dirfd;
	int fd; /* of data.mdb */
	int lockfds[2];
	bool in_use; /* by a kvd */
	MDB_env *env; /* NULL: it is not in use */
	MDB_txn *txn;
	int64_t check_at_ms; /* when store_image_check() looks again */
	struct pages pages;
	struct pages_tree trees[DB_COUNT];
	struct fold_state state;
	struct fold_place place; /* generation 0: no fold was cut off */
	struct segment segments[2];
	/* Unfolded segments, the later one first; NULL: there is none. */
	struct table *tables[2];
	uint64_t hash_key[2]; /* of the tables */
	uint64_t revision; /* the last one that it has */
	struct segment_totals totals; /* as of that */
	char *dir;
	char error[512];
};

/*
 * Opens the image of the store in `dir`.  `file` is NULL; or another name of
 * data.mdb, of a store that the caller has locked.  Returns STORE_OK; STORE_REFUSED: it
 * is no store, or in another format; STORE_DAMAGED: it cannot be read from its
 * beginning; STORE_BEHIND: a fold did not end in time; or STORE_FAILED.
 * image->error says why, and what to do.  store_image_close() is due however it
 * ends, and may be called again.
 */
enum store_result store_image_open(struct store_image *, const char *dir,
    const char *file);
/* The same of a store that a kvd uses, also if the processes that lock it have
 * just died: nothing is locked that their successors want. */
enum store_result store_image_open_in_use(struct store_image *,
    const char *dir);
void store_image_close(struct store_image *);

/* Whether a key is there, and its value.  1: it is, 0: it is not, -1: damage.
 * The value is valid until the next call. */
int image_get(struct store_image *, enum table_db, struct bytes key,
    struct bytes *value);
/* The same, for what data.mdb has, whatever the log says. */
int image_get_data(struct store_image *, enum table_db, struct bytes key,
    struct bytes *value);
/* The sum of a bucket's open puts, as data.mdb says (store_replaced.c); or of
 * all buckets', with REPLACED_ALL. */
int image_get_replaced(struct store_image *, uint64_t id, uint64_t *n);
/* The bytes of a bucket's entries in data.mdb, as that says
 * (store_sizes.c). */
int image_get_size(struct store_image *, uint64_t id, uint64_t *n);
/* Do the tables have the key? */
bool image_is_in_log(const struct store_image *, enum table_db,
    struct bytes key);

struct image_record {
	struct bytes key, value;
	bool there; /* false: the log has deleted it; there is no value */
	bool in_data; /* data.mdb has the key, whatever the log says, */
	struct bytes data; /* with this value */
	/* Open puts to it that have replaced an entry and are not folded. */
	unsigned int replaced;
};

/* False: go no further. */
typedef bool image_visit(void *arg, const struct image_record *);
/* Visits the keys of a database in order, those that the log has deleted as
 * well. */
bool image_walk(struct store_image *, enum table_db, image_visit *,
    pages_complain *, void *arg);

/*
 * Of a store in use: LMDB does not use pages again while this image shows them,
 * so data.mdb grows.  This is to be called often.  STORE_LOST: so it has kept
 * more than `kept_max` bytes from being used (0: a quarter of data.mdb, 64 MiB
 * at least), or the disk is full; image->error says so.
 */
enum store_result store_image_check(struct store_image *, uint64_t kept_max);

#endif
