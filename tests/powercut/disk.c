/*
 * disk: what a power cut leaves.
 */

#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "powercut/disk.h"
#include "torture/dice.h"

#define SECTOR ((size_t)512)
#define PAGE ((size_t)4096)

/* How it is chosen which writes a sector has seen. */
enum loss {
	LOSE_ALL,
	LOSE_NONE,
	LOSE_SECTORS, /* any, each for itself */
	LOSE_PAGES, /* the same for whole pages */
	LOSE_LATE, /* those after a moment; and some sectors as they like */
	LOSE_FEW, /* a few pages */
	KEEP_FEW,
	LOSSES
};

static const char *
path_of(char *path, size_t size, const char *dir, int file)
{
	(void)snprintf(path, size, "%s/%s", dir, trace_names[file]);
	return path;
}

static void
reserve(struct disk_file *f, size_t size)
{
	size_t capacity = (size + PAGE) * 2;

	if (size <= f->capacity)
		return;
	if ((f->base = realloc(f->base, capacity)) == NULL)
		err(EX_OSERR, "no memory for a file");
	memset(f->base + f->capacity, 0, capacity - f->capacity);
	f->capacity = capacity;
}

static void
read_file(struct disk_file *f, const char *path)
{
	struct stat st;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno != ENOENT)
			err(EX_NOINPUT, "%s", path);
		return;
	}
	if (fstat(fd, &st) == -1)
		err(EX_IOERR, "%s", path);
	f->there = f->durable_name = true;
	f->size = f->base_size = (size_t)st.st_size;
	reserve(f, f->size);
	if (read(fd, f->base, f->size) != (ssize_t)f->size)
		err(EX_IOERR, "%s", path);
	(void)close(fd);
}

void
disk_read(struct disk *d, const char *dir)
{
	char path[4096];
	int i;

	*d = (struct disk){ .there = access(dir, F_OK) == 0 };
	d->durable_name = d->there;
	for (i = 0; i < TRACE_FILES; i++)
		read_file(&d->files[i], path_of(path, sizeof(path), dir, i));
}

void
disk_free(struct disk *d)
{
	int i;

	for (i = 0; i < TRACE_FILES; i++) {
		free(d->files[i].base);
		free(d->files[i].writes);
	}
}

static size_t
end_of(const struct trace_event *e)
{
	return (size_t)(e->at + e->size);
}

/* Puts what a write has between two offsets into an image of the file. */
static void
copy_part(uint8_t *image, const struct trace_event *e, size_t from, size_t to)
{
	const uint8_t *data = trace_data(e);

	from = from < e->at ? e->at : from;
	to = to > end_of(e) ? end_of(e) : to;
	if (from < to)
		memcpy(image + from, data + (from - e->at), to - from);
}

static void
add_write(struct disk_file *f, const struct trace_event *e)
{
	if (f->n_writes == f->writes_max) {
		f->writes_max = f->writes_max * 2 + 64;
		f->writes =
		    reallocarray(f->writes, f->writes_max, sizeof(*f->writes));
		if (f->writes == NULL)
			err(EX_OSERR, "no memory for the writes");
	}
	f->writes[f->n_writes++] = e;
	if (end_of(e) > f->size)
		f->size = end_of(e);
}

/* All that has been written to these bytes is durable. */
static void
make_durable(struct disk_file *f, size_t from, size_t to)
{
	size_t i;

	reserve(f, f->size + PAGE);
	for (i = 0; i < f->n_writes; i++)
		copy_part(f->base, f->writes[i], from, to);
}

static size_t
round_down(size_t n)
{
	return n / SECTOR * SECTOR;
}

static size_t
round_up(size_t n)
{
	return round_down(n + SECTOR - 1);
}

static void
apply_write(struct disk_file *f, const struct trace_event *e)
{
	add_write(f, e);
	if (!e->durable)
		return;
	make_durable(f, round_down((size_t)e->at), round_up(end_of(e)));
	if (end_of(e) > f->base_size)
		f->base_size = end_of(e);
}

/* fdatasync(2) writes the size that is needed to read what was written. */
static void
apply_sync(struct disk_file *f)
{
	size_t i;

	make_durable(f, 0, f->size);
	for (i = 0; i < f->n_writes; i++)
		if (end_of(f->writes[i]) > f->base_size)
			f->base_size = end_of(f->writes[i]);
	f->n_writes = 0;
}

static void
sync_names(struct disk *d)
{
	int i;

	for (i = 0; i < TRACE_FILES; i++)
		d->files[i].durable_name = d->files[i].there;
}

void
disk_apply(struct disk *d, const struct trace_event *e)
{
	struct disk_file *f = &d->files[e->file];

	switch (e->type) {
	case TRACE_WRITE:
		apply_write(f, e);
		break;
	case TRACE_GROW:
		f->size = (size_t)e->at > f->size ? (size_t)e->at : f->size;
		break;
	case TRACE_SYNC:
		apply_sync(f);
		break;
	case TRACE_CREATE:
		f->there = true;
		break;
	case TRACE_SYNC_NAMES:
		sync_names(d);
		break;
	case TRACE_MAKE_DIR:
		d->there = true;
		break;
	case TRACE_SYNC_DIR:
		d->durable_name = true;
		break;
	default:
		break;
	}
}

/* The choices of one file. */
struct chance {
	struct dice dice;
	uint64_t seed;
	enum loss loss;
	uint32_t few; /* one of so many is an exception */
	size_t moment; /* writes before it are there */
};

/* A number below n that belongs to a place of the file. */
static uint32_t
draw(const struct chance *c, size_t place, uint32_t what, size_t n)
{
	uint64_t x = dice_mix(c->seed + place * 3 + what);

	return (uint32_t)(n == 0 ? 0 : x % n);
}

