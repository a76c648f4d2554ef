/*
 * work: random writes to a store, and a model of it.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "powercut/record.h"
#include "powercut/work.h"

#define VALUE_MAX 40000
#define EXPIRED_MS (INT64_C(1) << 60) /* later than any expiry */

const char *const work_sync_names[WORK_SYNCS] = { "always", "interval", "never",
	"mixed" };

static const int sync_ms[] = { [WORK_ALWAYS] = STORE_SYNC_ALWAYS,
	[WORK_INTERVAL] = 50,
	[WORK_NEVER] = STORE_SYNC_NEVER };

static void
must(struct work *w, enum store_result result, const char *what)
{
	if (result != STORE_OK)
		errx(EX_SOFTWARE, "%s: result %d: %s", what, (int)result,
		    store_error(w->store));
}

static struct bytes
bucket_name(int b)
{
	static const char *const names[WORK_BUCKETS] = { "a", "ab", "b" };

	return bytes_from_text(names[b]);
}

static struct bytes
key_name(int k)
{
	static char name[16];

	(void)snprintf(name, sizeof(name), "key%03d", k);
	return bytes_from_text(name);
}

/* The bytes of a value are told by its number, and no two sectors of it are
 * alike. */
static struct bytes
value_of(uint32_t number)
{
	static const size_t sizes[] = { 0, 1, 20, 20, 300, 300, 2500, 9000 };
	static uint32_t words[VALUE_MAX / sizeof(uint32_t)];
	size_t size = sizes[number % 8], i;

	if (number % 64 == 7)
		size = VALUE_MAX;
	for (i = 0; i < (size + 3) / sizeof(uint32_t); i++)
		words[i] = number ^ (uint32_t)i * UINT32_C(0x9e3779b1);
	return (struct bytes){ words, size };
}

static bool
is_live(const struct work *w, const struct work_entry *e)
{
	return e->there && (e->expiry_ms == 0 || e->expiry_ms > w->now_ms);
}

static struct store_view *
view(struct work *w)
{
	enum store_result result;
	struct store_view *v;
	bool more;

	record_phase(PHASE_BEGIN);
	while ((result = store_batch(w->store, &v)) == STORE_BEHIND)
		must(w, store_fold(w->store, 100, &more), "fold");
	must(w, result, "begin");
	return v;
}

uint64_t
work_revision(struct work *w)
{
	struct store_view *v;
	uint64_t revision;

	must(w, store_snapshot(w->store, &v), "snapshot");
	revision = store_revision(v);
	store_release(w->store);
	return revision;
}

static void
promise(struct work *w)
{
	record_mark(TRACE_PROMISE, work_revision(w), NULL, 0);
}

/* A write's result.  False: there was no room, and the batch is gone. */
static bool
has_room(struct work *w, enum store_result result)
{
	if (result == STORE_TOO_LARGE && w->saving) {
		store_undo(w->store);
		w->batch = w->saved;
		w->saving = false;
		return false;
	}
	if (result != STORE_FULL && result != STORE_TOO_LARGE)
		return true;
	store_abort(w->store);
	record_phase(PHASE_FOLD);
	if (result == STORE_FULL)
		must(w, store_grow(w->store), "grow");
	w->batch = w->committed;
	w->saving = false;
	return false;
}

static void
expect(struct work *w, enum store_result got, enum store_result want,
    const char *what)
{
	if (got != want)
		errx(EX_SOFTWARE, "%s: result %d instead of %d: %s", what,
		    (int)got, (int)want, store_error(w->store));
}

static int64_t
some_expiry(struct work *w)
{
	return dice_hit(&w->dice, 2) ?
	    0 :
	    w->now_ms - 20 + (int64_t)dice_below(&w->dice, 200);
}

static void
put(struct work *w, int b, int k)
{
	struct work_entry e = { 1, dice_below(&w->dice, UINT32_MAX),
		some_expiry(w) };
	enum store_result result;

	result = store_put(view(w), bucket_name(b), key_name(k),
	    value_of(e.value), e.expiry_ms);
	if (!has_room(w, result))
		return;
	expect(w, result, w->batch.buckets[b] ? STORE_OK : STORE_NO_BUCKET,
	    "put");
	if (result == STORE_OK)
		w->batch.entries[b][k] = e;
}

