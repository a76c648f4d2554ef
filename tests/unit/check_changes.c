/*
 * check_changes: these tests check what the store says of the changes after a
 * revision (store_changes_open()): each once, in order and with its commit,
 * whatever has been folded, until the log no longer reaches back.
 */

#include "unit.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/buf.h"
#include "store/segment.h"
#include "store_fixture.h"

/* What the changes should be, a line each, as far as a test has made any; and
 * where in it each commit begins. */
#define COMMITS_MAX 4000
static struct buf expected;
static struct {
	uint64_t revision; /* before the commit */
	size_t at;
} starts[COMMITS_MAX];
static size_t n_starts;
static uint64_t number; /* of the last change of the commit that is made */

static void
setup(void)
{
	store_setup();
	fx.log_size = SEGMENT_SIZE_MIN;
	buf_init(&expected);
	n_starts = number = 0;
	open_store();
}

static void
teardown(void)
{
	buf_clear(&expected);
	store_teardown();
}

__attribute__((format(printf, 2, 3))) static void
say(struct buf *b, const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	ck_assert_int_lt(vsnprintf(line, sizeof(line), format, ap),
	    (int)sizeof(line));
	va_end(ap);
	buf_append_text(b, line);
}

static void
say_change(struct buf *b, const struct store_change *c)
{
	static const char *const types[] = { [STORE_CHANGE_PUT] = "put",
		[STORE_CHANGE_DELETED] = "deleted",
		[STORE_CHANGE_DROPPED] = "dropped" };

	if (c->type == STORE_CHANGE_COMMIT)
		say(b, "commit\n");
	else
		say(b, "%llu %s %llu %.*s=%.*s\n",
		    (unsigned long long)c->number, types[c->type],
		    (unsigned long long)c->bucket, (int)c->key.size,
		    c->key.size == 0 ? "" : (const char *)c->key.data,
		    c->value.size > 40 ? 40 : (int)c->value.size,
		    c->value.size == 0 ? "" : (const char *)c->value.data);
}

static uint64_t
number_of(const char *bucket)
{
	uint64_t n;

	assert_ok(store_bucket_number(batch(), text(bucket), &n));
	return n;
}

/* The batch has made this change. */
static void
expect(enum store_change_type type, uint64_t bucket, const char *key,
    const char *value)
{
	struct store_change c = { .type = type,
		.number = ++number,
		.bucket = bucket,
		.key = text(key),
		.value = text(value) };

	say_change(&expected, &c);
}

/* Begins a commit. */
static void
begin(void)
{
	ck_assert_uint_lt(n_starts, COMMITS_MAX);
	starts[n_starts].revision = store_revision(batch()) - 1;
	starts[n_starts++].at = buf_size(&expected);
	number = 0;
}

static void
end(void)
{
	commit();
	say(&expected, "commit\n");
}

static void
put(const char *bucket, const char *key, const char *value, int64_t expiry_ms)
{
	assert_ok(store_put(batch(), text(bucket), text(key), text(value),
	    expiry_ms));
	expect(STORE_CHANGE_PUT, number_of(bucket), key, value);
}

static void delete (const char *bucket, const char *key)
{
	assert_ok(store_delete(batch(), text(bucket), text(key)));
	expect(STORE_CHANGE_DELETED, number_of(bucket), key, "");
}

static void
drop(const char *bucket)
{
	uint64_t n = number_of(bucket);

	assert_ok(store_drop(batch(), text(bucket)));
	expect(STORE_CHANGE_DROPPED, n, bucket, "");
}

static void
create(const char *bucket)
{
	assert_ok(store_create(batch(), text(bucket)));
}

static void
note_expired(void *arg, struct bytes bucket, struct bytes key)
{
	char name[16], k[16];

	(void)arg;
	snprintf(name, sizeof(name), "%.*s", (int)bucket.size,
	    (const char *)bucket.data);
	snprintf(k, sizeof(k), "%.*s", (int)key.size, (const char *)key.data);
	expect(STORE_CHANGE_DELETED, number_of(name), k, "");
}

static enum store_result
read_changes(uint64_t revision, struct buf *got)
{
	struct store_changes *changes;
	enum store_result result;
	struct store_change c;
	uint64_t last = revision;

	changes = store_changes_open(fx.store);
	ck_assert_ptr_nonnull(changes);
	store_changes_seek(changes, revision);
	while ((result = store_changes_next(changes, &c)) == STORE_OK) {
		ck_assert_uint_eq(c.revision, last + 1);
		if (c.type == STORE_CHANGE_COMMIT)
			last++;
		say_change(got, &c);
	}
	store_changes_close(changes);
	return result;
}

