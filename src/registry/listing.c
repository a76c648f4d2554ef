/*
 * listing: pages of names, keys and entries.  Runs in the registry; what is
 * asked for comes from a worker.
 */

#include <string.h>
#include <sysexits.h>

#include "common/clock.h"
#include "common/log.h"
#include "registry/conn.h"
#include "registry/listing.h"
#include "registry/registry.h"
#include "store/store.h"

/* A page ends with the line that reaches this. */
#define PAGE_SIZE ((size_t)32 << 10)

/* A request, and the page that it gets. */
struct page {
	uint8_t kind; /* enum list_kind */
	uint64_t revision; /* 0: the last commit's */
	uint64_t limit; /* lines that are still wanted */
	struct bytes bucket, prefix, after;
	struct buf *out;
	size_t start; /* of the lines in `out` */
	bool more;
};

static bool
decode(const struct message *m, struct page *p)
{
	struct bytes body = m->body;

	return message_get_u8(&body, &p->kind) && p->kind < LIST_KINDS &&
	    message_get_u64(&body, &p->revision) &&
	    message_get_u64(&body, &p->limit) && p->limit > 0 &&
	    message_get_name(&body, &p->bucket) &&
	    (p->bucket.size == 0) == (p->kind == LIST_BUCKETS) &&
	    message_get_name(&body, &p->prefix) &&
	    message_get_name(&body, &p->after) && body.size == 0;
}

/* Is there room for another line? */
static bool
has_room(struct page *p)
{
	p->more = p->limit == 0 || buf_size(p->out) - p->start >= PAGE_SIZE;
	return !p->more;
}

static bool
visit_bucket(void *arg, struct bytes name)
{
	struct page *p = arg;

	if (!has_room(p))
		return false;
	message_put_u16(p->out, 1);
	message_put_value(p->out, name);
	p->limit--;
	return true;
}

static bool
visit_entry(void *arg, const struct store_entry *e)
{
	struct page *p = arg;

	if (!has_room(p))
		return false;
	message_put_u16(p->out, p->kind == LIST_ENTRIES ? 2 : 1);
	message_put_value(p->out, e->key);
	if (p->kind == LIST_ENTRIES)
		message_put_value(p->out, e->value);
	p->limit--;
	return true;
}

static enum store_result
scan(struct store_view *view, struct page *p)
{
	switch (p->kind) {
	case LIST_BUCKETS:
		return store_scan_buckets(view, p->prefix, p->after,
		    visit_bucket, p);
	case LIST_KEYS:
		return store_scan_keys(view, p->bucket, p->prefix, p->after,
		    visit_entry, p);
	default:
		return store_scan(view, p->bucket, p->prefix, p->after,
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

/* Makes c->listing.pin the snapshot that is asked for. */
static enum status
pin(struct registry *r, struct conn *c, uint64_t revision)
{
	enum store_result result;

	if (c->listing.pin != NULL &&
	    revision == store_revision(c->listing.pin))
		return STATUS_OK;
	listing_end(r, c);
	result = store_pin(r->store, &c->listing.pin);
	if (result == STORE_BUSY)
		return STATUS_TOO_MANY_LISTINGS;
	if (result != STORE_OK)
		fatalx(EX_IOERR, "%s", store_error(r->store));
	c->listing.pinned_ms = clock_ms();
	c->listing.pinned_wall_ms = r->wall_ms;
	TAILQ_INSERT_TAIL(&r->listings, c, listing_entry);
	/* After a restart: nothing may have been committed since. */
	if (revision == 0 || revision == store_revision(c->listing.pin))
		return STATUS_OK;
	listing_end(r, c);
	return STATUS_SNAPSHOT_LOST;
}

static enum status
fill(struct registry *r, struct conn *c, struct page *p)
{
	enum store_result result;

	/* What has expired since the first page was there then. */
	store_set_now(r->store, c->listing.pinned_wall_ms);
	result = scan(c->listing.pin, p);
	store_set_now(r->store, r->wall_ms);
	switch (result) {
	case STORE_OK:
		/* The limit may have been reached by the last line of all. */
		p->more = p->more && p->limit > 0;
		return STATUS_OK;
	case STORE_NO_BUCKET:
		return STATUS_NOT_FOUND;
	case STORE_DAMAGED:
		warning_damage(r);
		return STATUS_DATA_DAMAGED;
	default:
		fatalx(EX_IOERR, "%s", store_error(r->store));
	}
}

bool
listing_run(struct registry *r, struct conn *c, const struct message *m)
{
	struct page p = { .out = &c->out };
	enum status status;
	size_t position;

	if (!decode(m, &p))
		return false;
	status = pin(r, c, p.revision);
	position = message_begin(p.out, MESSAGE_PAGE, m->sequence);
	message_put_u64(p.out,
	    c->listing.pin == NULL ? 0 : store_revision(c->listing.pin));
	p.start = buf_size(p.out);
	message_put_u8(p.out, 0);
	message_put_u8(p.out, 0);
	if (status == STATUS_OK)
		status = fill(r, c, &p);
	if (!buf_failed(p.out)) {
		buf_data(p.out)[p.start] = status;
		buf_data(p.out)[p.start + 1] = p.more;
	}
	message_end(p.out, position);
	if (!p.more || status != STATUS_OK)
		listing_end(r, c);
	return true;
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
