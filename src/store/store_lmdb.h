/*
 * Inside the store: what its files share.  The only file that includes
 * lmdb.h.
 *
 * The log is the database, and LMDB's file its checkpoint: it has what the
 * segments up to the folded one had.  What the unfolded ones hold is in their
 * tables.  A view reads the open table, then the sealed one, then LMDB, and
 * takes what it finds first (store_layer.c).
 */

#ifndef STORE_STORE_LMDB_H
#define STORE_STORE_LMDB_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <lmdb.h>

#include "area/writer.h"
#include "common/record.h"
#include "store/fold_list.h"
#include "store/segment.h"
#include "store/store.h"
#include "store/store_damage.h"
#include "store/table.h"
#include "store/tree.h"

/* The size of a new data file, and the smallest step of growth. */
#define STORE_SIZE_MIN ((size_t)4 << 20)

/* Where a transaction has its trees; 0: of none. */
struct store_trees {
	uint64_t transaction;
	struct tree_map map;
	struct pages_tree trees[DB_COUNT];
};

/*
 * A revision of the store: the tables that it needs, held, and a transaction
 * that reads the checkpoint.  And the bucket last used in it: a run of
 * requests on one bucket looks it up once, and writes its counter once.
 */
struct store_view {
	struct store *store;
	MDB_txn *txn;
	struct store_trees data; /* its trees */
	struct table *tables[2]; /* the newest first; NULL: there is none */
	uint64_t revision;
	struct segment_totals totals; /* the batch's are in the store */
	bool open;
	bool writes;
	/* It shows the latest data, so it may use the cache: the batch does,
	 * and the snapshot until the next commit. */
	bool cacheable;

	bool known; /* the fields below, up to `name`, are valid */
	bool changed; /* `count` has to be written back */
	bool looks; /* puts to it have to look: see store_count.c */
	uint64_t id;
	/* Entries of the bucket, including expired ones, and its open puts
	 * that have replaced one. */
	uint64_t count;
	size_t name_size;
	char name[UINT8_MAX];
	/* The first bucket that was made in this batch, and the earliest expiry
	 * that was put; 0: none was. */
	uint64_t new_from, put_expiry;

	/* The fields below are valid.  Only for views that do not write. */
	bool counted;
	uint64_t due_id; /* a bucket */
	int64_t due_at_ms; /* a time */
	uint64_t due; /* entries of that bucket that had expired by then */
};

struct store_pin {
	struct store_view view; /* first: store_unpin() gets its address */
	TAILQ_ENTRY(store_pin) entry;
	unsigned int holders;
};
TAILQ_HEAD(store_pins, store_pin);

/* Which of a watched bucket's rows that are due are counted (store_due.c). */
enum due_part {
	DUE_OUT, /* none */
	DUE_KNOWN, /* all that were when this part went on last */
	DUE_JOINING, /* a part of them */
	DUE_PARTS
};

/* All rows of `expiries` that are less are counted. */
struct due_place {
	/* It is behind all that were due then; before it has come there for the
	 * first time INT64_MIN. */
	int64_t until_ms;
	size_t size; /* 0: the start */
	uint8_t key[TABLE_KEY_MAX];
};

/* One row more, or less, of what is counted of a bucket. */
struct due_change {
	uint64_t id;
	int n;
};

/* Buckets that are counted (store_count.c). */
RB_HEAD(store_watch_tree, store_watch);
TAILQ_HEAD(store_watch_list, store_watch);
struct store_watches {
	struct store_watch_tree by_id;
	struct store_watch_list by_use; /* the last one first */
	unsigned int count;
	/* store_due.c */
	unsigned int in[DUE_PARTS]; /* watches in each part */
	struct due_place places[DUE_PARTS];
	/* What the batch changes: counts.due_changes of them, and room for so
	 * many. */
	struct due_change *changes;
	size_t changes_max;
};

/* What the batch changes, apart from the table. */
struct store_counts {
	struct segment_totals totals;
	uint64_t damaged; /* buckets that have a name */
	size_t reserved; /* bytes of data.mdb that folding may need */
	uint64_t expiry_from; /* no row of `expiries` has an earlier one */
	/* The first row has just this expiry; or, with UINT64_MAX, there is
	 * no row. */
	bool expiry_known;
	size_t due_changes; /* store_due.c */
};

/* Where the batch, or the savepoint, began. */
struct store_mark {
	struct table_mark table;
	struct store_counts counts;
};

/* What was short when STORE_FULL was last returned. */
enum store_shortage {
	SHORT_OF_SPACE, /* in data.mdb */
	SHORT_OF_LOG, /* in the open segment, which cannot grow */
};