/* All of n writes, none, or any number of them. */
static size_t
draw_writes(const struct chance *c, size_t place, size_t n)
{
	switch (draw(c, place, 0, 3)) {
	case 0:
		return 0;
	case 1:
		return n;
	default:
		return draw(c, place, 1, n + 1);
	}
}

/* How many of n writes has this sector seen? */
static size_t
seen_by(const struct chance *c, size_t sector, size_t n)
{
	size_t page = sector / (PAGE / SECTOR);
	bool exception = draw(c, page, 2, c->few) == 0;

	switch (c->loss) {
	case LOSE_SECTORS:
		return draw_writes(c, sector, n);
	case LOSE_PAGES:
		return draw_writes(c, page, n);
	case LOSE_LATE:
		return exception ? draw_writes(c, sector, n) : c->moment;
	case LOSE_FEW:
		return exception ? draw_writes(c, page, n) : n;
	case KEEP_FEW:
		return exception ? n : 0;
	case LOSE_NONE:
		return n;
	default:
		return 0;
	}
}

static struct chance
make_chance(uint64_t seed, int file, size_t writes)
{
	static const uint32_t few[] = { 2, 4, 16, 64 };
	struct chance c = { .seed =
				dice_mix(seed * TRACE_FILES + (uint64_t)file) };

	dice_init(&c.dice, c.seed, 1);
	c.loss = (enum loss)dice_below(&c.dice, LOSSES);
	c.few = few[dice_below(&c.dice, 4)];
	/* Rather late than early. */
	c.moment = dice_below(&c.dice, (uint32_t)writes + 1);
	if (dice_hit(&c.dice, 2))
		c.moment = writes -
		    dice_below(&c.dice,
			writes < 16 ? (uint32_t)writes + 1 : 16);
	return c;
}

/* The write is in each sector that has seen it, unless the sector is durable
 * by a later one. */
static void
put_write(const struct disk_file *f, size_t i, const struct chance *c,
    uint8_t *image, const size_t *least)
{
	const struct trace_event *e = f->writes[i];
	size_t at = round_down((size_t)e->at), seen;

	for (; at < end_of(e); at += SECTOR) {
		seen = seen_by(c, at / SECTOR, f->n_writes);
		if (i < seen && i >= least[at / SECTOR])
			copy_part(image, e, at, at + SECTOR);
	}
}

/* For each sector: the first write that is behind the last durable one. */
static size_t *
find_least(const struct disk_file *f)
{
	size_t *least = calloc(f->size / SECTOR + 2, sizeof(*least)), i, at;
	const struct trace_event *e;

	if (least == NULL)
		err(EX_OSERR, "no memory for an image");
	for (i = 0; i < f->n_writes; i++) {
		e = f->writes[i];
		for (at = round_down((size_t)e->at);
		     e->durable && at < end_of(e); at += SECTOR)
			least[at / SECTOR] = i + 1;
	}
	return least;
}

/* Any size that it has had. */
static size_t
draw_size(const struct disk_file *f, struct chance *c)
{
	size_t size = f->base_size, n, i;

	switch (dice_below(&c->dice, 3)) {
	case 0:
		return size;
	case 1:
		return f->size;
	default:
		n = dice_below(&c->dice, (uint32_t)f->n_writes + 1);
		for (i = 0; i < n; i++)
			if (end_of(f->writes[i]) > size)
				size = end_of(f->writes[i]);
		return size;
	}
}

static void
write_image(const char *path, const uint8_t *image, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, image, size) != (ssize_t)size ||
	    close(fd) == -1)
		err(EX_CANTCREAT, "%s", path);
}

static void
cut_file(struct disk_file *f, int file, uint64_t seed, const char *path)
{
	struct chance c = make_chance(seed, file, f->n_writes);
	size_t *least, i, size;
	uint8_t *image;

	if (!f->there || (!f->durable_name && dice_hit(&c.dice, 3)))
		return;
	reserve(f, f->size + PAGE);
	least = find_least(f);
	if ((image = malloc(f->capacity)) == NULL)
		err(EX_OSERR, "no memory for an image");
	memcpy(image, f->base, f->capacity);
	for (i = 0; i < f->n_writes; i++)
		put_write(f, i, &c, image, least);
	size = draw_size(f, &c);
	write_image(path, image, size);
	free(image);
	free(least);
}

static void
cut_all(struct disk *d, uint64_t seed, const char *dir)
{
	struct dice dice;
	char path[4096];
	int i;

	dice_init(&dice, seed, 2);
	if (!d->there || (!d->durable_name && dice_hit(&dice, 3)))
		return;
	if (mkdir(dir, 0700) == -1)
		err(EX_CANTCREAT, "%s", dir);
	for (i = 0; i < TRACE_FILES; i++)
		cut_file(&d->files[i], i, seed,
		    path_of(path, sizeof(path), dir, i));
}

void
disk_cut(struct disk *d, const struct trace_event *now, uint64_t seed,
    const char *dir)
{
	struct trace_event *e = NULL;
	struct disk_file *f = NULL;
	size_t size = 0;

	/* A write under way is one that nothing has made durable. */
	if (now != NULL && now->type == TRACE_WRITE) {
		if ((e = malloc(sizeof(*e) + now->size)) == NULL)
			err(EX_OSERR, "no memory for a write");
		memcpy(e, now, sizeof(*e) + now->size);
		e->durable = false;
		f = &d->files[e->file];
		size = f->size;
		add_write(f, e);
	}
	cut_all(d, seed, dir);
	if (e != NULL) {
		f->n_writes--;
		f->size = size;
		free(e);
	}
}
