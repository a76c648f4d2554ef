/*
 * fuzz_log: what is read from the log when a store is opened
 * (store/segment.c, store/table.c).
 *
 * The input is a list of pieces: u8 how, u16 size, and as many bytes.  Each is
 * the header of a segment, a commit, or damage.  Of a header and a commit any
 * part may be put right first, so that a fuzzer gets behind the checksums.
 *
 * The segments are read in memory.  With FUZZ_LOG_FILES in the environment
 * they are also written as the files of a store, which is then opened.
 */

#include <sys/stat.h>

#include <ftw.h>
#include <string.h>

#include "common/bytes.h"
#include "fuzz/fuzz.h"
#include "store/store.h"
#include "store/table.h"

/* How the parts of a segment look is inside. */
#include "store/segment.c"

/* With the shadow of the sanitizer, what is behind the file is not read. */
#if defined(__has_include)
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define CAPACITY ((size_t)20 << 10)
#define PIECE_HEADER 3
#define LOG_SIZE ((size_t)1 << 20)

/* Bits of `how'. */
#define HOW_HEADER 1 /* of the other segment, from here on */
#define HOW_DAMAGE 2 /* u16 offset, and what is flipped there */
#define HOW_TRUNCATE 4 /* u16: the file ends here */
#define HOW_APART 8 /* a commit begins in a block of its own */
#define HOW_FIELDS 16 /* magic, salt, size and revision are right */
#define HOW_SUMS 32 /* and so are the checksums */
#define HOW_RECORDS 64 /* the bytes say what to put, not how it looks */

/* A segment while it is made. */
struct draft {
	struct segment segment;
	struct table *table; /* has the image */
	size_t image_end;
};

struct input {
	const uint8_t *at, *end;
};

static struct draft drafts[2];
static struct table *reader;

static struct table *
new_table(void)
{
	struct table *t = table_new(CAPACITY, (const uint64_t[2]){ 1, 2 });

	FUZZ_ASSERT(t != NULL);
	return t;
}

static void
reset_table(struct table *t)
{
	ASAN_UNPOISON_MEMORY_REGION(t->image, t->capacity);
	memset(t->image, 0, t->capacity);
	table_reset(t, 0);
}

static void
begin_draft(struct draft *d)
{
	if (d->table == NULL)
		d->table = new_table();
	reset_table(d->table);
	d->segment = (struct segment){ .fd = -1,
		.direct_fd = -1,
		.file_size = CAPACITY,
		.end = SEGMENT_BLOCK };
	d->image_end = SEGMENT_BLOCK;
}

/* As segment_read_header(). */
static void
read_header(struct segment *s, const uint8_t *image)
{
	struct header h;

	memcpy(&h, image, sizeof(h));
	if (memcmp(h.magic, header_magic, sizeof(h.magic)) != 0 ||
	    h.sum != header_sum(&h))
		h = (struct header){ .generation = 0 };
	take_header(s, &h);
}

static void
draft_header(struct draft *d, int how, struct bytes piece)
{
	struct header h = { .generation = 0 };

	memcpy(&h, piece.data, piece.size < sizeof(h) ? piece.size : sizeof(h));
	if (how & HOW_FIELDS)
		memcpy(h.magic, header_magic, sizeof(h.magic));
	if (how & HOW_SUMS)
		h.sum = header_sum(&h);
	memcpy(d->table->image, &h, sizeof(h));
	read_header(&d->segment, d->table->image);
}

/* Each record is said by u8 database and flag, u8 size of the key, u8 size of
 * the value, and the key. */
static void
put_records(struct table *t, struct bytes piece)
{
	const uint8_t *p = piece.data, *end = p + piece.size;
	struct table_place place;
	struct bytes key;
	uint8_t *value;
	size_t value_size;
	bool deleted;
	int db;

	for (; end - p > 3; p += key.size) {
		db = *p % DB_COUNT;
		deleted = (*p++ & 128) != 0;
		key.size = *p++;
		value_size = deleted ? 0 : *p++;
		if (key.size == 0 || key.size > (size_t)(end - p))
			return;
		key.data = p;
		place = table_place(t, (enum table_db)db, key);
		value = table_put(t, &place, value_size, deleted, t->capacity);
		if (value == NULL)
			return;
		memset(value, 'v', value_size);
	}
}