/* The changes after each revision that the log reaches are as expected. */
static void
check_all(void)
{
	uint64_t reach = store_reach(fx.store);
	struct buf got;
	size_t i;

	for (i = 0; i < n_starts; i++) {
		buf_init(&got);
		if (starts[i].revision < reach) {
			ck_assert_int_eq(read_changes(starts[i].revision, &got),
			    STORE_LOST);
			ck_assert_uint_eq(buf_size(&got), 0);
		} else {
			ck_assert_int_eq(read_changes(starts[i].revision, &got),
			    STORE_ABSENT);
			unit_assert_bytes(buf_bytes(&got),
			    ((struct bytes){ buf_data(&expected) + starts[i].at,
				buf_size(&expected) - starts[i].at }));
		}
		buf_clear(&got);
	}
	buf_init(&got);
	ck_assert_int_eq(read_changes(store_revision(snapshot()), &got),
	    STORE_ABSENT);
	ck_assert_uint_eq(buf_size(&got), 0);
	store_release(fx.store);
}

static void
reopen(void)
{
	close_store();
	open_store();
}

TEST(test_empty)
{
	check_all();
	ck_assert_uint_eq(store_reach(fx.store), store_revision(snapshot()));
}

/* Commits of each kind, among them what is no change. */
static void
make_commits(void)
{
	bool more;

	begin();
	create("b");
	create("c");
	end();
	begin();
	put("b", "x", "1", 0);
	put("c", "x", "", 0);
	put("b", "x", "2", 5000);
	end();
	begin();
	assert_ok(store_set_expiry(batch(), text("b"), text("x"), 9000));
	assert_ok(store_set_expiry(batch(), text("b"), text("x"), 0));
	end();
	begin();
	put("b", "x", "2", 0);
	delete ("c", "x");
	put("c", "y", "3", 1000);
	end();
	begin();
	store_set_now(fx.store, 2000);
	assert_ok(store_expire(batch(), 10, note_expired, NULL, &more));
	end();
	begin();
	assert_ok(store_put_outcome(batch(), 7, text("outcome")));
	end();
	begin();
	put("c", "z", "4", 0);
	drop("c");
	create("c");
	put("c", "z", "5", 0);
	drop("b");
	end();
	begin();
	create("b");
	put("b", "x", "6", 0);
	end();
}

TEST(test_kinds)
{
	make_commits();
	check_all();
	reopen();
	check_all();
}

TEST(test_fold)
{
	bool more;

	make_commits();
	/* The sealed segment, a part of it folded, and all of it. */
	assert_ok(store_checkpoint(fx.store));
	check_all();
	ck_assert_uint_eq(store_reach(fx.store), starts[0].revision);
	reopen();
	check_all();
	begin();
	put("b", "k", "v", 0);
	end();
	check_all();
	reopen();
	check_all();
	assert_ok(store_purge(fx.store, 100, &more));
	check_all();
}

/* What a batch takes back is no change. */
TEST(test_undo)
{
	begin();
	create("b");
	put("b", "x", "1", 0);
	store_save(fx.store);
	assert_ok(store_put(batch(), text("b"), text("y"), text("2"), 0));
	assert_ok(store_drop(batch(), text("b")));
	store_undo(fx.store);
	put("b", "z", "3", 0);
	end();
	assert_ok(store_put(batch(), text("b"), text("y"), text("2"), 0));
	store_abort(fx.store);
	check_all();
	/* What is not yet committed is no change either. */
	assert_ok(store_put(batch(), text("b"), text("y"), text("2"), 0));
	check_all();
	store_abort(fx.store);
	reopen();
	check_all();
}

