/*
 * store_damage: see store_damage.h.  Runs in the registry, the checkpointer
 * and kvd-maintain.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "store/store_damage.h"

#define NEW_FILE DAMAGE_FILE ".new"
#define HEAD "kvd damaged 1\n"
/* Two numbers of 20 digits. */
#define LINE_SIZE 64
#define TEXT_SIZE (sizeof(HEAD) + (DAMAGE_MAX + 1) * LINE_SIZE)

bool
damage_has(const struct damage *d, uint64_t id)
{
	size_t low = 0, high = d->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (id > d->ranges[middle].last)
			low = middle + 1;
		else if (id < d->ranges[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

/* Is there nothing between two ranges, of which the first begins no later? */
static bool
touches(const struct damage_range *a, const struct damage_range *b)
{
	return a->last == UINT64_MAX || a->last + 1 >= b->first;
}

/* Joins the ranges that touch each other. */
static void
join(struct damage *d)
{
	size_t i, n = 0;

	for (i = 1; i < d->count; i++) {
		if (!touches(&d->ranges[n], &d->ranges[i]))
			d->ranges[++n] = d->ranges[i];
		else if (d->ranges[i].last > d->ranges[n].last)
			d->ranges[n].last = d->ranges[i].last;
	}
	d->count = d->count == 0 ? 0 : n + 1;
}

bool
damage_add(struct damage *d, uint64_t first, uint64_t last)
{
	size_t i = d->count;

	if (d->count == DAMAGE_MAX)
		return false;
	for (; i > 0 && d->ranges[i - 1].first > first; i--)
		d->ranges[i] = d->ranges[i - 1];
	d->ranges[i] = (struct damage_range){ first, last };
	d->count++;
	join(d);
	return true;
}

/* Ranges that touch are one, so what is covered lies in one range. */
bool
damage_covers(const struct damage *a, const struct damage *b)
{
	size_t i, j = 0;

	for (i = 0; i < b->count; i++) {
		while (j < a->count && a->ranges[j].last < b->ranges[i].last)
			j++;
		if (j == a->count || a->ranges[j].first > b->ranges[i].first)
			return false;
	}
	return true;
}

static size_t
print(const struct damage *d, char text[TEXT_SIZE])
{
	size_t size, i;

	size = (size_t)snprintf(text, TEXT_SIZE, HEAD);
	for (i = 0; i < d->count; i++)
		size += (size_t)snprintf(text + size, TEXT_SIZE - size,
		    "buckets %" PRIu64 " %" PRIu64 "\n", d->ranges[i].first,
		    d->ranges[i].last);
	return size +
	    (size_t)snprintf(text + size, TEXT_SIZE - size,
		"sum %08" PRIx32 "\n", crc32c(0, text, size));
}

/* What was read is what print() would have written. */
static bool
parse(struct damage *d, const char *text)
{
	char again[TEXT_SIZE];
	struct damage_range r;
	const char *at = text;
	int n;

	d->count = 0;
	if (strncmp(at, HEAD, strlen(HEAD)) != 0)
		return false;
	for (at += strlen(HEAD);
	     sscanf(at, "buckets %" SCNu64 " %" SCNu64 "\n%n", &r.first,
		 &r.last, &n) == 2;
	     at += n)
		if (!damage_add(d, r.first, r.last))
			return false;
	(void)print(d, again);
	return strcmp(again, text) == 0;
}

static int
read_all(int fd, char text[TEXT_SIZE])
{
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, text + size, TEXT_SIZE - 1 - size)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		size += (size_t)n;
	}
	text[size] = '\0';
	return 0;
}

enum damage_result
damage_read(struct damage *d, int dirfd)
{
	char text[TEXT_SIZE];
	int fd, rc;

	d->count = 0;
	fd = openat(dirfd, DAMAGE_FILE,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT ? DAMAGE_NONE : DAMAGE_FAILED;
	rc = read_all(fd, text);
	(void)close(fd);
	if (rc == -1)
		return DAMAGE_FAILED;
	return parse(d, text) ? DAMAGE_READ : DAMAGE_MALFORMED;
}

static int
write_all(int fd, const char *text, size_t size)
{
	ssize_t n;

	for (; size > 0; text += n, size -= (size_t)n) {
		n = write(fd, text, size);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -1;
	}
	return fsync(fd);
}

static int
write_file(const struct damage *d, int dirfd)
{
	char text[TEXT_SIZE];
	int fd, rc;

	(void)unlinkat(dirfd, NEW_FILE, 0);
	fd = openat(dirfd, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -1;
	rc = write_all(fd, text, print(d, text));
	if (close(fd) == -1)
		rc = -1;
	if (rc == 0)
		rc = renameat(dirfd, NEW_FILE, dirfd, DAMAGE_FILE);
	if (rc == -1)
		(void)unlinkat(dirfd, NEW_FILE, 0);
	return rc;
}

int
damage_write(const struct damage *d, int dirfd)
{
	if (d->count > 0) {
		if (write_file(d, dirfd) == -1)
			return -1;
	} else if (unlinkat(dirfd, DAMAGE_FILE, 0) == -1)
		return errno == ENOENT ? 0 : -1;
	return fsync(dirfd);
}
