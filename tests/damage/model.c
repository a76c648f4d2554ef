/*
 * model: makes the store that is damaged later, with the library that kvd is
 * made of.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "damage/damage.h"
#include "store/store.h"

#define ROUNDS 4
#define LOG_SIZE ((size_t)8 << 20)
#define SESSIONS 60
#define REPLY_SIZE 700
#define GONE_KEYS 500 /* of a bucket that is dropped, and not purged */

static const struct bucket_model shapes[BUCKETS] = {
	{ .name = "alpha", .keys = 12, .least = 20, .most = 60 },
	{ .name = "beta", .keys = 12, .least = 20, .most = 60 },
	{ .name = "large", .keys = 1500, .least = 60, .most = 160 },
	{ .name = "pages", .keys = 50, .least = 3000, .most = 14000 },
	{ .name = "timed",
	    .keys = 700,
	    .least = 20,
	    .most = 80,
	    .expires = true },
	{ .name = "gamma", .keys = 12, .least = 20, .most = 60 },
	{ .name = "middle", .keys = 600, .least = 60, .most = 160 },
};

void
model_key(unsigned int i, char key[16])
{
	(void)snprintf(key, 16, "key%06u", i);
}

size_t
model_value(const struct bucket_model *b, unsigned int key,
    unsigned int version, char value[VALUE_MAX])
{
	size_t size = b->least + key * 7919U % (b->most - b->least), n;

	n = (size_t)snprintf(value, VALUE_MAX, "%s.%u.%u.", b->name, key,
	    version);
	for (; n < size; n++)
		value[n] = (char)('a' + (n + key + version) % 26);
	value[n] = '\0';
	return n;
}

static void
check(struct store *s, enum store_result result)
{
	if (result != STORE_OK)
		errx(EX_SOFTWARE, "cannot make a store: result %d: %s", result,
		    store_error(s));
}

static int64_t
tomorrow_ms(void)
{
	return ((int64_t)time(NULL) + 86400) * 1000;
}

static void
put(struct store *s, struct store_view *v, struct bucket_model *b,
    unsigned int i)
{
	int64_t expiry_ms = b->expires ? tomorrow_ms() + i : 0;
	static char value[VALUE_MAX];
	char key[16];
	size_t size;

	model_key(i, key);
	size = model_value(b, i, ++b->version[i], value);
	check(s,
	    store_put(v, bytes_from_text(b->name), bytes_from_text(key),
		(struct bytes){ value, size }, expiry_ms));
}

static void delete (struct store *s, struct store_view *v,
    struct bucket_model *b, unsigned int i)
{
	char key[16];

	model_key(i, key);
	b->version[i] = 0;
	check(s,
	    store_delete(v, bytes_from_text(b->name), bytes_from_text(key)));
}

/* In each round another part of the keys is written, so that pages are split,
 * replaced and freed. */
static void
write_bucket(struct store *s, struct bucket_model *b, unsigned int round)
{
	struct store_view *v;
	unsigned int i;

	check(s, store_batch(s, &v));
	check(s, store_create(v, bytes_from_text(b->name)));
	for (i = 0; i < b->keys; i++) {
		if (store_batch_size(s) > store_batch_max(s) / 2) {
			check(s, store_commit(s));
			check(s, store_batch(s, &v));
		}
		if (i % ROUNDS <= round)
			put(s, v, b, i);
		else if (i % 97 == 1 && b->version[i] != 0)
			delete (s, v, b, i);
	}
	check(s, store_commit(s));
}

static void
write_others(struct store *s)
{
	char reply[REPLY_SIZE], key[16];
	struct store_view *v;
	unsigned int i;

	memset(reply, 'r', sizeof(reply));
	check(s, store_batch(s, &v));
	for (i = 1; i <= SESSIONS; i++)
		check(s,
		    store_put_outcome(v, i,
			(struct bytes){ reply, sizeof(reply) }));
	check(s, store_create(v, bytes_from_text("gone")));
	for (i = 0; i < GONE_KEYS; i++) {
		model_key(i, key);
		check(s,
		    store_put(v, bytes_from_text("gone"), bytes_from_text(key),
			(struct bytes){ reply, 60 }, 0));
	}
	check(s, store_commit(s));
}

static void
drop_gone(struct store *s)
{
	struct store_view *v;

	check(s, store_batch(s, &v));
	check(s, store_drop(v, bytes_from_text("gone")));
	check(s, store_commit(s));
}

/* The last writes are in the log only. */
static void
write_last(struct store *s, struct model *m)
{
	struct store_view *v;
	size_t b;

	check(s, store_batch(s, &v));
	for (b = 0; b < BUCKETS; b++) {
		put(s, v, &m->buckets[b], 3);
		delete (s, v, &m->buckets[b], 5);
	}
	check(s, store_commit(s));
}

static void
allocate(struct bucket_model *b)
{
	b->version = calloc(b->keys, sizeof(*b->version));
	b->other = calloc(b->keys, sizeof(*b->other));
	if (b->version == NULL || b->other == NULL)
		err(EX_OSERR, NULL);
}

void
model_make(struct model *m, const char *dir)
{
	struct store_options o = { .dir = dir,
		.create = true,
		.sync_ms = STORE_SYNC_NEVER,
		.log_size = LOG_SIZE };
	unsigned int round;
	struct store *s;
	size_t b;

	for (b = 0; b < BUCKETS; b++) {
		m->buckets[b] = shapes[b];
		allocate(&m->buckets[b]);
	}
	check(NULL, store_open(&s, &o));
	/* So that no batch finds it full. */
	check(s, store_grow(s));
	check(s, store_grow(s));
	store_set_now(s, (int64_t)time(NULL) * 1000);
	for (round = 0; round < ROUNDS; round++) {
		for (b = 0; b < BUCKETS; b++) {
			write_bucket(s, &m->buckets[b], round);
			if (round == 0 && b == 2)
				write_others(s);
		}
		if (round == ROUNDS - 1)
			drop_gone(s);
		check(s, store_checkpoint(s));
	}
	write_last(s, m);
	store_close(s);
}

void
model_copy(struct model *to, const struct model *from)
{
	struct bucket_model *b;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		b = &to->buckets[i];
		*b = from->buckets[i];
		allocate(b);
		memcpy(b->version, from->buckets[i].version,
		    b->keys * sizeof(*b->version));
		memcpy(b->other, b->version, b->keys * sizeof(*b->other));
	}
}

void
model_free(struct model *m)
{
	size_t b;

	for (b = 0; b < BUCKETS; b++) {
		free(m->buckets[b].version);
		free(m->buckets[b].other);
	}
}
