/*
 * image: copies the store, and damages one page of data.mdb.
 */

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "damage/damage.h"
#include "store/pages.h"
#include "torture/dice.h"

#define PAGE_SIZE 4096
/* One page in so many may be one that is not in use. */
#define ANY_ONE_IN 10
/* Flags of a page, as in mdb.c. */
#define PAGE_BRANCH 1
#define PAGE_LEAF 2
#define PAGE_OVERFLOW 4
#define PAGE_META 8
#define FLAGS_AT 10
#define BITS_MAX 8

static void
copy_file(const char *store, const char *dir, const char *name)
{
	char from[2 * PATH_SIZE], to[2 * PATH_SIZE], data[1 << 16];
	int in, out;
	ssize_t n;
	off_t size = 0;

	(void)snprintf(from, sizeof(from), "%s/%s", store, name);
	(void)snprintf(to, sizeof(to), "%s/data/%s", dir, name);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in == -1 || out == -1)
		err(EX_OSERR, "%s", name);
	while ((n = read(in, data, sizeof(data))) > 0) {
		/* Zeros are left out. */
		if (data[0] != 0 ||
		    memcmp(data, data + 1, (size_t)n - 1) != 0) {
			if (pwrite(out, data, (size_t)n, size) != n)
				err(EX_OSERR, "%s", to);
		}
		size += n;
	}
	if (n == -1 || ftruncate(out, size) == -1)
		err(EX_OSERR, "%s", to);
	(void)close(in);
	(void)close(out);
}

static void
read_page(int fd, size_t page, uint8_t *data)
{
	if (pread(fd, data, PAGE_SIZE, (off_t)(page * PAGE_SIZE)) != PAGE_SIZE)
		err(EX_OSERR, "data.mdb");
}

static bool
visit(void *arg, struct bytes key, struct bytes value)
{
	(void)arg;
	(void)key;
	(void)value;
	return true;
}

static void
complain(void *arg, size_t page, const char *what)
{
	(void)arg;
	errx(EX_SOFTWARE, "the store is damaged already: page %zu: %s", page,
	    what);
}

/* Marks the pages that are in use. */
static void
find_pages(struct pages *p, int fd)
{
	static const char *const names[] = { "meta", "buckets", "entries",
		"expiries", "dropped", "outcomes" };
	struct pages_tree tree;
	size_t i;

	if (pages_open(p, fd, 0) != NULL ||
	    !pages_walk(p, &p->main, PAGES_BYTES, visit, complain, NULL) ||
	    !pages_walk(p, &p->free_list, PAGES_NUMBERS, visit, complain, NULL))
		errx(EX_SOFTWARE, "data.mdb is not readable");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pages_find_tree(p, names[i], &tree) != 1 ||
		    !pages_walk(p, &tree, PAGES_BYTES, visit, complain, NULL))
			errx(EX_SOFTWARE, "data.mdb has no %s", names[i]);
}

static size_t
choose_page(struct dice *d, int fd, size_t *pages)
{
	bool any = dice_hit(d, ANY_ONE_IN);
	struct pages p;
	size_t page;

	find_pages(&p, fd);
	*pages = p.count;
	do
		page = dice_below(d, (uint32_t)p.count);
	while (!any && (p.seen[page / 8] & 1 << page % 8) == 0);
	pages_close(&p);
	return page;
}

static const char *
describe(const uint8_t *page)
{
	switch (page[FLAGS_AT]) {
	case PAGE_BRANCH:
		return "a branch";
	case PAGE_LEAF:
		return "a leaf";
	case PAGE_OVERFLOW:
		return "a large value";
	case PAGE_META:
		return "a first page";
	default:
		return "within a large value";
	}
}

static void
damage_page(int fd, struct dice *d, size_t pages, struct image *image,
    uint8_t *page)
{
	unsigned int i, n;

	switch (image->kind) {
	case ZEROED:
		memset(page, 0, PAGE_SIZE);
		return;
	case MISPLACED:
		do
			image->from = dice_below(d, (uint32_t)pages);
		while (image->from == image->page);
		read_page(fd, image->from, page);
		return;
	default:
		n = 1 + dice_below(d, BITS_MAX);
		/* A half of them hits the header, and what it says of the
		 * records. */
		for (i = 0; i < n; i++)
			page[dice_below(d, dice_hit(d, 2) ? 64 : PAGE_SIZE)] ^=
			    (uint8_t)(1 << dice_below(d, 8));
	}
}

void
image_make(const char *store, const char *dir, uint64_t seed,
    unsigned int number, struct image *image)
{
	static const char *const names[] = { "data.mdb", "log.1", "log.2" };
	uint8_t page[PAGE_SIZE];
	char path[2 * PATH_SIZE];
	struct dice d;
	size_t i, pages;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/data", dir);
	if (mkdir(path, 0700) == -1)
		err(EX_OSERR, "%s", path);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		copy_file(store, dir, names[i]);
	(void)snprintf(path, sizeof(path), "%s/data/data.mdb", dir);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		err(EX_OSERR, "%s", path);
	dice_init(&d, seed, number);
	image->kind = (enum damage_kind)dice_below(&d, DAMAGE_KINDS);
	image->page = choose_page(&d, fd, &pages);
	image->from = 0;
	read_page(fd, image->page, page);
	image->was = describe(page);
	damage_page(fd, &d, pages, image, page);
	if (pwrite(fd, page, PAGE_SIZE, (off_t)(image->page * PAGE_SIZE)) !=
	    PAGE_SIZE)
		err(EX_OSERR, "%s", path);
	(void)close(fd);
}