/* Takes in what the reader is to take in, so that versions are right. */
static void
take_commit(struct draft *d)
{
	static uint8_t copy[CAPACITY];
	const struct segment_commit *c;
	uint8_t *at;

	if ((c = segment_next(&d->segment, d->table->image)) == NULL)
		return;
	at = d->table->image + ((const uint8_t *)c - d->table->image);
	memcpy(copy, at, c->size);
	segment_accept(&d->segment, d->table->image, c);
	(void)table_replay(d->table, c);
	/* The reader is to see what was wrong with it. */
	memcpy(at, copy, c->size);
}

static void
draft_records(struct draft *d, size_t start, struct bytes piece)
{
	struct segment *s = &d->segment;
	struct segment_commit *c = (void *)(d->table->image + start);

	table_begin(d->table, start, s->revision + 1);
	put_records(d->table, piece);
	d->image_end = d->table->end;
	fill_header(s, c, d->image_end - start,
	    s->revision + (d->image_end - start > sizeof(*c)), s->revision);
	segment_accept(s, d->table->image, c);
}

static void
draft_commit(struct draft *d, int how, struct bytes piece)
{
	struct segment *s = &d->segment;
	size_t start =
	    round_up(d->image_end, how & HOW_APART ? SEGMENT_BLOCK : ALIGNMENT);
	struct segment_commit *c = (void *)(d->table->image + start);

	if (start + sizeof(*c) + piece.size > CAPACITY)
		return;
	if (how & HOW_RECORDS) {
		draft_records(d, start, piece);
		return;
	}
	memcpy(c, piece.data, piece.size);
	if (how & HOW_FIELDS) {
		c->magic = COMMIT_MAGIC;
		c->salt = s->salt;
		c->size = (uint32_t)(piece.size > sizeof(*c) ? piece.size :
							       sizeof(*c));
		c->revision = s->revision + (c->size > sizeof(*c));
	}
	if (how & HOW_SUMS)
		c->header_sum =
		    crc32c(0, c, offsetof(struct segment_commit, header_sum));
	if ((how & HOW_SUMS) && c->size >= sizeof(*c) &&
	    c->size <= CAPACITY - start)
		c->sum = commit_sum(s, c);
	d->image_end =
	    start + (piece.size > sizeof(*c) ? piece.size : sizeof(*c));
	take_commit(d);
}

static size_t
number(struct bytes piece)
{
	const uint8_t *p = piece.data;

	return piece.size < 2 ? 0 : (size_t)(p[0] | p[1] << 8);
}

static void
draft_damage(struct draft *d, struct bytes piece)
{
	const uint8_t *p = piece.data;
	size_t at = number(piece), i;

	for (i = 2; i < piece.size && at < CAPACITY; i++, at++)
		d->table->image[at] ^= p[i];
}

static bool
next_piece(struct input *in, int *how, struct bytes *piece)
{
	if (in->end - in->at < PIECE_HEADER)
		return false;
	*how = in->at[0];
	*piece = (struct bytes){ in->at + PIECE_HEADER,
		(size_t)(in->at[1] | in->at[2] << 8) };
	in->at += PIECE_HEADER;
	if (piece->size > (size_t)(in->end - in->at))
		piece->size = (size_t)(in->end - in->at);
	in->at += piece->size;
	return true;
}

static void
make_drafts(struct input in)
{
	struct draft *d = &drafts[0];
	struct bytes piece;
	int how;

	begin_draft(&drafts[0]);
	begin_draft(&drafts[1]);
	while (next_piece(&in, &how, &piece)) {
		if (how & HOW_HEADER) {
			d = &drafts[d == &drafts[0]];
			draft_header(d, how, piece);
		} else if (how & HOW_DAMAGE)
			draft_damage(d, piece);
		else if (how & HOW_TRUNCATE)
			d->segment.file_size = number(piece) % (CAPACITY + 1);
		else
			draft_commit(d, how, piece);
	}
}

/* In memory */