static void delete (struct work *w, int b, int k)
{
	struct work_entry *e = &w->batch.entries[b][k];
	enum store_result result;

	result = store_delete(view(w), bucket_name(b), key_name(k));
	if (!has_room(w, result))
		return;
	expect(w, result,
	    !w->batch.buckets[b] ? STORE_NO_BUCKET :
		e->there	 ? STORE_OK :
				   STORE_ABSENT,
	    "delete");
	memset(e, 0, sizeof(*e));
}

static void
set_expiry(struct work *w, int b, int k)
{
	struct work_entry *e = &w->batch.entries[b][k];
	int64_t expiry_ms = some_expiry(w);
	enum store_result result;

	result =
	    store_set_expiry(view(w), bucket_name(b), key_name(k), expiry_ms);
	if (!has_room(w, result))
		return;
	expect(w, result,
	    !w->batch.buckets[b] ? STORE_NO_BUCKET :
		is_live(w, e)	 ? STORE_OK :
				   STORE_ABSENT,
	    "set expiry");
	if (result == STORE_OK)
		e->expiry_ms = expiry_ms;
}

static void
create(struct work *w, int b)
{
	enum store_result result = store_create(view(w), bucket_name(b));

	if (!has_room(w, result))
		return;
	must(w, result, "create");
	w->batch.buckets[b] = 1;
}

static void
drop(struct work *w, int b)
{
	enum store_result result = store_drop(view(w), bucket_name(b));

	if (!has_room(w, result))
		return;
	expect(w, result, w->batch.buckets[b] ? STORE_OK : STORE_NO_BUCKET,
	    "drop");
	w->batch.buckets[b] = 0;
	memset(w->batch.entries[b], 0, sizeof(w->batch.entries[b]));
}

static void
removed(void *arg, struct bytes bucket, struct bytes key)
{
	struct work *w = arg;
	struct work_entry *e;
	int b, k;

	for (b = 0; b < WORK_BUCKETS; b++)
		if (bytes_equal(bucket, bucket_name(b)))
			break;
	for (k = 0; k < WORK_KEYS; k++)
		if (bytes_equal(key, key_name(k)))
			break;
	if (b == WORK_BUCKETS || k == WORK_KEYS)
		errx(EX_SOFTWARE, "a key expires that nobody put");
	e = &w->batch.entries[b][k];
	if (!e->there || is_live(w, e))
		errx(EX_SOFTWARE, "a key expires that must not");
	memset(e, 0, sizeof(*e));
}

static bool
expire(struct work *w)
{
	struct work_state before = w->batch;
	enum store_result result;
	bool more;

	result = store_expire(view(w), 1 + dice_below(&w->dice, 20), removed, w,
	    &more);
	if (result == STORE_FULL || result == STORE_TOO_LARGE)
		w->batch = before;
	if (!has_room(w, result))
		return true;
	must(w, result, "expire");
	return more;
}

static void
put_outcome(struct work *w)
{
	uint32_t i = dice_below(&w->dice, WORK_SESSIONS);
	uint32_t n = dice_below(&w->dice, 1000);
	enum store_result result;

	if (n == 0)
		result = store_delete_outcome(view(w), i);
	else
		result = store_put_outcome(view(w), i,
		    (struct bytes){ &n, sizeof(n) });
	if (!has_room(w, result) || (n == 0 && result == STORE_ABSENT))
		return;
	must(w, result, "outcome");
	w->batch.outcomes[i] = n;
}

static void
savepoint(struct work *w)
{
	(void)view(w);
	if (!w->saving) {
		store_save(w->store);
		w->saved = w->batch;
		w->saving = true;
		return;
	}
	if (dice_hit(&w->dice, 2))
		store_keep(w->store);
	else {
		store_undo(w->store);
		w->batch = w->saved;
	}
	w->saving = false;
}

static void
change(struct work *w)
{
	int b = (int)dice_below(&w->dice, WORK_BUCKETS);
	int k = (int)dice_below(&w->dice, WORK_KEYS);

	switch (dice_below(&w->dice, 40)) {
	case 0:
	case 1:
	case 2:
		create(w, b);
		break;
	case 3:
		if (dice_hit(&w->dice, 3))
			drop(w, b);
		break;
	case 4:
	case 5:
	case 6:
		delete (w, b, k);
		break;
	case 7:
	case 8:
		set_expiry(w, b, k);
		break;
	case 9:
		(void)expire(w);
		break;
	case 10:
		savepoint(w);
		break;
	case 11:
		put_outcome(w);
		break;
	default:
		put(w, b, k);
	}
}

