/*
 * names: a small table from names to ids.  The registry writes it, workers read
 * it.
 */

#include <string.h>

#include "area/names.h"
#include "common/crc32c.h"

/* A name has one place, and takes it from another one. */
static size_t
place_of(struct bytes name)
{
	return crc32c(0, name.data, name.size) % AREA_NAMES;
}

static size_t
words(size_t size)
{
	return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

/* The sequence is odd while the rest is written. */
static void
write_name(struct area_name *n, struct bytes name, uint64_t id)
{
	uint64_t text[sizeof(n->text) / sizeof(n->text[0])] = { 0 };
	uint64_t sequence = n->sequence | 1;

	if (name.size > 0)
		memcpy(text, name.data, name.size);
	area_store(&n->sequence, sequence, RELAXED);
	area_fence(RELEASE);
	area_store(&n->id, id, RELAXED);
	area_store(&n->size, name.size, RELAXED);
	area_copy_in(n->text, text, words(name.size));
	area_store(&n->sequence, sequence + 1, RELEASE);
}

static void
change_version(struct area_header *h)
{
	area_store(&h->names_version, h->names_version + 1, RELEASE);
}

void
names_clear(struct area_header *h)
{
	struct bytes none = { NULL, 0 };
	size_t i;

	for (i = 0; i < AREA_NAMES; i++)
		write_name(&h->names[i], none, 0);
	change_version(h);
}

uint64_t
names_find(const struct area_header *h, struct bytes name)
{
	const struct area_name *n = &h->names[place_of(name)];
	uint64_t text[sizeof(n->text) / sizeof(n->text[0])];
	uint64_t sequence, id;

	sequence = area_load(&n->sequence, ACQUIRE);
	id = area_load(&n->id, RELAXED);
	if ((sequence & 1) != 0 || id == 0 ||
	    area_load(&n->size, RELAXED) != name.size)
		return 0;
	area_copy_out(text, n->text, words(name.size));
	area_fence(ACQUIRE);
	if (area_load(&n->sequence, RELAXED) != sequence ||
	    memcmp(text, name.data, name.size) != 0)
		return 0;
	return id;
}

void
names_put(struct area_header *h, struct bytes name, uint64_t id)
{
	if (names_find(h, name) != id)
		write_name(&h->names[place_of(name)], name, id);
}

/* Nobody who has seen the new version finds the name in the table. */
void
names_forget(struct area_header *h, struct bytes name)
{
	struct bytes none = { NULL, 0 };

	if (names_find(h, name) != 0)
		write_name(&h->names[place_of(name)], none, 0);
	change_version(h);
}
