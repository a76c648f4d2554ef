/*
 * check_segment: a file of the log (store/segment): what is appended is read,
 * and what was damaged or never came to be is not.
 */

#include "unit.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "store_fixture.h"

#include "store/segment.h"

#define STORE_ID 77
#define GENERATION 5
#define REVISION 100 /* of the segment before */
#define CAPACITY ((size_t)16 << 20)
/* Of a header, the bytes that matter. */
#define HEADER_SIZE 56
#define LENGTH_AT 512
#define LENGTH_END (LENGTH_AT + 16)

static struct {
	int dirfd;
	struct segment segment;
	enum segment_state state; /* of its header, when it was opened */
	uint8_t *image;
} f;

static void
open_segment(void)
{
	ck_assert_int_eq(segment_open(&f.segment, f.dirfd, "log.1", true), 0);
	f.state = segment_read_header(&f.segment);
}

static void
setup(void)
{
	store_setup();
	ck_assert_int_eq(mkdir(fx.dir, 0700), 0);
	f.dirfd = open(fx.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(f.dirfd, -1);
	/* Aligned for direct writes, as that of a table. */
	f.image = aligned_alloc(SEGMENT_BLOCK, CAPACITY);
	ck_assert_ptr_nonnull(f.image);
	memset(f.image, 0, CAPACITY);
	open_segment();
}

static void
teardown(void)
{
	segment_close(&f.segment);
	(void)close(f.dirfd);
	free(f.image);
	store_teardown();
}

static void
begin(void)
{
	ck_assert_int_eq(segment_begin(&f.segment, STORE_ID, GENERATION, NULL,
			     REVISION, REVISION),
	    0);
}

/* A commit with so many bytes behind its header. */
static int
append(size_t size, uint64_t durable, enum segment_write how)
{
	struct segment *s = &f.segment;
	size_t start = segment_start(s, how);
	size_t end = start + sizeof(struct segment_commit) + size;

	ck_assert_uint_le(end + SEGMENT_BLOCK, CAPACITY);
	memset(f.image + end - size, 'x', size);
	return segment_append(s, f.image, start, end, s->revision + (size > 0),
	    durable, CAPACITY, how);
}

static void
must_append(size_t size, uint64_t durable, enum segment_write how)
{
	uint64_t revision = f.segment.revision;

	ck_assert_int_eq(append(size, durable, how), 0);
	ck_assert_uint_eq(f.segment.revision, revision + (size > 0));
}

static void
read_commits(struct segment *s)
{
	const struct segment_commit *c;

	segment_rewind(s);
	while ((c = segment_next(s, f.image)) != NULL)
		segment_accept(s, f.image, c);
}

/* Opens it again, and reads all of it. */
static void
reopen(void)
{
	segment_close(&f.segment);
	open_segment();
	ck_assert_uint_le(f.segment.file_size, CAPACITY);
	ck_assert_int_eq(segment_read(&f.segment, f.image), 0);
	read_commits(&f.segment);
}

static void
flip(size_t at, uint8_t bits)
{
	uint8_t byte;

	ck_assert_int_eq(pread(f.segment.fd, &byte, 1, (off_t)at), 1);
	byte ^= bits;
	ck_assert_int_eq(pwrite(f.segment.fd, &byte, 1, (off_t)at), 1);
}

TEST(test_new)
{
	ck_assert_int_eq(f.state, SEGMENT_CUT_SHORT);
	ck_assert_uint_eq(f.segment.generation, 0);
	ck_assert_uint_eq(f.segment.file_size, 0);
	ck_assert_int_eq(segment_has_commits(&f.segment), 0);
	ck_assert_int_eq(segment_erase(&f.segment), 0);
	begin();
	ck_assert_uint_eq(f.segment.file_size, SEGMENT_SIZE_MIN);
	reopen();
	ck_assert_uint_eq(f.segment.generation, GENERATION);
	ck_assert_uint_eq(f.segment.store_id, STORE_ID);
	ck_assert_uint_eq(f.segment.revision, REVISION);
	ck_assert_uint_eq(f.segment.end, SEGMENT_BLOCK);
	ck_assert_int_eq(segment_has_commits(&f.segment), 0);
	ck_assert(!segment_is_cut(&f.segment, f.image));
}

/* Commits of each kind, one after the other, and of each size that matters. */
static const size_t sizes[] = { 1, 7, 8, 9, 4096 - 88 - 1, 4096 - 88,
	4096 - 88 + 1, 8192, (1 << 20) - 1, 1 << 20, (1 << 20) + 1 };

TEST(test_append)
{
	struct segment written;
	int i;

	begin();
	for (i = 0; i < 9; i++)
		must_append(sizes[_i] - (size_t)(i % 2 && sizes[_i] > 1),
		    REVISION, (enum segment_write)(i % 3));
	must_append(0, f.segment.revision, SEGMENT_DURABLE);
	ck_assert(f.segment.unsynced);
	ck_assert_int_eq(segment_sync(&f.segment), 0);
	ck_assert(!f.segment.unsynced);
	written = f.segment;
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 9);
	ck_assert_uint_eq(f.segment.end, written.end);
	ck_assert_uint_eq(f.segment.sum, written.sum);
	ck_assert_int_eq(segment_has_commits(&f.segment), 1);
	ck_assert(!segment_is_cut(&f.segment, f.image));
}