/* A reader goes on when more is committed, and is told when it was overtaken. */
TEST(test_follow)
{
	struct store_changes *changes;
	struct store_change c;

	changes = store_changes_open(fx.store);
	ck_assert_ptr_nonnull(changes);
	begin();
	create("b");
	put("b", "x", "1", 0);
	end();
	assert_ok(store_changes_next(changes, &c));
	ck_assert_int_eq(c.type, STORE_CHANGE_PUT);
	/* In the middle of a commit whose segment is sealed and folded. */
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_changes_next(changes, &c));
	ck_assert_int_eq(c.type, STORE_CHANGE_COMMIT);
	ck_assert_int_eq(store_changes_next(changes, &c), STORE_ABSENT);
	begin();
	put("b", "x", "2", 0);
	end();
	assert_ok(store_changes_next(changes, &c));
	unit_assert_bytes(c.value, text("2"));
	assert_ok(store_changes_next(changes, &c));
	ck_assert_int_eq(store_changes_next(changes, &c), STORE_ABSENT);
	begin();
	put("b", "x", "3", 0);
	end();
	assert_ok(store_checkpoint(fx.store));
	begin();
	put("b", "x", "4", 0);
	end();
	/* It needs the segment that is folded. */
	assert_ok(store_changes_next(changes, &c));
	unit_assert_bytes(c.value, text("3"));
	assert_ok(store_checkpoint(fx.store));
	assert_ok(store_changes_next(changes, &c));
	ck_assert_int_eq(c.type, STORE_CHANGE_COMMIT);
	assert_ok(store_changes_next(changes, &c));
	unit_assert_bytes(c.value, text("4"));
	begin();
	put("b", "x", "5", 0);
	end();
	assert_ok(store_changes_next(changes, &c));
	assert_ok(store_checkpoint(fx.store));
	begin();
	put("b", "x", "6", 0);
	end();
	assert_ok(store_checkpoint(fx.store));
	ck_assert_int_eq(store_changes_next(changes, &c), STORE_LOST);
	store_changes_seek(changes, store_reach(fx.store));
	assert_ok(store_changes_next(changes, &c));
	unit_assert_bytes(c.value, text("6"));
	store_changes_close(changes);
	check_all();
}

/* Numbers are not used again. */
TEST(test_bucket_number)
{
	uint64_t first, n;

	ck_assert_int_eq(store_bucket_number(snapshot(), text("b"), &n),
	    STORE_NO_BUCKET);
	create("b");
	first = number_of("b");
	assert_ok(store_drop(batch(), text("b")));
	create("b");
	ck_assert_uint_ne(number_of("b"), first);
	commit();
	n = number_of("b");
	reopen();
	ck_assert_uint_eq(number_of("b"), n);
}

static void
change_at_random(uint64_t *seed)
{
	static const char *const keys[] = { "x", "y", "z" };
	const char *key = keys[unit_random(seed) % 3];
	char value[600];
	enum store_result result;
	uint64_t n;

	memset(value, 'a' + (int)(unit_random(seed) % 26), sizeof(value));
	value[unit_random(seed) % (sizeof(value) - 1)] = '\0';
	value[sizeof(value) - 1] = '\0';
	switch (unit_random(seed) % 8) {
	case 0:
		n = number_of("b");
		result = store_delete(batch(), text("b"), text(key));
		if (result == STORE_OK)
			expect(STORE_CHANGE_DELETED, n, key, "");
		break;
	case 1:
		result = store_set_expiry(batch(), text("b"), text(key),
		    1 + unit_random(seed) % 1000);
		ck_assert(result == STORE_OK || result == STORE_ABSENT);
		break;
	case 2:
		drop("b");
		create("b");
		break;
	default:
		put("b", key, value, unit_random(seed) % 2);
	}
}

static void
disturb(uint64_t *seed)
{
	bool more;

	switch (unit_random(seed) % 40) {
	case 0:
		assert_ok(store_checkpoint(fx.store));
		break;
	case 1:
		reopen();
		break;
	case 2:
		store_release(fx.store);
		assert_ok(store_fold(fx.store, 5, &more));
		break;
	case 3:
		store_release(fx.store);
		assert_ok(store_purge(fx.store, 5, &more));
		break;
	default:
		return;
	}
	check_all();
}

static const uint64_t seeds[] = { 1, 2, 3, 4 };

TEST(test_random)
{
	uint64_t seed = seeds[_i];
	unsigned int i, n;

	begin();
	create("b");
	end();
	for (i = 0; i < 400; i++) {
		begin();
		create("b");
		/* A commit without a record is none. */
		assert_ok(store_put_outcome(batch(), 1, text("o")));
		for (n = unit_random(&seed) % 8; n > 0; n--)
			change_at_random(&seed);
		end();
		disturb(&seed);
	}
	check_all();
}

static const struct test tests[] = {
	{ .case_name = "changes",
	    .setup = setup,
	    .teardown = teardown,
	    .setup_case = store_setup_case,
	    .teardown_case = store_teardown_case },
	ONCE(test_empty),
	ONCE(test_kinds),
	ONCE(test_fold),
	ONCE(test_undo),
	ONCE(test_follow),
	ONCE(test_bucket_number),
	EACH(test_random, seeds),
};

SUITE("changes", tests)