/* The first key that is not yet folded. */
struct fold_place {
	uint64_t generation; /* 0: no fold has begun */
	uint8_t db; /* enum table_db */
	uint8_t key[TABLE_KEY_MAX];
	size_t key_size;
};

static inline struct bytes
fold_place_key(const struct fold_place *p)
{
	return (struct bytes){ p->key, p->key_size };
}

/* A page of a tree, and the keys that belong there: from the first, and less
 * than the second.  Without data: any. */
struct guard_place {
	size_t number, level;
	struct bytes from, to;
	const uint8_t *page;
};

/* What was checked in the transaction that writes (store_guard.c). */
struct store_guard {
	struct store_trees data; /* as it was when that began */
	uint8_t *checked; /* a bit for each page */
	size_t size; /* of these bytes */
	/* The leaf to which the last write has led; without page: none. */
	struct guard_place leaf;
	enum table_db leaf_db;
	bool leaf_beside; /* the pages beside the way to it were checked, too */
	bool allows_more; /* values may have more pages than they need */
};

struct store {
	enum store_role role;
	uint64_t hash_key[2]; /* of its tables: clients choose the keys */
	MDB_env *env;
	void *map; /* of data.mdb: see store_trees.c; NULL: none */
	size_t map_size;
	MDB_dbi dbi[DB_COUNT];
	struct store_view snapshot, batch;
	struct store_mark batch_mark, savepoint;
	struct store_view saved; /* the batch at the savepoint, if open */

	struct segment segments[2];
	unsigned int current; /* of these: the open one */
	struct table *table; /* of the open segment */
	struct table
	    *sealed; /* of the other one, until it is folded; or NULL */
	/* The table that was folded last, kept for its memory; or NULL. */
	struct table *spare;
	size_t log_size;
	uint64_t store_id;
	uint64_t revision; /* of the last commit */
	uint64_t durable; /* the last revision that is certainly durable */
	enum segment_write how; /* in which way the batch was begun */
	bool log_open; /* the log was read, and nothing of it has failed */
	struct store_counts counts;
	struct store_counts sealed_counts; /* when the sealed table was */
	uint64_t sealed_revision; /* the last of the sealed table */
	uint64_t folded; /* generation, as data.mdb has it */
	/* The same, as the checkpointer has reported it.  Then it is certainly
	 * durable, and the segment may be used again. */
	uint64_t reported;
	bool wants_checkpoint; /* the open segment is to be sealed soon */
	struct store_progress progress; /* of the sealed segment's fold */
	struct store_guard guard; /* the checkpointer's */
	/* The checkpointer's: where its last transaction ended. */
	struct fold_place place;
	struct fold_list fold; /* what there is to fold, once it was made */

	struct {
		uint64_t id;
		size_t name_size;
		char name[UINT8_MAX];
	} used; /* the bucket that was found last; it may be gone since */
	struct damage *damage; /* NULL: no bucket is damaged */
	struct store_heads *heads; /* of queues; NULL: there are none */
	/* The cache of records of `entries`, which others may read; or NULL. */
	struct area_writer *area;
	struct area_memory memory; /* for it */
	struct epoch epoch;
	int64_t clock_base_ms;
	size_t cache_size;
	uint64_t cache_hits, cache_misses;
	struct store_pins pins;
	unsigned int n_pins;
	struct store_watches watches;
	int64_t now_ms;
	int fd; /* of data.mdb, and owned by LMDB; -1: not open */
	int dirfd;
	int lockfd; /* of the registry's lock; -1: not held */
	int checkpointer_lockfd; /* the same of the checkpointer's */
	size_t allocated; /* bytes of data.mdb that have disk space */
	size_t page_size;
	size_t space; /* bytes of these that can be had without the reserve */
	bool space_is_old; /* there may be more: it was not measured since */
	bool use_reserve;
	enum store_shortage shortage;
	int sync_ms;
	uint64_t identity[2];
	void (*alive)(void *arg); /* see store_options; NULL: nobody asks */
	void *alive_arg;
	char *dir;
	char error[512];
	bool lacks; /* the last failure was for store_is_lack() */
};

