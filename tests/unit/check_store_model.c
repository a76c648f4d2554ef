/*
 * check_store_model: these tests make random operations on the store and on a
 * simple model of it, which must always agree: across commits, aborts,
 * savepoints, pins, growth and reopening, with a clock that sometimes goes
 * back.
 */

#include "unit.h"

#include <stdio.h>

#include "store_fixture.h"

#define BUCKETS 4
#define KEYS 7
#define PINS 3
#define STEPS 6000

/* The names are in byte order, and some are prefixes of others. */
static const struct bytes bucket_names[BUCKETS] = { B("a"), B("a\0"), B("ab"),
	B("\xff") };
static const struct bytes key_names[KEYS] = { B("\0"), B("k"), B("k\0x"),
	B("kk"), B("l"), B("\xfe"), B("\xff\xff\xff") };

struct model_entry {
	bool there; /* The entry is not removed yet, but it may have expired. */
	uint32_t value;
	int64_t expiry_ms;
};

struct model {
	bool there[BUCKETS];
	struct model_entry entries[BUCKETS][KEYS];
};

static struct {
	struct model committed, batch, saved;
	bool dirty; /* A batch is open. */
	bool saving;
	int64_t now_ms;
	uint64_t random;
	struct {
		struct store_view *view;
		struct model model;
	} pins[PINS];
} m;

static uint32_t
below(uint32_t n)
{
	return unit_random(&m.random) % n;
}

/* The bytes of a value are computed from its number. */
static struct bytes
value_of(uint32_t number)
{
	static const size_t sizes[] = { 0, 1, 20, 300, 2500, 9000 };
	static uint8_t bytes[9000];
	size_t size = sizes[number % COUNT(sizes)];

	memset(bytes, (int)(number >> 8), sizeof(bytes));
	memcpy(bytes, &number, sizeof(number));
	return (struct bytes){ bytes, size };
}

static bool
is_live(const struct model_entry *e)
{
	return e->there && (e->expiry_ms == 0 || e->expiry_ms > m.now_ms);
}

static int
find_name(const struct bytes *names, int n, struct bytes name)
{
	int i;

	for (i = 0; i < n; i++)
		if (bytes_equal(names[i], name))
			return i;
	ck_abort_msg("a name that nobody gave");
	return -1;
}

static void
check_get(struct store_view *v, const struct model *model, int b, int k)
{
	const struct model_entry *want = &model->entries[b][k];
	enum store_result result;
	struct store_entry got;

	result = store_get(v, bucket_names[b], key_names[k], &got);
	if (!model->there[b])
		ck_assert_int_eq(result, STORE_NO_BUCKET);
	else if (!is_live(want))
		ck_assert_int_eq(result, STORE_ABSENT);
	else {
		assert_ok(result);
		ck_assert_int_eq(got.expiry_ms, want->expiry_ms);
		unit_assert_bytes(got.value, value_of(want->value));
	}
}

struct scan {
	const struct model *model;
	int bucket;
	int at; /* This is the next entry to be visited. */
	int left;
	bool values;
};

static bool
visit(void *arg, const struct store_entry *e)
{
	struct scan *scan = arg;
	const struct model_entry *want;

	while (scan->at < KEYS &&
	    !is_live(&scan->model->entries[scan->bucket][scan->at]))
		scan->at++;
	ck_assert_int_lt(scan->at, KEYS);
	want = &scan->model->entries[scan->bucket][scan->at];
	unit_assert_bytes(e->key, key_names[scan->at]);
	ck_assert_int_eq(e->expiry_ms, want->expiry_ms);
	if (scan->values)
		unit_assert_bytes(e->value, value_of(want->value));
	scan->at++;
	return --scan->left > 0;
}

static void
check_scan(struct store_view *v, const struct model *model, int b)
{
	int after = (int)below(KEYS + 1) - 1;
	struct scan scan = { model, b, after + 1, 1 + (int)below(KEYS),
		below(2) == 0 };
	struct bytes none = { NULL, 0 };
	enum store_result result;

	result =
	    (scan.values ? store_scan : store_scan_keys)(v, bucket_names[b],
		none, after < 0 ? none : key_names[after], visit, &scan);
	if (!model->there[b]) {
		ck_assert_int_eq(result, STORE_NO_BUCKET);
		return;
	}
	assert_ok(result);
	while (scan.left > 0 && scan.at < KEYS)
		ck_assert(!is_live(&model->entries[b][scan.at++]));
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct scan *scan = arg;

	while (scan->at < BUCKETS && !scan->model->there[scan->at])
		scan->at++;
	ck_assert_int_lt(scan->at, BUCKETS);
	unit_assert_bytes(name, bucket_names[scan->at]);
	scan->at++;
	return true;
}