/* The start of what has to be durable is a block's. */
TEST(test_start)
{
	begin();
	ck_assert_uint_eq(segment_start(&f.segment, SEGMENT_PACKED),
	    SEGMENT_BLOCK);
	must_append(1, 0, SEGMENT_PACKED);
	ck_assert_uint_eq(segment_start(&f.segment, SEGMENT_PACKED),
	    SEGMENT_BLOCK + sizeof(struct segment_commit) + 8);
	ck_assert_uint_eq(segment_start(&f.segment, SEGMENT_APART),
	    2 * SEGMENT_BLOCK);
	ck_assert_uint_eq(segment_start(&f.segment, SEGMENT_DURABLE),
	    2 * SEGMENT_BLOCK);
}

/* Without direct writes. */
TEST(test_synced_append)
{
	begin();
	if (f.segment.direct_fd != -1)
		(void)close(f.segment.direct_fd);
	f.segment.direct_fd = -1;
	must_append(10, REVISION, SEGMENT_DURABLE);
	must_append(5000, REVISION + 1, SEGMENT_DURABLE);
	ck_assert(!f.segment.unsynced);
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 2);
}

/* What was there before a segment is begun anew is not in it. */
TEST(test_recycled)
{
	struct segment first;

	begin();
	must_append(100, REVISION, SEGMENT_APART);
	must_append(100, REVISION + 1, SEGMENT_APART);
	must_append(100, REVISION + 2, SEGMENT_APART);
	first = f.segment;
	ck_assert_int_eq(segment_begin(&f.segment, STORE_ID, GENERATION + 2,
			     &first, first.revision, first.revision),
	    0);
	ck_assert_uint_ne(f.segment.salt, first.salt);
	ck_assert_uint_eq(f.segment.previous_sum, first.sum);
	must_append(100, first.revision, SEGMENT_APART);
	reopen();
	ck_assert_uint_eq(f.segment.generation, GENERATION + 2);
	ck_assert_uint_eq(f.segment.revision, first.revision + 1);
	ck_assert_uint_eq(f.segment.end,
	    SEGMENT_BLOCK + sizeof(struct segment_commit) + 100);
	/* Nor does it prove anything. */
	ck_assert(!segment_is_cut(&f.segment, f.image));
}

