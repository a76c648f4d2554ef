/*
 * segment: a file of the log.  Runs in the registry and the checkpointer.
 */

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "store/segment.h"

#define COMMIT_MAGIC 0x6b766443
#define ALIGNMENT ((size_t)8)

/* On disk, at the start of the file. */
struct header {
	char magic[8];
	uint64_t store_id;
	uint64_t generation;
	uint64_t salt;
	uint64_t previous_revision;
	uint64_t previous_durable;
	uint32_t previous_sum;
	uint32_t sum; /* CRC-32C of the fields above */
};

static const char header_magic[8] = "kvdlog3";

/* How long the file has to be; in a sector of its own behind the header. */
#define LENGTH_AT 512
struct length {
	uint64_t bytes;
	uint32_t salt; /* a constant, so that a sector of zeros is no length */
	uint32_t sum; /* CRC-32C of the fields above */
};

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Writes all of it. */
static int
write_at(int fd, const uint8_t *data, size_t size, size_t at)
{
	ssize_t n;

	while (size > 0) {
		n = pwrite(fd, data, size, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		data += n;
		at += (size_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads up to the end of the file; what is behind it is zeros. */
static int
read_at(int fd, uint8_t *data, size_t size, size_t at)
{
	ssize_t n;

	while (size > 0) {
		n = pread(fd, data, size, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		data += n;
		at += (size_t)n;
		size -= (size_t)n;
	}
	memset(data, 0, size);
	return 0;
}

int
segment_open(struct segment *s, int dirfd, const char *name, bool create)
{
	struct stat st;

	*s = (struct segment){ .fd = -1, .direct_fd = -1 };
	s->fd = openat(dirfd, name,
	    O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW |
		O_NONBLOCK,
	    0600);
	if (s->fd == -1)
		return -1;
	if (fstat(s->fd, &st) == -1) {
		segment_close(s);
		return -1;
	}
	s->file_size = (size_t)st.st_size;
	/* Some file systems cannot; then appends are synced. */
	s->direct_fd = openat(dirfd, name,
	    O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECT | O_DSYNC);
	return 0;
}

void
segment_close(struct segment *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	if (s->direct_fd != -1)
		(void)close(s->direct_fd);
	s->fd = s->direct_fd = -1;
}

/* Where zeros have been written there is disk space, and a durable append does
 * not have to change any metadata of the file system. */
int
segment_extend(struct segment *s, size_t size)
{
	static const uint8_t zeros[64 * 1024];
	size_t at = s->file_size, piece;
	int saved;

	for (; at < size; at += piece) {
		piece = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
		if (write_at(s->fd, zeros, piece, at) == -1) {
			saved = errno;
			if (ftruncate(s->fd, (off_t)s->file_size) == -1)
				return -1;
			errno = saved;
			return -1;
		}
	}
	if (at == s->file_size)
		return 0;
	if (fdatasync(s->fd) == -1) {
		errno = EIO; /* not to be tried again */
		return -1;
	}
	s->file_size = at;
	return 0;
}

static uint32_t
header_sum(const struct header *h)
{
	return crc32c(0, h, offsetof(struct header, sum));
}

/* What lies behind the header does not count yet. */
static void
take_header(struct segment *s, const struct header *h)
{
	s->store_id = h->store_id;
	s->generation = h->generation;
	s->salt = h->salt;
	s->previous_revision = h->previous_revision;
	s->previous_durable = h->previous_durable;
	s->previous_sum = h->previous_sum;
	s->header_sum = h->sum;
	segment_rewind(s);
}

void
segment_rewind(struct segment *s)
{
	s->revision = s->previous_revision;
	s->sum = s->header_sum;
	s->end = SEGMENT_BLOCK;
	s->marked = false;
}

static struct length
length_of(const struct segment *s)
{
	struct length l = { .bytes = s->file_size, .salt = COMMIT_MAGIC };

	l.sum = crc32c(0, &l, offsetof(struct length, sum));
	return l;
}

static int
write_header(struct segment *s, const struct header *h)
{
	uint8_t block[SEGMENT_BLOCK] = { 0 };
	struct length l = length_of(s);

	memcpy(block, h, sizeof(*h));
	memcpy(block + LENGTH_AT, &l, sizeof(l));
	if (write_at(s->fd, block, sizeof(block), 0) == -1)
		return -1;
	return fdatasync(s->fd);
}

int
segment_begin(struct segment *s, uint64_t store_id, uint64_t generation,
    const struct segment *before, uint64_t revision, uint64_t durable)
{
	struct header h = { .store_id = store_id,
		.generation = generation,
		.previous_revision = revision,
		.previous_durable = durable,
		.previous_sum = before == NULL ? 0 : before->sum };

	memcpy(h.magic, header_magic, sizeof(h.magic));
	if (getrandom(&h.salt, sizeof(h.salt), 0) != sizeof(h.salt))
		return -1;
	h.sum = header_sum(&h);
	if (segment_extend(s, SEGMENT_SIZE_MIN) == -1 ||
	    write_header(s, &h) == -1)
		return -1;
	take_header(s, &h);
	return 0;
}

int
segment_erase(struct segment *s)
{
	static const struct header none;

	take_header(s, &none);
	return s->file_size == 0 ? 0 : write_header(s, &none);
}

/* A file that was made has a length, even if the segment holds nothing. */
static enum segment_state
check_length(const struct segment *s, const uint8_t *block)
{
	struct length l;

	memcpy(&l, block + LENGTH_AT, sizeof(l));
	if (s->file_size < SEGMENT_SIZE_MIN)
		return SEGMENT_CUT_SHORT;
	if (l.salt != COMMIT_MAGIC ||
	    l.sum != crc32c(0, &l, offsetof(struct length, sum)))
		return SEGMENT_DAMAGED;
	return l.bytes > s->file_size ? SEGMENT_CUT_SHORT : SEGMENT_SOUND;
}

/* The header lies in one sector: a write of it that was cut off leaves the old
 * one or the new one. */
enum segment_state
segment_read_header(struct segment *s)
{
	static const struct header none;
	enum segment_state state;
	uint8_t block[SEGMENT_BLOCK];
	struct header h;

	take_header(s, &none);
	if (read_at(s->fd, block, sizeof(block), 0) == -1)
		return SEGMENT_UNREADABLE;
	memcpy(&h, block, sizeof(h));
	if ((state = check_length(s, block)) != SEGMENT_SOUND)
		return state;
	if (memcmp(&h, &none, sizeof(h)) == 0)
		return SEGMENT_SOUND;
	if (memcmp(h.magic, header_magic, sizeof(h.magic)) != 0 ||
	    h.sum != header_sum(&h))
		return SEGMENT_DAMAGED;
	take_header(s, &h);
	return SEGMENT_SOUND;
}

int
segment_read(const struct segment *s, uint8_t *image)
{
	return read_at(s->fd, image, s->file_size, 0);
}

static bool
header_is_sound(const struct segment *s, const struct segment_commit *c)
{
	return c->magic == COMMIT_MAGIC && c->salt == s->salt &&
	    c->header_sum ==
	    crc32c(0, c, offsetof(struct segment_commit, header_sum));
}

int
segment_has_commits(const struct segment *s)
{
	struct segment_commit c;

	if (read_at(s->fd, (uint8_t *)&c, sizeof(c), SEGMENT_BLOCK) == -1)
		return -1;
	return s->generation != 0 && header_is_sound(s, &c);
}

/* Continues the sum of the commit before. */
static uint32_t
commit_sum(const struct segment *s, const struct segment_commit *c)
{
	uint32_t sum;

	sum = crc32c(s->sum, c, offsetof(struct segment_commit, header_sum));
	return crc32c(sum, c + 1, c->size - sizeof(*c));
}

static const struct segment_commit *
commit_at(const struct segment *s, const uint8_t *image, size_t at)
{
	const struct segment_commit *c = (const void *)(image + at);

	if (at + sizeof(*c) > s->file_size || !header_is_sound(s, c) ||
	    c->size < sizeof(*c) || c->size > s->file_size - at)
		return NULL;
	/* A commit without records repeats the revision before it. */
	if (c->revision != s->revision + (c->size > sizeof(*c)))
		return NULL;
	return c->sum == commit_sum(s, c) ? c : NULL;
}

const struct segment_commit *
segment_next(const struct segment *s, const uint8_t *image)
{
	const struct segment_commit *c;
	size_t packed = round_up(s->end, ALIGNMENT);
	size_t apart = round_up(s->end, SEGMENT_BLOCK);

	c = commit_at(s, image, packed);
	if (c == NULL && apart != packed)
		c = commit_at(s, image, apart);
	return c;
}

void
segment_accept(struct segment *s, const uint8_t *image,
    const struct segment_commit *c)
{
	s->revision = c->revision;
	s->sum = c->sum;
	s->end = (size_t)((const uint8_t *)c - image) + c->size;
	s->marked = c->durable == c->revision;
}

/* The next header of a commit from `at` on, or NULL; *at is moved behind it. */
static const struct segment_commit *
find_header(const struct segment *s, const uint8_t *image, size_t *at)
{
	const struct segment_commit *c;

	while (*at + sizeof(*c) <= s->file_size) {
		c = (const void *)(image + *at);
		*at += ALIGNMENT;
		if (c->magic == COMMIT_MAGIC && header_is_sound(s, c))
			return c;
	}
	return NULL;
}

static bool
vouches_from(const struct segment *s, const uint8_t *image, size_t at,
    uint64_t revision)
{
	const struct segment_commit *c;

	while ((c = find_header(s, image, &at)) != NULL)
		if (c->durable >= revision)
			return true;
	return false;
}

bool
segment_is_cut(const struct segment *s, const uint8_t *image)
{
	return vouches_from(s, image, round_up(s->end, ALIGNMENT),
	    s->revision + 1);
}

bool
segment_vouches(const struct segment *s, const uint8_t *image,
    uint64_t revision)
{
	return s->previous_durable >= revision ||
	    vouches_from(s, image, SEGMENT_BLOCK, revision);
}

int
segment_wipe_rest(struct segment *s, uint8_t *image)
{
	static const uint8_t zeros[sizeof(struct segment_commit)];
	size_t at = round_up(s->end, ALIGNMENT);

	while (find_header(s, image, &at) != NULL) {
		memset(image + at - ALIGNMENT, 0, sizeof(zeros));
		if (write_at(s->fd, zeros, sizeof(zeros), at - ALIGNMENT) == -1)
			return -1;
		s->unsynced = true;
	}
	return segment_sync(s);
}

size_t
segment_start(const struct segment *s, enum segment_write how)
{
	return round_up(s->end,
	    how == SEGMENT_PACKED ? ALIGNMENT : SEGMENT_BLOCK);
}

static void
fill_header(const struct segment *s, struct segment_commit *c, size_t size,
    uint64_t revision, uint64_t durable)
{
	c->magic = COMMIT_MAGIC;
	c->size = (uint32_t)size;
	c->salt = s->salt;
	c->revision = revision;
	c->durable = durable;
	c->header_sum =
	    crc32c(0, c, offsetof(struct segment_commit, header_sum));
	c->sum = commit_sum(s, c);
}

/* Writes whole blocks, as O_DIRECT wants them.  What the image has behind the
 * end may be left from a commit that was taken back, so it is zeroed. */
static int
write_durably(struct segment *s, uint8_t *image, size_t start, size_t end)
{
	size_t to = round_up(end, SEGMENT_BLOCK);

	memset(image + end, 0, to - end);
	if (s->direct_fd != -1) {
		if (write_at(s->direct_fd, image + start, to - start, start) ==
		    0)
			return 0;
		if (errno != EINVAL)
			return -1;
		(void)close(s->direct_fd);
		s->direct_fd = -1;
	}
	if (write_at(s->fd, image + start, to - start, start) == -1)
		return -1;
	if (fdatasync(s->fd) == -1) {
		errno = EIO;
		return -1;
	}
	return 0;
}

/* A part of the commit may be in the file.  Without its header it is none. */
static int
take_back(struct segment *s, size_t start)
{
	static const uint8_t zeros[sizeof(struct segment_commit)];
	int saved = errno;

	if (write_at(s->fd, zeros, sizeof(zeros), start) == -1 ||
	    fdatasync(s->fd) == -1)
		saved = EIO;
	errno = saved;
	return -1;
}

/* The file doubles, so that this is rare.  Its new length is stored before any
 * commit lies behind the old one. */
static int
make_room(struct segment *s, size_t end, size_t size_max)
{
	size_t size = s->file_size;
	struct length l;

	if (end <= size)
		return 0;
	while (size < end)
		size = size == 0 ? SEGMENT_SIZE_MIN : size * 2;
	if (segment_extend(s, size < size_max ? size : size_max) == -1)
		return -1;
	l = length_of(s);
	if (write_at(s->fd, (uint8_t *)&l, sizeof(l), LENGTH_AT) == -1 ||
	    fdatasync(s->fd) == -1) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int
segment_append(struct segment *s, uint8_t *image, size_t start, size_t end,
    uint64_t revision, uint64_t durable, size_t size_max,
    enum segment_write how)
{
	struct segment_commit *c = (void *)(image + start);
	int rc;

	if (make_room(s, round_up(end, SEGMENT_BLOCK), size_max) == -1)
		return -1;
	fill_header(s, c, end - start, revision, durable);
	if (how == SEGMENT_DURABLE)
		rc = write_durably(s, image, start, end);
	else
		rc = write_at(s->fd, image + start, end - start, start);
	if (rc == -1)
		return take_back(s, start);
	s->unsynced = s->unsynced || how != SEGMENT_DURABLE;
	segment_accept(s, image, c);
	return 0;
}

int
segment_rewrite(struct segment *s, const uint8_t *image, size_t from)
{
	s->unsynced = true;
	if (write_at(s->fd, image + from, s->end - from, from) == -1)
		return -1;
	return segment_sync(s);
}

int
segment_sync(struct segment *s)
{
	if (!s->unsynced)
		return 0;
	if (fdatasync(s->fd) == -1)
		return -1;
	s->unsynced = false;
	return 0;
}
