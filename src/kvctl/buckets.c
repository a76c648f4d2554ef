/*
 * buckets: their names, keys and bytes.  A bucket is gone through page by page,
 * in the registry, which holds no snapshot meanwhile: what is written while that
 * lasts is counted or not.
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "kvctl/buckets.h"
#include "kvctl/registry_line.h"
#include "proto/answer.h"
#include "proto/format.h"

/* The name behind which to go on. */
struct place {
	uint8_t name[UINT8_MAX];
	size_t size;
};

struct totals {
	uint64_t buckets, keys, bytes;
	bool damaged;
};

static struct bytes
place_bytes(const struct place *p)
{
	return (struct bytes){ p->name, p->size };
}

static bool
place_set(struct place *p, struct bytes name)
{
	if (name.size > sizeof(p->name))
		return false;
	memcpy(p->name, name.data, name.size);
	p->size = name.size;
	return true;
}

static bool
add_number(struct bytes word, uint64_t *sum)
{
	int64_t number;

	if (number_parse(word, &number) != NUMBER_OK || number < 0)
		return false;
	*sum += (uint64_t)number;
	return true;
}

/* Adds up what the registry says about the next entries. */
static int
add_page(struct registry_line *l, struct fields *page, struct place *after,
    struct totals *t)
{
	struct answer_line line;

	if (page->rest.size == 0)
		return 0;
	if (answer_next(&page->rest, &line) && !line.is_status && line.n == 3 &&
	    place_set(after, line.words[0]) &&
	    add_number(line.words[1], &t->keys) &&
	    add_number(line.words[2], &t->bytes))
		return 0;
	(void)strlcpy(l->error, "the registry's answer is malformed",
	    sizeof(l->error));
	return -1;
}

static void
explain(struct registry_line *l, enum status status)
{
	struct buf b;

	buf_init(&b);
	format_status(&b, status);
	(void)snprintf(l->error, sizeof(l->error), "the registry answers: %.*s",
	    (int)(buf_size(&b) < 2 ? 0 : buf_size(&b) - 2),
	    buf_size(&b) < 2 ? "" : (char *)buf_data(&b));
	buf_clear(&b);
}

/* Sets the keys and bytes of a bucket, or says that it is damaged.  1: done, 0:
 * there is no such bucket any more, -1: it failed. */
static int
measure(struct registry_line *l, struct bytes bucket, struct totals *t)
{
	struct place after = { .size = 0 };
	struct fields list = { .kind = LIST_SIZES,
		.limit = UINT64_MAX,
		.bucket = bucket },
		      page;

	do {
		list.after = place_bytes(&after);
		if (registry_line_list(l, &list, &page) == -1)
			return -1;
		if (page.status == STATUS_NOT_FOUND)
			return 0;
		t->damaged = page.status == STATUS_DATA_DAMAGED;
		if (t->damaged)
			return 1;
		if (page.status != STATUS_OK) {
			explain(l, (enum status)page.status);
			return -1;
		}
		if (add_page(l, &page, &after, t) == -1)
			return -1;
	} while (page.more);
	return 1;
}

/* The name as the protocol writes it. */
static void
print_row(const struct totals *t, struct bytes name)
{
	struct buf b;

	buf_init(&b);
	format_line(&b, &name, 1);
	if (buf_failed(&b))
		err(CTL_FAILED, NULL);
	if (t->damaged)
		printf("%12s %15s", "damaged", "-");
	else
		printf("%12" PRIu64 " %15" PRIu64, t->keys, t->bytes);
	printf("  %.*s\n", (int)strcspn((char *)buf_data(&b), "\r"),
	    (char *)buf_data(&b));
	buf_clear(&b);
}

static int
show_bucket(struct registry_line *l, struct bytes name, struct totals *all)
{
	struct totals t = { .keys = 0 };
	int rc = measure(l, name, &t);

	if (rc != 1)
		return rc;
	print_row(&t, name);
	all->buckets++;
	all->keys += t.keys;
	all->bytes += t.bytes;
	return 0;
}

/* Shows the bucket behind `after`, if there is one, and moves `after`. */
static int
show_next(struct registry_line *l, struct place *after, bool *more,
    struct totals *all)
{
	struct fields list = { .kind = LIST_BUCKETS,
		.limit = 1,
		.after = place_bytes(after) },
		      page;
	struct answer_line line;

	if (registry_line_list(l, &list, &page) == -1)
		return -1;
	*more = page.rest.size > 0;
	if (!*more)
		return 0;
	if (!answer_next(&page.rest, &line) || line.is_status || line.n != 1 ||
	    line.words[0].size == 0 || !place_set(after, line.words[0])) {
		(void)strlcpy(l->error, "the registry's answer is malformed",
		    sizeof(l->error));
		return -1;
	}
	return show_bucket(l, place_bytes(after), all);
}

int
buckets_show(struct ctl *ctl, const char *argument)
{
	struct place after = { .size = 0 };
	struct totals all = { .keys = 0 };
	struct registry_line l;
	bool more = true;
	int status;

	(void)argument;
	if ((status = registry_line_open(&l, ctl)) != CTL_DONE)
		return ctl_complain(ctl, status);
	printf("%12s %15s  %s\n", "KEYS", "BYTES", "BUCKET");
	while (status == CTL_DONE && more)
		if (show_next(&l, &after, &more, &all) == -1) {
			warnx("%s", l.error);
			status = CTL_FAILED;
		}
	if (status == CTL_DONE)
		printf("%12" PRIu64 " %15" PRIu64 "  (%" PRIu64 " in all)\n",
		    all.keys, all.bytes, all.buckets);
	registry_line_close(&l);
	return status;
}