static void
commit(struct work *w)
{
	struct store_view *v = view(w);

	record_mark(TRACE_STATE, store_revision(v), &w->batch,
	    sizeof(w->batch));
	record_phase(PHASE_COMMIT);
	if (!has_room(w, store_commit(w->store)))
		return;
	store_release(w->store);
	w->committed = w->batch;
	w->saving = false;
	if (w->sync_ms == STORE_SYNC_ALWAYS)
		promise(w);
}

static void
batch(struct work *w)
{
	uint32_t n = 1 + dice_below(&w->dice, dice_hit(&w->dice, 16) ? 60 : 5);

	w->now_ms += dice_below(&w->dice, 10);
	store_set_now(w->store, w->now_ms);
	while (n-- > 0)
		change(w);
	if (!dice_hit(&w->dice, 20)) {
		commit(w);
		return;
	}
	store_abort(w->store);
	w->batch = w->committed;
	w->saving = false;
}

static void
fold(struct work *w)
{
	uint32_t max = 1 + dice_below(&w->dice, 60);
	bool more;

	record_phase(PHASE_FOLD);
	if (dice_hit(&w->dice, 4))
		must(w, store_purge(w->store, max, &more), "purge");
	else if (store_sealed(w->store) != 0)
		must(w, store_fold(w->store, max, &more), "fold");
}

static void
sync_now(struct work *w)
{
	record_phase(PHASE_SYNC);
	must(w, store_sync(w->store), "sync");
	promise(w);
}

static void
set_sync(struct work *w, enum work_sync sync)
{
	w->sync_ms = sync_ms[sync];
	record_phase(PHASE_SYNC);
	must(w, store_set_sync(w->store, w->sync_ms), "set sync");
	if (sync != WORK_NEVER)
		promise(w);
}

static void
settle(struct work *w)
{
	size_t max = 1 + dice_below(&w->dice, 20);
	int b = (int)dice_below(&w->dice, WORK_BUCKETS);
	struct store_view *v;
	bool settled;

	must(w, store_snapshot(w->store, &v), "snapshot");
	expect(w, store_settle(v, bucket_name(b), &max, &settled),
	    w->committed.buckets[b] ? STORE_OK : STORE_NO_BUCKET, "settle");
	store_release(w->store);
}

/* What happens besides commits. */
static void
upkeep(struct work *w)
{
	if (dice_hit(&w->dice, 3))
		fold(w);
	if (dice_hit(&w->dice, 6))
		settle(w);
	if (w->sync_ms > 0 && dice_hit(&w->dice, 12))
		sync_now(w);
	if (dice_hit(&w->dice, 250))
		work_checkpoint(w);
	if (w->sync == WORK_MIXED && dice_hit(&w->dice, 12))
		set_sync(w, (enum work_sync)dice_below(&w->dice, WORK_MIXED));
}

void
work_step(struct work *w)
{
	batch(w);
	upkeep(w);
}

void
work_checkpoint(struct work *w)
{
	record_phase(PHASE_FOLD);
	must(w, store_checkpoint(w->store), "checkpoint");
	promise(w);
}

static void
purge_all(struct work *w)
{
	bool more;

	do
		must(w, store_purge(w->store, 50, &more), "purge");
	while (more);
}

void
work_expire_all(struct work *w)
{
	struct store_view *v;
	bool more = true;
	int64_t expiry_ms;

	store_set_now(w->store, w->now_ms = EXPIRED_MS);
	while (more) {
		more = expire(w);
		commit(w);
	}
	must(w, store_snapshot(w->store, &v), "snapshot");
	expect(w, store_next_expiry(v, &expiry_ms), STORE_ABSENT,
	    "next expiry, with none left");
	store_release(w->store);
	purge_all(w);
}

uint64_t
work_open(struct work *w)
{
	struct store_options o = { .dir = w->dir,
		.create = true,
		.log_size = w->log_size,
		.owner_pid = (long)getpid() };

	w->sync_ms = sync_ms[w->sync == WORK_MIXED ? WORK_ALWAYS : w->sync];
	o.sync_ms = w->sync_ms;
	record_phase(PHASE_OPEN);
	must(w, store_open(&w->store, &o), "open");
	store_set_now(w->store, w->now_ms);
	return work_revision(w);
}

void
work_close(struct work *w)
{
	uint64_t last = work_revision(w);

	record_phase(PHASE_CLOSE);
	store_close(w->store);
	w->store = NULL;
	record_mark(TRACE_PROMISE, last, NULL, 0);
}

/* A scan of one bucket, or of the buckets. */
struct scan {
	const struct work *work;
	int bucket;
	int at; /* the next to be visited */
};