/* The newest version of each record's key has the record behind it. */
static void
check_records(const struct table *t, size_t from)
{
	const struct table_record *r, *found;
	struct bytes key;
	size_t at;

	for (at = from; at < t->end; at += table_record_size(r)) {
		r = table_record_at(t, at);
		key = table_record_key(r);
		FUZZ_ASSERT(key.size > 0 && key.size <= TABLE_KEY_MAX);
		found = table_find(t, r->db, key, UINT64_MAX);
		while (found > r)
			found = table_record_at(t, found->older);
		FUZZ_ASSERT(found == r);
		found = table_find(t, r->db, key, table_revision(t, r));
		FUZZ_ASSERT(found >= r && found->commit == r->commit);
	}
}

static void
check_order(struct table *t)
{
	struct table_key *k, *next;
	struct bytes key;
	uint32_t n = 0;
	int db;

	for (db = 0; db < DB_COUNT; db++) {
		k = table_seek(t, (enum table_db)db, (struct bytes){ NULL, 0 });
		for (; k != NULL; k = next, n++) {
			key = table_record_key(table_newest(t, k));
			FUZZ_ASSERT(table_seek(t, (enum table_db)db, key) == k);
			next = table_after(t, k);
			FUZZ_ASSERT(next == NULL ||
			    bytes_compare(key,
				table_record_key(table_newest(t, next))) < 0);
		}
	}
	FUZZ_ASSERT(n == t->n_keys);
}

/* A commit that is taken back and read again is the same. */
static bool
replay(struct table *t, const struct segment_commit *c)
{
	struct table_mark before = table_mark(t), after;
	struct segment again = { .sum = 0 };
	uint32_t sum;
	bool sound;

	before.end = (size_t)((const uint8_t *)(c + 1) - t->image);
	sum = commit_sum(&again, c);
	sound = table_replay(t, c);
	/* It may be written again as it is. */
	FUZZ_ASSERT(!sound || commit_sum(&again, c) == sum);
	if (!sound)
		return false;
	check_records(t, before.end);
	after = table_mark(t);
	table_cut(t, before);
	FUZZ_ASSERT(t->n_keys == before.n_keys);
	FUZZ_ASSERT(table_replay(t, c));
	FUZZ_ASSERT(t->end == after.end && t->n_keys == after.n_keys &&
	    t->records == after.records);
	return true;
}

static void
read_in_memory(const struct draft *d)
{
	struct segment s = { .fd = -1,
		.direct_fd = -1,
		.file_size = d->segment.file_size };
	const struct segment_commit *c;
	struct segment before;

	if (reader == NULL)
		reader = new_table();
	reset_table(reader);
	if (s.file_size < SEGMENT_BLOCK)
		return;
	memcpy(reader->image, d->table->image, s.file_size);
	read_header(&s, reader->image);
	if (s.generation == 0)
		return;
	ASAN_POISON_MEMORY_REGION(reader->image + s.file_size,
	    CAPACITY - s.file_size);
	while ((c = segment_next(&s, reader->image)) != NULL) {
		before = s;
		segment_accept(&s, reader->image, c);
		FUZZ_ASSERT(s.end > before.end && s.end <= s.file_size);
		FUZZ_ASSERT(s.revision - before.revision <= 1);
		if (!replay(reader, c))
			return;
		check_order(reader);
	}
	(void)segment_is_cut(&s, reader->image);
}

/* In files */

#define DIR_TEMPLATE "/tmp/fuzz_log.XXXXXX"

static char dir[sizeof(DIR_TEMPLATE)];
static uint8_t *data_file;
static size_t data_size;
static uint64_t store_id;

