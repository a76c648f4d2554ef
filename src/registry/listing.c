/*
 * listing: pages of names, keys and entries.  Runs in the registry; the request
 * comes from a worker, which may have been taken over by its client.
 */

#include <string.h>

#include "common/clock.h"
#include "common/number.h"
#include "proto/answer.h"
#include "proto/listing.h"
#include "proto/schema.h"
#include "registry/conn.h"
#include "registry/listing.h"
#include "registry/state.h"
#include "registry/warning.h"
#include "store/store.h"

/* A page ends with the line that makes it so large. */
#define PAGE_SIZE ((size_t)32 << 10)
/* How many entries a page of LIST_SIZES is about: about a millisecond. */
#define SIZES_KEYS 4096

/* A LIST request, and the page that answers it. */
struct page {
	const struct fields *list; /* the request */
	uint64_t limit; /* lines that are still wanted */
	struct buf *out;
	size_t start; /* of the lines in `out` */
	bool more; /* lines are left for another page */
	/* LIST_SIZES: so far on this page, and the last key. */
	uint64_t keys, bytes;
	uint8_t last[UINT8_MAX];
	size_t last_size;
};

/* Does the page take another line?  If not, there is one for the next page. */
static bool
takes_more(struct page *p)
{
	p->more = p->limit == 0 || buf_size(p->out) - p->start >= PAGE_SIZE;
	return !p->more;
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct page *p = arg;

	if (!takes_more(p))
		return false;
	answer_put_line(p->out, &name, 1);
	p->limit--;
	return true;
}

static bool
visit_entry(void *arg, const struct store_entry *e)
{
	const struct bytes words[2] = { e->key, e->value };
	struct page *p = arg;

	if (!takes_more(p))
		return false;
	answer_put_line(p->out, words, p->list->kind == LIST_ENTRIES ? 2 : 1);
	p->limit--;
	return true;
}

static bool
visit_size(void *arg, const struct store_entry *e)
{
	struct page *p = arg;

	p->more = p->keys == SIZES_KEYS;
	if (p->more)
		return false;
	p->keys++;
	p->bytes += e->key.size + e->value_size;
	memcpy(p->last, e->key.data, e->key.size);
	p->last_size = e->key.size;
	return true;
}

static enum store_result
scan_sizes(struct store_view *view, struct page *p)
{
	char keys[NUMBER_SIZE], bytes[NUMBER_SIZE];
	const struct fields *list = p->list;
	struct bytes words[3] = { { p->last, 0 }, { keys, 0 }, { bytes, 0 } };
	enum store_result result;

	result = store_scan_keys(view, list->bucket, list->prefix, list->after,
	    visit_size, p);
	if (result != STORE_OK || p->keys == 0)
		return result;
	words[0].size = p->last_size;
	words[1].size = number_format((int64_t)p->keys, keys);
	words[2].size = number_format((int64_t)p->bytes, bytes);
	answer_put_line(p->out, words, 3);
	return STORE_OK;
}

static enum store_result
scan(struct store_view *view, struct page *p)
{
	const struct fields *list = p->list;

	switch (list->kind) {
	case LIST_BUCKETS:
		return store_scan_buckets(view, list->prefix, list->after,
		    visit_bucket, p);
	case LIST_SIZES:
		return scan_sizes(view, p);
	case LIST_KEYS:
		return store_scan_keys(view, list->bucket, list->prefix,
		    list->after, visit_entry, p);
	default:
		return store_scan(view, list->bucket, list->prefix, list->after,
		    visit_entry, p);
	}
}

void
listing_end(struct registry *r, struct conn *c)
{
	if (c->listing.pin == NULL)
		return;
	TAILQ_REMOVE(&r->listings, c, listing_entry);
	store_unpin(c->listing.pin);
	c->listing.pin = NULL;
}

/* Makes c->listing.pin the snapshot of this revision; 0: of the last commit. */
static enum status
pin(struct registry *r, struct conn *c, uint64_t revision)
{
	enum store_result result;

	if (c->listing.pin != NULL &&
	    revision == store_revision(c->listing.pin)) {
		if (!store_pin_is_lost(c->listing.pin))
			return STATUS_OK;
		listing_end(r, c);
		return STATUS_SNAPSHOT_LOST;
	}
	listing_end(r, c);
	result = store_pin(r->store, &c->listing.pin);
	if (result == STORE_BUSY)
		return STATUS_TOO_MANY_LISTINGS;
	if (result != STORE_OK)
		warning_store_failed(r);
	c->listing.pinned_ms = clock_ms();
	c->listing.pinned_wall_ms = r->wall_ms;
	TAILQ_INSERT_TAIL(&r->listings, c, listing_entry);
	/* The registry was restarted, or the snapshot timed out: the last
	 * commit will do if it has the same revision. */
	if (revision == 0 || revision == store_revision(c->listing.pin))
		return STATUS_OK;
	listing_end(r, c);
	return STATUS_SNAPSHOT_LOST;
}

static enum status
fill(struct registry *r, struct conn *c, struct page *p)
{
	enum store_result result;

	/* All pages show what had not expired when the first was made. */
	store_set_now(r->store, c->listing.pinned_wall_ms);
	result = scan(c->listing.pin, p);
	store_set_now(r->store, r->wall_ms);
	switch (result) {
	case STORE_OK:
		/* With its limit reached a listing is over. */
		p->more = p->more && p->limit > 0;
		return STATUS_OK;
	case STORE_NO_BUCKET:
		return STATUS_NOT_FOUND;
	case STORE_DAMAGED:
		warning_damage(r);
		return STATUS_DATA_DAMAGED;
	default:
		warning_store_failed(r);
	}
}

bool
listing_run(struct registry *r, struct conn *c, uint64_t sequence,
    const struct fields *list)
{
	struct page p = { .list = list, .limit = list->limit, .out = &c->out };
	enum status status = pin(r, c, list->revision);
	struct listing_page page = { .revision = c->listing.pin == NULL ?
		    0 :
		    store_revision(c->listing.pin) };
	size_t position = listing_begin_page(p.out, sequence);

	p.start = buf_size(p.out);
	if (status == STATUS_OK)
		status = fill(r, c, &p);
	page.status = status;
	page.more = p.more;
	listing_end_page(p.out, position, &page);
	/* Sizes need not be of one moment: no snapshot is held for them. */
	return p.more && status == STATUS_OK && list->kind != LIST_SIZES;
}

int64_t
listing_deadline(const struct registry *r)
{
	const struct conn *oldest = TAILQ_FIRST(&r->listings);

	return oldest == NULL ?
	    CLOCK_NEVER :
	    oldest->listing.pinned_ms + r->config->listing_timeout_ms;
}

void
listing_expire(struct registry *r, int64_t now_ms)
{
	while (listing_deadline(r) <= now_ms)
		listing_end(r, TAILQ_FIRST(&r->listings));
}