TEST(test_erased)
{
	begin();
	must_append(100, REVISION, SEGMENT_APART);
	ck_assert_int_eq(segment_erase(&f.segment), 0);
	reopen();
	ck_assert_int_eq(f.state, SEGMENT_SOUND);
	ck_assert_uint_eq(f.segment.generation, 0);
	ck_assert_int_eq(segment_has_commits(&f.segment), 0);
	ck_assert_ptr_null(segment_next(&f.segment, f.image));
}

/* Damage */

TEST(test_damaged_header)
{
	size_t at;

	begin();
	must_append(100, REVISION, SEGMENT_APART);
	for (at = 0; at < LENGTH_END; at++) {
		if (at == HEADER_SIZE)
			at = LENGTH_AT;
		flip(at, 1);
		reopen();
		ck_assert_int_eq(f.state, SEGMENT_DAMAGED);
		ck_assert_uint_eq(f.segment.generation, 0);
		ck_assert_ptr_null(segment_next(&f.segment, f.image));
		flip(at, 1);
	}
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 1);
}

/* Any bit of a commit ends the segment before it.  A later commit proves that
 * it was durable, if it says so; the last one has none behind it. */
TEST(test_damaged_commit)
{
	size_t start, at, size = sizeof(struct segment_commit) + 24;

	begin();
	must_append(40, REVISION, SEGMENT_APART);
	start = segment_start(&f.segment, SEGMENT_APART);
	must_append(24, REVISION, SEGMENT_APART);
	if (_i > 0)
		must_append(8, REVISION + (uint64_t)_i, SEGMENT_APART);
	for (at = start; at < start + size; at++) {
		flip(at, (uint8_t)(1 << at % 8));
		reopen();
		ck_assert_uint_eq(f.segment.revision, REVISION + 1);
		ck_assert_uint_lt(f.segment.end, start);
		/* The one behind says that REVISION + _i is durable. */
		ck_assert_int_eq(segment_is_cut(&f.segment, f.image), _i == 2);
		flip(at, (uint8_t)(1 << at % 8));
	}
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 2 + (_i > 0));
}

/* What the file ends in the middle of is not read past its end. */
TEST(test_cut_commit)
{
	struct segment s;
	size_t end;

	begin();
	must_append(40, REVISION, SEGMENT_APART);
	must_append(100, REVISION, SEGMENT_APART);
	reopen();
	s = f.segment;
	for (end = f.segment.end; end > 2 * SEGMENT_BLOCK - 8; end--) {
		s.file_size = end;
		read_commits(&s);
		ck_assert_uint_eq(s.revision,
		    REVISION + 1 + (end == f.segment.end));
		ck_assert(!segment_is_cut(&s, f.image));
	}
}

/* A file knows how long it has to be, also after it has grown. */
static const size_t lengths[] = { (4 << 20) - 1, 1 << 20, (1 << 20) - 1,
	SEGMENT_BLOCK, 1000, 0 };

TEST(test_truncated)
{
	begin();
	must_append(100, REVISION, SEGMENT_APART);
	must_append(2 << 20, REVISION, SEGMENT_APART);
	reopen();
	ck_assert_int_eq(f.state, SEGMENT_SOUND);
	ck_assert_uint_eq(f.segment.file_size, 4 << 20);
	ck_assert_int_eq(ftruncate(f.segment.fd, (off_t)lengths[_i]), 0);
	reopen();
	ck_assert_int_eq(f.state, SEGMENT_CUT_SHORT);
}

/* Commits that were lost, while one behind them was not: when what was lost
 * is done again, in the same bytes, it must not be followed by what was gone. */
TEST(test_lost_and_repeated)
{
	struct segment before;

	begin();
	must_append(100, REVISION, SEGMENT_APART);
	before = f.segment;
	must_append(100, REVISION + 1, SEGMENT_APART);
	must_append(50, REVISION + 1, SEGMENT_APART);
	flip(2 * SEGMENT_BLOCK, 1);
	reopen();
	ck_assert_uint_eq(f.segment.end, before.end);
	ck_assert(!segment_is_cut(&f.segment, f.image));
	ck_assert_int_eq(segment_wipe_rest(&f.segment, f.image), 0);
	must_append(100, REVISION + 1, SEGMENT_APART);
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 2);
}