static void
check_buckets(struct store_view *v, const struct model *model)
{
	struct scan scan = { .model = model };
	struct bytes none = { NULL, 0 };

	assert_ok(store_scan_buckets(v, none, none, visit_bucket, &scan));
	while (scan.at < BUCKETS)
		ck_assert(!model->there[scan.at++]);
}

static void
check_count(struct store_view *v, const struct model *model, int b)
{
	uint64_t count = 0, want = 0;
	enum store_result result;
	int k;

	result = store_count(v, bucket_names[b], &count);
	if (!model->there[b]) {
		ck_assert_int_eq(result, STORE_NO_BUCKET);
		return;
	}
	assert_ok(result);
	for (k = 0; k < KEYS; k++)
		want += is_live(&model->entries[b][k]);
	ck_assert_uint_eq(count, want);
}

static void
check_some(struct store_view *v, const struct model *model)
{
	int b = (int)below(BUCKETS);

	check_get(v, model, b, (int)below(KEYS));
	check_count(v, model, (int)below(BUCKETS));
	check_scan(v, model, (int)below(BUCKETS));
	check_buckets(v, model);
}

static void
check_all(struct store_view *v, const struct model *model)
{
	struct store_stats st;
	uint64_t buckets = 0;
	int b, k;

	for (b = 0; b < BUCKETS; b++) {
		buckets += model->there[b];
		check_count(v, model, b);
		check_scan(v, model, b);
		for (k = 0; k < KEYS; k++)
			check_get(v, model, b, k);
	}
	assert_ok(store_stats(v, &st));
	ck_assert_uint_eq(st.buckets, buckets);
}

/* The statistics are right when everything is folded and purged. */
static void
check_stats(void)
{
	uint64_t keys = 0, expiring = 0;
	const struct model_entry *e;
	struct store_stats st;
	bool more = true;
	int b, k;

	while (more)
		assert_ok(store_purge(fx.store, 100, &more));
	for (b = 0; b < BUCKETS; b++)
		for (k = 0; k < KEYS; k++) {
			e = &m.committed.entries[b][k];
			keys += e->there;
			expiring += e->there && e->expiry_ms != 0;
		}
	assert_ok(store_stats(snapshot(), &st));
	store_release(fx.store);
	ck_assert_uint_eq(st.keys, keys);
	ck_assert_uint_eq(st.expiring, expiring);
	ck_assert_uint_eq(st.dropped_buckets + st.dropped, 0);
}

static void
lose_batch(void)
{
	m.batch = m.committed;
	m.dirty = m.saving = false;
}

/* This checks the result of a write.  It returns false if there was no room and
 * the batch was aborted. */
static bool
has_room(enum store_result result)
{
	if (result != STORE_FULL && result != STORE_TOO_LARGE)
		return true;
	store_abort(fx.store);
	if (result == STORE_FULL)
		assert_ok(store_grow(fx.store));
	lose_batch();
	return false;
}

static struct store_view *
view(void)
{
	m.dirty = true;
	return batch();
}

static int64_t
some_expiry(void)
{
	return below(2) ? 0 : m.now_ms - 20 + (int64_t)below(100);
}

static void
step_put(int b, int k)
{
	struct model_entry e = { true, unit_random(&m.random), some_expiry() };
	enum store_result result;

	result = store_put(view(), bucket_names[b], key_names[k],
	    value_of(e.value), e.expiry_ms);
	if (!has_room(result))
		return;
	ck_assert_int_eq(result, m.batch.there[b] ? STORE_OK : STORE_NO_BUCKET);
	if (m.batch.there[b])
		m.batch.entries[b][k] = e;
}

static void
step_delete(int b, int k)
{
	enum store_result result;

	result = store_delete(view(), bucket_names[b], key_names[k]);
	if (!has_room(result))
		return;
	ck_assert_int_eq(result,
	    !m.batch.there[b]		    ? STORE_NO_BUCKET :
		m.batch.entries[b][k].there ? STORE_OK :
					      STORE_ABSENT);
	m.batch.entries[b][k].there = false;
}

/* The first key of those with this prefix, or -1. */
static int
first_of(int b, struct bytes prefix)
{
	int k;

	for (k = 0; k < KEYS; k++)
		if (is_live(&m.batch.entries[b][k]) &&
		    bytes_begin_with(key_names[k], prefix))
			return k;
	return -1;
}

