/*
 * large_pages: joins small pages.  Runs in the checkpointer; trusts the
 * registry.
 */

#include <sys/mman.h>

#include "area/area.h"
#include "area/large_pages.h"
#include "area/memory.h"

#ifndef MADV_COLLAPSE /* The C library may know less than the kernel. */
#define MADV_COLLAPSE 25
#endif

/* What has no memory yet gets some when it becomes a part of a large page. */
#define UNUSED_PAGES_MAX 64

int
large_pages_open(struct large_pages *l, int fd)
{
	*l = (struct large_pages){ NULL, 0, 0, 0 };
	if (fd == -1)
		return 0;
	l->memory = area_memory_map(fd, PROT_READ, AREA_SIZE_MIN, &l->size);
	return l->memory == NULL ? -1 : 0;
}

void
large_pages_look(struct large_pages *l, size_t end)
{
	if (l->memory == NULL)
		return;
	l->at = 0;
	l->end = end < l->size ? end : l->size;
}

/* Of the table only some pages have memory; of the rest all that come before
 * the end have. */
static bool
has_memory(const struct large_pages *l, const struct area_layout *layout,
    size_t at)
{
	const uint64_t *backed = (const void *)(l->memory + layout->backed);
	size_t page;

	if (at < layout->sets || at >= layout->ring)
		return true;
	page = (at - layout->sets) / AREA_PAGE;
	return area_load(&backed[page / 64], RELAXED) >> page % 64 & 1;
}

static bool
is_in_use(const struct large_pages *l)
{
	const struct area_header *h = (const void *)l->memory;
	size_t size = area_load(&h->size, RELAXED), at, unused = 0;
	struct area_layout layout;

	if (size < AREA_SIZE_MIN || size > l->size)
		return false;
	layout = area_layout(size);
	for (at = l->at; at < l->at + AREA_LARGE_PAGE; at += AREA_PAGE)
		unused += !has_memory(l, &layout, at);
	return unused <= UNUSED_PAGES_MAX;
}

bool
large_pages_are_left(const struct large_pages *l)
{
	return l->end - l->at >= AREA_LARGE_PAGE;
}

/* What could not be joined stays as it is until the next look. */
void
large_pages_join(struct large_pages *l)
{
	void *page;

	if (!large_pages_are_left(l))
		return;
	page = (void *)(uintptr_t)(l->memory + l->at);
	if (is_in_use(l)) {
		(void)madvise(page, AREA_LARGE_PAGE, MADV_COLLAPSE);
		/* It would count as memory that this process uses. */
		(void)madvise(page, AREA_LARGE_PAGE, MADV_DONTNEED);
	}
	l->at += AREA_LARGE_PAGE;
}