static char *
path_of(const char *name)
{
	static char path[sizeof(dir) + 16];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static uint8_t *
read_file(const char *name, size_t *size)
{
	FILE *file = fopen(path_of(name), "r");
	struct stat st;
	uint8_t *data;

	FUZZ_ASSERT(file != NULL && fstat(fileno(file), &st) == 0);
	*size = (size_t)st.st_size;
	data = malloc(*size + 1);
	FUZZ_ASSERT(data != NULL && fread(data, 1, *size, file) == *size);
	(void)fclose(file);
	return data;
}

static void
write_file(const char *name, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	FUZZ_ASSERT(file != NULL && fwrite(data, 1, size, file) == size &&
	    fclose(file) == 0);
}

static int
remove_entry(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
remove_dir(void)
{
	(void)nftw(dir, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

static enum store_result
open_store(struct store **s)
{
	struct store_options o = { .dir = dir,
		.create = true,
		.sync_ms = STORE_SYNC_NEVER,
		.log_size = LOG_SIZE };

	return store_open(s, &o);
}

/* Makes an empty store, whose data.mdb each input gets. */
static void
make_template(void)
{
	struct store *s;
	struct header h;
	uint8_t *log;
	size_t size;

	memcpy(dir, DIR_TEMPLATE, sizeof(dir));
	FUZZ_ASSERT(mkdtemp(dir) != NULL);
	FUZZ_ASSERT(atexit(remove_dir) == 0);
	FUZZ_ASSERT(open_store(&s) == STORE_OK);
	store_close(s);
	data_file = read_file("data.mdb", &data_size);
	log = read_file("log.1", &size);
	memcpy(&h, log, sizeof(h));
	store_id = h.store_id;
	free(log);
}

/* As a segment of the template's log. */
static void
write_segment(const struct draft *d, const char *name, uint64_t generation)
{
	static uint8_t file[SEGMENT_SIZE_MIN];
	struct segment s = d->segment;
	struct length l;
	struct header h;

	memcpy(file, d->table->image, CAPACITY);
	memcpy(&h, file, sizeof(h));
	if (s.generation != 0) {
		h.store_id = store_id;
		h.generation = generation;
		h.sum = header_sum(&h);
		memcpy(file, &h, sizeof(h));
	}
	if (s.file_size == CAPACITY)
		s.file_size = sizeof(file);
	l = length_of(&s);
	memcpy(file + LENGTH_AT, &l, sizeof(l));
	write_file(name, file, s.file_size);
}

static bool
visit(void *arg, const struct store_entry *e)
{
	(void)arg;
	(void)e;
	return true;
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct store_view *v = arg;
	struct bytes all = { NULL, 0 };
	char copy[UINT8_MAX];
	uint64_t count;

	/* The view's known bucket changes. */
	memcpy(copy, name.data, name.size);
	name.data = copy;
	(void)store_count(v, name, &count);
	(void)store_scan(v, name, all, all, visit, NULL);
	return true;
}

static void
removed(void *arg, struct bytes bucket, struct bytes key)
{
	(void)arg;
	(void)bucket;
	(void)key;
}

/* Whatever was in the log, a store that opened can be used. */
static void
use_store(struct store *s)
{
	struct bytes all = { NULL, 0 }, name = bytes_from_text("b");
	struct store_stats stats;
	struct store_view *v;
	bool more;

	FUZZ_ASSERT(store_snapshot(s, &v) == STORE_OK);
	(void)store_scan_buckets(v, all, all, visit_bucket, v);
	(void)store_stats(v, &stats);
	store_release(s);
	FUZZ_ASSERT(store_batch(s, &v) == STORE_OK);
	store_set_now(s, INT64_MAX / 2);
	(void)store_expire(v, 100, removed, NULL, &more);
	if (store_create(v, name) == STORE_OK)
		(void)store_put(v, name, name, name, 0);
	(void)store_commit(s);
	(void)store_checkpoint(s);
}

static void
read_in_files(void)
{
	struct store *s;
	enum store_result result;

	if (store_id == 0)
		make_template();
	write_file("data.mdb", data_file, data_size);
	write_segment(&drafts[1], "log.1", 1);
	write_segment(&drafts[0], "log.2", 2);
	result = open_store(&s);
	FUZZ_ASSERT(result == STORE_OK || result == STORE_REFUSED);
	FUZZ_ASSERT((result == STORE_OK) == (store_error(s)[0] == '\0'));
	if (result == STORE_OK)
		use_store(s);
	store_close(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_drafts((struct input){ data, data + size });
	read_in_memory(&drafts[0]);
	read_in_memory(&drafts[1]);
	if (getenv("FUZZ_LOG_FILES") != NULL)
		read_in_files();
	return 0;
}