/* A commit's own bytes, as a value in the next one. */
TEST(test_commit_in_value)
{
	size_t first = SEGMENT_BLOCK, start, size;
	const struct segment_commit *c = (void *)(f.image + first);

	begin();
	must_append(40, REVISION, SEGMENT_APART);
	must_append(40, REVISION + 1, SEGMENT_APART);
	/* As the second one's records, at the start of a block. */
	start = segment_start(&f.segment, SEGMENT_APART);
	size = 2 * SEGMENT_BLOCK - sizeof(*c);
	must_append(size, REVISION + 2, SEGMENT_APART);
	ck_assert_int_eq(pwrite(f.segment.fd, f.image + 2 * SEGMENT_BLOCK,
			     SEGMENT_BLOCK, (off_t)(start + SEGMENT_BLOCK)),
	    (ssize_t)SEGMENT_BLOCK);
	/* The commit that has it is torn. */
	reopen();
	ck_assert_uint_eq(f.segment.revision, REVISION + 2);
	ck_assert(!segment_is_cut(&f.segment, f.image));
}

/* Errors */

/* Of a failed append nothing is left, and the next goes to its place. */
TEST(test_full_disk)
{
	size_t end;

	begin();
	must_append(100, REVISION, SEGMENT_APART);
	end = f.segment.end;
	limit_disk((off_t)f.segment.file_size);
	ck_assert_int_eq(append(2 << 20, REVISION, SEGMENT_APART), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_uint_eq(f.segment.end, end);
	ck_assert_uint_eq(f.segment.file_size, SEGMENT_SIZE_MIN);
	must_append(100, REVISION, SEGMENT_APART);
	unlimit_disk();
	reopen();
	ck_assert_uint_eq(f.segment.file_size, SEGMENT_SIZE_MIN);
	ck_assert_uint_eq(f.segment.revision, REVISION + 2);
}

static void
make_directory(void)
{
	ck_assert_int_eq(mkdirat(f.dirfd, "log.2", 0700), 0);
}

static void
make_link(void)
{
	ck_assert_int_eq(symlinkat("log.1", f.dirfd, "log.2"), 0);
}

static const struct {
	void (*make)(void);
	int error;
} no_file_table[] = {
	{ make_directory, EISDIR },
	{ make_link, ELOOP },
};

TEST(test_no_file)
{
	struct segment s;

	no_file_table[_i].make();
	ck_assert_int_eq(segment_open(&s, f.dirfd, "log.2", true), -1);
	ck_assert_int_eq(errno, no_file_table[_i].error);
	ck_assert_int_eq(s.fd, -1);
	ck_assert_int_eq(s.direct_fd, -1);
	segment_close(&s);
}

#define SEGMENT_CASE(name)                                                 \
	{                                                                  \
		.case_name = (name), .setup = setup, .teardown = teardown, \
		.setup_case = store_setup_case,                            \
		.teardown_case = store_teardown_case                       \
	}

static const struct test tests[] = {
	SEGMENT_CASE("appends"),
	ONCE(test_new),
	EACH(test_append, sizes),
	ONCE(test_start),
	ONCE(test_synced_append),
	ONCE(test_recycled),
	ONCE(test_erased),
	SEGMENT_CASE("damage"),
	ONCE(test_damaged_header),
	LOOP(test_damaged_commit, 3),
	ONCE(test_cut_commit),
	EACH(test_truncated, lengths),
	ONCE(test_lost_and_repeated),
	ONCE(test_commit_in_value),
	SEGMENT_CASE("errors"),
	ONCE(test_full_disk),
	EACH(test_no_file, no_file_table),
};

SUITE("segment", tests)