enum store_result store_fail(struct store *, enum store_result,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As store_fail(), with an errno or one of LMDB's codes, whose text follows the
 * others. */
enum store_result store_fail_rc(struct store *, int rc, enum store_result,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* STORE_FAILED: there is no memory for this. */
enum store_result store_fail_memory(struct store *, const char *what);
enum store_result store_lmdb_result(struct store *, const char *what, int rc);
/* To be called now and then by what takes long. */
static inline void
store_stay_alive(const struct store *s)
{
	if (s->alive != NULL)
		s->alive(s->alive_arg);
}
/* Begins a transaction that reads, or renews one that was reset, if *txn is not
 * NULL.  Returns LMDB's code. */
int store_begin_reading(struct store *, MDB_txn **txn);
/* Opens a view of the last commit, or of the one that is being made. */
enum store_result store_view_open(struct store_view *, uint64_t revision);
/* Its transaction, reset, is kept for the next time. */
void store_view_close(struct store_view *);

static inline const struct segment_totals *
store_view_totals(const struct store_view *v)
{
	return v->writes ? &v->store->counts.totals : &v->totals;
}

/* store_trees.c */

extern const char *const store_tree_names[DB_COUNT];
enum store_result store_map(struct store *);
void store_unmap(struct store *);
/* Finds the trees of a transaction whose pages LMDB keeps.  *gone: it is not
 * one of the last two. */
enum store_result store_trees_find(struct store *, struct store_trees *,
    uint64_t transaction, bool *gone);
/* After -1 of a function of store/tree.h: STORE_FAILED. */
enum store_result store_fail_page(struct store *, const struct tree_cursor *);

/* store_guard.c: return 0, one of LMDB's codes, or this with store_error(). */

#define GUARD_DAMAGED (-2)
/* At the beginning of a transaction that writes. */
int guard_begin(struct store *, MDB_txn *);
/* A key is about to be put or deleted: are the pages sound that LMDB changes
 * then? */
int guard_write(struct store *, enum table_db, struct bytes key, bool deletes);
void guard_end(struct store *);
/* LMDB has found no space.  STORE_FULL; or STORE_FAILED, if that is because the
 * list of free pages is damaged, for then it never will. */
enum store_result guard_full(struct store *);

/* store_open.c */

/* A store whose directory is not opened yet; otherwise as store_open(). */
enum store_result store_begin(struct store **, const struct store_options *);

/* store_fetch.c */

/* As store_fetch(), for keys of `entries` that are looked up in area and
 * tables. */
void fetch_written(struct store *, const struct bytes *keys, size_t n);

/* store_files.c */

/* Refuses files in the data directory that are not only this user's. */
enum store_result store_check_files(struct store *);

/* store_directory.c */

/* STORE_FAILED if the error, an errno or one of LMDB's codes, may go away by
 * itself, else STORE_REFUSED. */
enum store_result store_refusal(int rc);
/* Is memory, space, a descriptor or a lock lacking? */
bool store_is_lack(int rc);
/* Opens the data directory, takes the role's lock of it, and says how large
 * data.mdb is. */
enum store_result store_open_directory(struct store *,
    const struct store_options *);
/* Takes the registry's lock besides the checkpointer's, or gives it back. */
enum store_result store_lock_registry(struct store *,
    const struct store_options *);
enum store_result store_unlock_registry(struct store *);
/* Was the file there before copying on write was switched off for the others of
 * the directory? */
bool store_file_is_copied(const struct store *, const char *name);
/* Checks that the data.mdb that was opened is the one of options.identity. */
enum store_result store_identify(struct store *, const struct store_options *);
/* Makes the names in the data directory, and that of the directory, durable. */
enum store_result store_sync_directory(struct store *);

/* store_log.c */

/* Records of a segment.  A table's index is made for about as many, and as many
 * are read in a moment when the store is opened. */
#define STORE_RECORDS_MAX 300000

/* Marks the end of the log, if it can, and frees all. */
void store_log_close(struct store *);
/* Makes a table ready for a batch.  STORE_FULL: the log has no space. */
enum store_result store_log_begin(struct store *);
enum store_result store_log_append(struct store *);
enum store_result store_log_sync(struct store *);
/* Has the open segment no room for another batch? */
bool store_log_is_used_up(const struct store *);
/* Has the other segment been folded, durably? */
bool store_log_may_seal(const struct store *);
/* Begins the other segment, which has to be folded. */
enum store_result store_log_seal(struct store *);
const char *store_log_name(const struct store *, const struct segment *);
/* Something of a segment has failed, with errno. */
enum store_result store_log_fail(struct store *, const struct segment *,
    const char *what);
static inline struct segment *
store_log_segment(struct store *s)
{
	return &s->segments[s->current];
}
static inline struct segment *
store_log_other(struct store *s)
{
	return &s->segments[1 - s->current];
}
/* How much a commit may have. */
static inline size_t
store_log_commit_max(const struct store *s)
{
	return s->log_size / 4;
}

/* store_recover.c */

/* Makes the segments of a new log, durably. */
enum store_result store_log_create(struct store *);
/* Opens the log and reads what is not folded. */
enum store_result store_log_open(struct store *);
/* The checkpointer's: are its files there? */
enum store_result store_log_find(struct store *);

/* store_fold.c: what `meta` in data.mdb says of the log.  The functions return
 * LMDB's codes. */
struct fold_state {
	uint64_t store_id;
	uint64_t folded; /* generation */
	uint64_t revision; /* the last of that one */
	struct segment_totals totals; /* as of it */
};
int fold_get_state(struct store *, MDB_txn *, struct fold_state *);
int fold_put_state(struct store *, MDB_txn *, const struct fold_state *);
/* Reads it as it is now.  *folding: the fold of a generation has begun, and not
 * ended. */
enum store_result fold_read_state(struct store *, struct fold_state *,
    bool *folding);
int fold_get_place(struct store *, MDB_txn *, struct fold_place *);
/* Rows of `dropped` and of `expiries` that purging, or the fold of an open put,
 * has removed, and that the totals in the log still count. */
struct fold_purged {
	uint64_t buckets, expiring;
};
int fold_get_purged(struct store *, MDB_txn *, struct fold_purged *);
int fold_put_purged(struct store *, MDB_txn *, const struct fold_purged *);

/* store_numbers.c: rows of `meta` with a number for a bucket.  A row that is not
 * there has 0.  The functions return LMDB's codes. */

#define NUMBERS_NAME_MAX 8

struct numbers_key {
	uint8_t data[NUMBERS_NAME_MAX + ID_SIZE];
	struct bytes bytes; /* of data */
};
void numbers_key_make(struct numbers_key *, const char *name, uint64_t id);
int numbers_get(struct store *, MDB_txn *, const char *name, uint64_t id,
    uint64_t *n);
int numbers_put(struct store *, MDB_txn *, const char *name, uint64_t id,
    uint64_t n);
/* These two in a transaction that guard_begin() has begun; the second returns
 * MDB_NOTFOUND if there was no row. */
int numbers_add(struct store *, MDB_txn *, const char *name, uint64_t id,
    uint64_t n);
int numbers_forget(struct store *, MDB_txn *, const char *name, uint64_t id);

/* store_replaced.c: returns LMDB's codes. */

#define REPLACED_NAME "replaced"
#define REPLACED_ALL 0 /* instead of a bucket's id */

int replaced_get(struct store *, MDB_txn *, uint64_t id, uint64_t *n);
/* So many more of the bucket's open puts have replaced an entry. */
int replaced_add(struct store *, MDB_txn *, uint64_t id, uint64_t n);
/* The bucket is purged.  It was dropped as one that had more entries, by so
 * many, than were found. */
int replaced_forget(struct store *, MDB_txn *, uint64_t id, uint64_t missing);

/* store_sizes.c: returns LMDB's codes. */

#define SIZES_NAME "size"
#define SIZES_ROW (sizeof(SIZES_NAME) + ID_SIZE + sizeof(uint64_t))

/* The bytes of key and value that a record of `entries` has. */
uint64_t sizes_of_entry(struct bytes key, struct bytes value);
/* The transaction, which guard_begin() has begun, has put so many bytes to the
 * bucket's entries; or removed them: then they are the number's negative. */
int sizes_add(struct store *, MDB_txn *, uint64_t id, uint64_t bytes);
/* The bucket is purged. */
int sizes_forget(struct store *, MDB_txn *, uint64_t id);

/* Makes the rows for entries that come in their order. */
struct sizes_count {
	struct store *store;
	MDB_txn **txn; /* the one that is open */
	uint64_t id; /* the bucket that it is in, */
	uint64_t bytes; /* and what it has counted of it */
};
int sizes_count_entry(struct sizes_count *, struct bytes key,
    struct bytes value);
int sizes_count_end(struct sizes_count *);
/* The same for all entries that there are, in a transaction that has not
 * changed any. */
int sizes_count_all(struct store *, MDB_txn *);

/* store_count.c */

void count_init(struct store *);
/* Forgets the buckets that nobody has counted since this generation began. */
void count_forget(struct store *, uint64_t generation);
/* Forgets all, and frees what is kept for them. */
void count_free(struct store *);
/* Does somebody count this bucket, so that puts to it have to look? */
bool count_is_watched(struct store *, uint64_t id);

/* store_checkpoint.c */

/* The sealed segment has been folded. */
enum store_result store_forget_sealed(struct store *);

/* store_layer.c */

/* What the view sees of a key; STORE_ABSENT: nothing. */
enum store_result layer_get(struct store_view *, enum table_db,
    struct bytes key, struct bytes *value);
/* The same.  In a view that writes, *place is where the key is to be put; it is
 * valid until another key is put. */
enum store_result layer_find(struct store_view *, enum table_db,
    struct bytes key, struct table_place *, struct bytes *value);
/* The same, for what the tables know; *known: they do. */
enum store_result layer_find_in_tables(struct store_view *, enum table_db,
    struct bytes key, struct table_place *, struct bytes *value, bool *known);
/* The same, for what they do not know. */
enum store_result layer_get_from_data(struct store_view *, enum table_db,
    struct bytes key, struct bytes *value);
/* Puts a record, whose value the caller is to fill in. */
enum store_result layer_put(struct store_view *, enum table_db,
    struct bytes key, size_t value_size, uint8_t **value);
/* The key may have no record. */
enum store_result layer_delete(struct store_view *, enum table_db,
    struct bytes key);
/* The same for a key that was looked up. */
enum store_result layer_put_at(struct store_view *, const struct table_place *,
    size_t value_size, uint8_t **value);
enum store_result layer_delete_at(struct store_view *,
    const struct table_place *);

/* Goes through a database in order.  What is put meanwhile may be missed, and
 * what is deleted is not. */
struct layer_cursor {
	struct store_view *view;
	enum table_db db;
	struct table_key *at[2]; /* in each table */
	struct tree_cursor tree; /* in data.mdb, */
	bool in_data; /* which has this one: */
	struct bytes data_key, data_value;
	struct bytes key, value; /* where it is */
	bool all; /* it goes to keys that are deleted, too; then it says: */
	bool deleted; /* the key is deleted */
	bool is_new; /* what it is was written by the batch */
};
/* Goes to the first record that is not less; STORE_ABSENT: there is none.
 * layer_end() is due however it ends. */
enum store_result layer_seek(struct layer_cursor *, struct store_view *,
    enum table_db, struct bytes from);
/* The same, to go through all keys, deleted or not. */
enum store_result layer_seek_all(struct layer_cursor *, struct store_view *,
    enum table_db, struct bytes from);
enum store_result layer_next(struct layer_cursor *);
void layer_end(struct layer_cursor *);

/* store_space.c */

/* Size of data.mdb, which is open. */
enum store_result store_data_size(struct store *, size_t *size);
/* What of data.mdb folding a record of this size may take. */
static inline size_t
store_fold_cost(const struct store *s, size_t size)
{
	/* A page that is split is half empty.  What is larger than half a page
	 * has pages of its own, and its key is as small as others are. */
	return size <= s->page_size / 2 ?
	    2 * (size + 16) :
	    (size / s->page_size + 1) * s->page_size + 512;
}
/* Does one of LMDB's codes, or errno, say that the disk has no space? */
bool store_is_full(int rc);
/* Takes `size` bytes of the disk for data.mdb.  False: there are none. */
bool store_allocate(const struct store *, size_t from, size_t size);
/* Another process may have made the file longer: uses all of it. */
enum store_result store_use_file(struct store *);
/* One past the last page that has ever been used. */
size_t store_used_pages(const struct store *);
/* Sets `space`.  No view may be open that is not a pin. */
enum store_result store_measure_space(struct store *);
/* Takes more of the disk for data.mdb.  STORE_FULL: it has none. */
enum store_result store_extend(struct store *);
/* A write is about to put a record of this size, instead of one of `old`
 * bytes (0: of none).  STORE_FULL: folding it might find no space. */
enum store_result store_take_space(struct store *, size_t size, size_t old);

/* store_pin.c */

/* The oldest commit of LMDB's that a pin reads, or UINT64_MAX. */
uint64_t store_oldest_pin(const struct store *);
void store_free_pins(struct store *);
/* Takes the views of the oldest pins away until the tables that only pins keep
 * have no more than a segment. */
void store_lose_pins(struct store *);

/* store_entry.c */

/* The batch is committed: what it has dropped from the cache is put again. */
void store_cache_again(struct store_view *);
/* Is the bucket with this id one that is not to be touched? */
static inline bool
store_is_damaged(const struct store *s, uint64_t id)
{
	return s->damage != NULL && damage_has(s->damage, id);
}

/* store_bucket.c */

/* These two return LMDB's codes. */
int store_put_format(struct store *, MDB_txn *);
int store_get_format(struct store *, MDB_txn *, uint32_t *format);
/* Looks up a bucket, and makes it the known bucket of the view. */
enum store_result store_find_bucket(struct store_view *, struct bytes name);
/* When the store is opened: counts the buckets that cannot be used. */
enum store_result store_count_damaged(struct store *);
/* Writes back the count of the known bucket, if it has changed. */
enum store_result store_view_write_back(struct store_view *);

#endif