/* Finds the first key, as POP does, and removes it or not. */
static void
step_first(int b)
{
	static const struct bytes prefixes[] = { B(""), B("k"), B("\xff") };
	struct bytes prefix = prefixes[below(COUNT(prefixes))], key;
	int want = first_of(b, prefix);
	enum store_result result;

	do
		result = store_first(view(), bucket_names[b], prefix,
		    &(size_t){ 1 + below(4) }, &key);
	while (result == STORE_AGAIN);
	if (!m.batch.there[b]) {
		ck_assert_int_eq(result, STORE_NO_BUCKET);
		return;
	}
	ck_assert_int_eq(result, want == -1 ? STORE_ABSENT : STORE_OK);
	if (want == -1)
		return;
	unit_assert_bytes(key, key_names[want]);
	if (below(2) == 0)
		step_delete(b, want);
}

static void
step_set_expiry(int b, int k)
{
	struct model_entry *e = &m.batch.entries[b][k];
	int64_t expiry_ms = some_expiry();
	enum store_result result;

	result =
	    store_set_expiry(view(), bucket_names[b], key_names[k], expiry_ms);
	if (!has_room(result))
		return;
	ck_assert_int_eq(result,
	    !m.batch.there[b] ? STORE_NO_BUCKET :
		is_live(e)    ? STORE_OK :
				STORE_ABSENT);
	if (result == STORE_OK)
		e->expiry_ms = expiry_ms;
}

static void
step_create(int b)
{
	enum store_result result = store_create(view(), bucket_names[b]);

	if (!has_room(result))
		return;
	assert_ok(result);
	m.batch.there[b] = true;
}

static void
step_drop(int b)
{
	enum store_result result = store_drop(view(), bucket_names[b]);

	if (!has_room(result))
		return;
	ck_assert_int_eq(result, m.batch.there[b] ? STORE_OK : STORE_NO_BUCKET);
	m.batch.there[b] = false;
	memset(m.batch.entries[b], 0, sizeof(m.batch.entries[b]));
}

static void
removed(void *arg, struct bytes bucket, struct bytes key)
{
	int b = find_name(bucket_names, BUCKETS, bucket);
	int k = find_name(key_names, KEYS, key);
	struct model_entry *e = &m.batch.entries[b][k];
	int64_t *last_ms = arg;

	ck_assert(m.batch.there[b] && e->there && !is_live(e));
	ck_assert_int_ge(e->expiry_ms, *last_ms);
	*last_ms = e->expiry_ms;
	e->there = false;
}

static void
step_expire(void)
{
	int64_t last_ms = INT64_MIN, next_ms;
	enum store_result result;
	struct model before = m.batch;
	bool more = false;
	int b, k;

	result = store_expire(view(), below(6), removed, &last_ms, &more);
	if (result == STORE_FULL)
		m.batch = before;
	if (!has_room(result))
		return;
	assert_ok(result);
	for (b = 0; b < BUCKETS && !more; b++)
		for (k = 0; k < KEYS; k++)
			ck_assert(!m.batch.entries[b][k].there ||
			    is_live(&m.batch.entries[b][k]));
	result = store_next_expiry(view(), &next_ms);
	ck_assert_int_eq(more, result == STORE_OK && next_ms <= m.now_ms);
}

static void
step_purge(void)
{
	enum store_result result;
	bool more;

	if (m.dirty)
		return;
	result = store_purge(fx.store, below(6), &more);
	if (has_room(result))
		assert_ok(result);
}

static void
step_fold(void)
{
	enum store_result result;
	uint64_t generation;
	bool more;

	if (m.dirty)
		return;
	if (below(8) == 0)
		result = store_checkpoint(fx.store);
	else if (below(4) == 0)
		result = store_request_checkpoint(fx.store, &generation);
	else
		result = store_fold(fx.store, 1 + below(6), &more);
	if (has_room(result))
		assert_ok(result);
}

static void
settle(int b)
{
	size_t max = below(5), left = max;
	enum store_result result;
	bool settled;

	result = store_settle(snapshot(), bucket_names[b], &left, &settled);
	ck_assert_int_eq(result,
	    m.committed.there[b] ? STORE_OK : STORE_NO_BUCKET);
	ck_assert_uint_le(left, max);
	if (m.dirty)
		ck_assert_uint_eq(left, max);
	else if (result == STORE_OK && !settled)
		ck_assert_uint_eq(left, 0);
}