static bool
visit(void *arg, const struct store_entry *e)
{
	struct scan *scan = arg;
	const struct work_entry *want =
	    scan->work->committed.entries[scan->bucket];

	while (scan->at < WORK_KEYS && !want[scan->at].there)
		scan->at++;
	if (scan->at == WORK_KEYS || !bytes_equal(e->key, key_name(scan->at)) ||
	    e->expiry_ms != want[scan->at].expiry_ms ||
	    !bytes_equal(e->value, value_of(want[scan->at].value)))
		errx(EX_SOFTWARE, "bucket %d has at %.*s what it must not have",
		    scan->bucket, (int)e->key.size, (const char *)e->key.data);
	scan->at++;
	return true;
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct scan *scan = arg;

	while (
	    scan->at < WORK_BUCKETS && !scan->work->committed.buckets[scan->at])
		scan->at++;
	if (scan->at == WORK_BUCKETS ||
	    !bytes_equal(name, bucket_name(scan->at)))
		errx(EX_SOFTWARE, "there is a bucket %.*s that must not be",
		    (int)name.size, (const char *)name.data);
	scan->at++;
	return true;
}

static void
check_bucket(struct work *w, struct store_view *v, int b)
{
	struct scan scan = { .work = w, .bucket = b };
	struct bytes none = { NULL, 0 };
	uint64_t count = 0, want = 0;
	int k;

	if (!w->committed.buckets[b]) {
		expect(w, store_count(v, bucket_name(b), &count),
		    STORE_NO_BUCKET, "count");
		return;
	}
	must(w, store_scan(v, bucket_name(b), none, none, visit, &scan),
	    "scan");
	for (k = 0; k < WORK_KEYS; k++)
		want += w->committed.entries[b][k].there;
	for (; scan.at < WORK_KEYS; scan.at++)
		if (w->committed.entries[b][scan.at].there)
			errx(EX_SOFTWARE, "bucket %d has lost key %d", b,
			    scan.at);
	must(w, store_count(v, bucket_name(b), &count), "count");
	if (count != want)
		errx(EX_SOFTWARE, "bucket %d: counts %llu instead of %llu", b,
		    (unsigned long long)count, (unsigned long long)want);
}

static void
check_buckets(struct work *w, struct store_view *v)
{
	struct scan scan = { .work = w };
	struct bytes none = { NULL, 0 };

	must(w, store_scan_buckets(v, none, none, visit_bucket, &scan),
	    "scan buckets");
	for (; scan.at < WORK_BUCKETS; scan.at++)
		if (w->committed.buckets[scan.at])
			errx(EX_SOFTWARE, "bucket %d is lost", scan.at);
}

static void
check_outcomes(struct work *w, struct store_view *v)
{
	enum store_result result;
	struct bytes record;
	uint32_t i, n;

	for (i = 0; i < WORK_SESSIONS; i++) {
		n = 0;
		result = store_get_outcome(v, i, &record);
		if (result == STORE_OK && record.size == sizeof(n))
			memcpy(&n, record.data, sizeof(n));
		else
			expect(w, result, STORE_ABSENT, "outcome");
		if (n != w->committed.outcomes[i])
			errx(EX_SOFTWARE, "outcome %u is %u instead of %u", i,
			    n, w->committed.outcomes[i]);
	}
}

void
work_check(struct work *w)
{
	struct store_view *v;
	int b;

	store_set_now(w->store, 0); /* nothing has expired */
	must(w, store_snapshot(w->store, &v), "snapshot");
	check_buckets(w, v);
	for (b = 0; b < WORK_BUCKETS; b++)
		check_bucket(w, v, b);
	check_outcomes(w, v);
	store_release(w->store);
	store_set_now(w->store, w->now_ms);
}

void
work_check_stats(struct work *w)
{
	struct store_stats st;
	struct store_view *v;
	uint64_t keys = 0;
	int b, k;

	work_checkpoint(w);
	purge_all(w);
	for (b = 0; b < WORK_BUCKETS; b++)
		for (k = 0; k < WORK_KEYS; k++)
			keys += w->committed.entries[b][k].there;
	must(w, store_snapshot(w->store, &v), "snapshot");
	must(w, store_stats(v, &st), "stats");
	store_release(w->store);
	if (st.keys != keys)
		errx(EX_SOFTWARE, "there are %llu keys instead of %llu",
		    (unsigned long long)st.keys, (unsigned long long)keys);
}