/* Entries are counted bit by bit, between batches, while folds go on. */
static void
step_settle(int b)
{
	do {
		settle(b);
		if (below(2) == 0)
			step_fold();
	} while (below(4) != 0);
}

static void
step_commit(void)
{
	enum store_result result;

	if (!m.dirty || !has_room(result = store_commit(fx.store)))
		return;
	assert_ok(result);
	store_release(fx.store);
	m.committed = m.batch;
	lose_batch();
}

static void
step_savepoint(void)
{
	(void)view();
	if (!m.saving) {
		store_save(fx.store);
		m.saved = m.batch;
		m.saving = true;
		return;
	}
	if (below(2) == 0)
		store_keep(fx.store);
	else {
		store_undo(fx.store);
		m.batch = m.saved;
	}
	m.saving = false;
}

static void
step_pin(void)
{
	int i = (int)below(PINS);

	if (m.pins[i].view != NULL) {
		if (!store_pin_is_lost(m.pins[i].view))
			check_all(m.pins[i].view, &m.pins[i].model);
		store_unpin(m.pins[i].view);
		m.pins[i].view = NULL;
		return;
	}
	assert_ok(store_pin(fx.store, &m.pins[i].view));
	m.pins[i].model = m.committed;
}

static void
step_reopen(void)
{
	bool folded = below(2) == 0;
	int i;

	for (i = 0; i < PINS; i++)
		m.pins[i].view = NULL;
	lose_batch();
	if (folded)
		close_store();
	open_store();
	store_set_now(fx.store, m.now_ms);
	check_all(snapshot(), &m.committed);
	store_release(fx.store);
	if (folded)
		check_stats();
}

/* Nothing comes of it, whatever is asked for. */
static void
step_fetch(void)
{
	struct store_coming coming[STORE_FETCH_MAX];
	size_t n = below(STORE_FETCH_MAX + 1), i;

	for (i = 0; i < n; i++)
		coming[i] = (struct store_coming){ bucket_names[below(BUCKETS)],
			key_names[below(KEYS)], below(2) == 0 };
	store_fetch(fx.store, coming, n);
}

/* These operations happen less often. */
static void
step_rarely(void)
{
	switch (below(9)) {
	case 0:
		store_abort(fx.store);
		lose_batch();
		break;
	case 1:
		step_reopen();
		break;
	case 2:
		lose_batch();
		use_reserve(below(2));
		break;
	case 3:
		m.now_ms -= (int64_t)below(60);
		store_set_now(fx.store, m.now_ms);
		break;
	case 4:
		step_fetch();
		break;
	default:
		step_pin();
	}
}

static void
step(void)
{
	int b = (int)below(BUCKETS), k = (int)below(KEYS);

	switch (below(24)) {
	case 0:
		step_create(b);
		break;
	case 1:
		if (below(3) == 0)
			step_drop(b);
		break;
	case 2:
	case 3:
		step_delete(b, k);
		break;
	case 4:
	case 5:
		step_set_expiry(b, k);
		break;
	case 6:
		step_expire();
		break;
	case 7:
		step_purge();
		break;
	case 8:
		m.now_ms += (int64_t)below(20);
		store_set_now(fx.store, m.now_ms);
		break;
	case 9:
		step_commit();
		break;
	case 10:
		step_savepoint();
		break;
	case 11:
		step_rarely();
		break;
	case 12:
	case 13:
		step_fold();
		break;
	case 14:
	case 15:
		step_settle(b);
		break;
	case 16:
	case 17:
		step_first(b);
		break;
	default:
		step_put(b, k);
	}
}

TEST(test_model)
{
	int i, p;

	memset(&m, 0, sizeof(m));
	m.random = 1 + (uint64_t)_i * 7919;
	m.now_ms = 1000;
	fx.log_size = (size_t)1 << 20;
	open_store();
	store_set_now(fx.store, m.now_ms);
	for (i = 0; i < STEPS; i++) {
		step();
		if (m.dirty)
			check_some(view(), &m.batch);
		check_some(snapshot(), &m.committed);
		for (p = 0; p < PINS; p++)
			if (m.pins[p].view != NULL &&
			    !store_pin_is_lost(m.pins[p].view))
				check_some(m.pins[p].view, &m.pins[p].model);
	}
	step_commit();
	step_reopen();
}

static const struct test tests[] = {
	STORE_CASE("store_model"),
	LOOP(test_model, 12),
};

SUITE("store_model", tests)
