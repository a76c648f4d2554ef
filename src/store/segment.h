/*
 * A segment of the log: a file of commits, each of which was appended by one
 * write.  The log has two segments, which take turns.
 *
 * The file begins with a header, in a block of its own.  Behind it come the
 * commits, in order: a header (struct segment_commit) and its records.  A
 * commit begins at a multiple of 8, and in a block of its own if it has to be
 * durable, so that a later write that is cut off cannot damage it.
 *
 * Only checksums tell what the segment holds, and where it ends.  That of a
 * commit continues that of the commit before, so that what a recycled segment
 * still holds of an earlier generation never seems to follow.  And each commit
 * has the segment's salt, a random number, so that a client cannot make a value
 * that looks like a commit.
 *
 * Numbers are in the machine's byte order, as in LMDB's file: neither can be
 * carried to another kind of machine.
 *
 * The functions return 0, or -1 with errno.  None of them knows what is in a
 * record; store/table.h does.
 */

#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_BLOCK ((size_t)4096)
/* Of a new segment.  It grows when a commit needs more, and stays as large. */
#define SEGMENT_SIZE_MIN ((size_t)1 << 20)
/* Offsets in a segment have 32 bits. */
#define SEGMENT_SIZE_MAX ((size_t)2 << 30)

/* How much the store holds, as of a commit. */
struct segment_totals {
	uint64_t buckets;
	uint64_t keys; /* of buckets that are not dropped */
	/* Rows of `expiries` and of `dropped`, with those that purging has
	 * removed: the log does not know of that (struct fold_purged). */
	uint64_t expiring;
	uint64_t dropped;
	uint64_t outcomes;
};

/* In front of the records of a commit. */
struct segment_commit {
	uint32_t magic;
	uint32_t size; /* of this and the records */
	uint64_t salt;
	uint64_t revision;
	uint64_t durable; /* the last revision that was known to be durable when
			   * this was written */
	struct segment_totals totals;
	uint32_t header_sum; /* CRC-32C of the fields above */
	uint32_t sum; /* CRC-32C of those and the records, continued */
};

struct segment {
	int fd;
	int direct_fd; /* for writes that are durable when they return; -1: the
			* file system has none */
	size_t file_size;
	uint64_t store_id;
	uint64_t generation; /* 0: it holds nothing */
	uint64_t salt;
	/* What it follows: the last revision of the segment before and its
	 * checksum, and the revision that was durable then. */
	uint64_t previous_revision, previous_durable;
	uint32_t previous_sum;
	uint32_t header_sum; /* of its own header */

	/* As far as it has been read or written: */
	uint64_t revision; /* of its last commit, or previous_revision */
	uint32_t sum; /* of its last commit, or of its header */
	size_t end; /* of its last commit, or of its header's block */
	bool marked; /* its last commit says that all up to it are durable */
	bool unsynced; /* has been written to since it was synced */
};

/* How an append is to be done. */
enum segment_write {
	SEGMENT_PACKED, /* right behind the commit before; the kernel decides
			 * when it reaches the disk */
	SEGMENT_APART, /* the same, but in a block of its own */
	SEGMENT_DURABLE, /* in a block of its own; durable when it returns */
};

/* Opens the file, or makes it.  Its descriptors are -1 in *s if that fails. */
int segment_open(struct segment *s, int dirfd, const char *name, bool create);
void segment_close(struct segment *);

/* Appends zeros until the file has `size` bytes, durably.  This takes the space
 * on the disk, so that no append within it can find the disk full. */
int segment_extend(struct segment *, size_t size);

/*
 * Begins a generation, durably: from here on the segment holds no commit.
 * `revision` is the last before it, and `durable` the last that is known to be
 * durable.  It continues the checksum of `before`; NULL: there is no segment
 * before it.
 */
int segment_begin(struct segment *, uint64_t store_id, uint64_t generation,
    const struct segment *before, uint64_t revision, uint64_t durable);
/* Makes the segment one that holds nothing, durably. */
int segment_erase(struct segment *);

enum segment_state {
	SEGMENT_SOUND, /* generation 0: it holds nothing */
	SEGMENT_DAMAGED, /* the header is */
	SEGMENT_CUT_SHORT, /* the file was longer */
	SEGMENT_UNREADABLE, /* see errno */
};
enum segment_state segment_read_header(struct segment *);
/* Back to the state in which only the header has been read. */
void segment_rewind(struct segment *);
/* Does a commit follow the header?  1: yes, 0: no, or -1. */
int segment_has_commits(const struct segment *);
/* Reads the whole file into `image`, which has room for it. */
int segment_read(const struct segment *, uint8_t *image);
/*
 * The commit that follows what has been read so far, or NULL when none does
 * that is whole.  It becomes the last one by segment_accept().
 */
const struct segment_commit *segment_next(const struct segment *,
    const uint8_t *image);
void segment_accept(struct segment *, const uint8_t *image,
    const struct segment_commit *);
/*
 * Is there proof behind the end that a later commit was durable here?  Then
 * the end is damage, and not where a write was cut off.
 */
bool segment_is_cut(const struct segment *, const uint8_t *image);
/* Does its header or any of its commits, whole or not, say that this revision
 * is durable? */
bool segment_vouches(const struct segment *, const uint8_t *image,
    uint64_t revision);
/*
 * Overwrites, durably, what looks like a commit behind the end.  When the
 * revisions that a power cut has taken away are used again, such a commit might
 * seem to follow.
 */
int segment_wipe_rest(struct segment *, uint8_t *image);

/* Where in the image the next commit is to begin. */
size_t segment_start(const struct segment *, enum segment_write);
/*
 * Appends the commit that lies in the image from `start` to `end`: fills in
 * its header but for `totals`, and writes it.  The file grows, up to
 * `size_max`, if it has to.  When it fails, nothing of it is in the file, or
 * errno is EIO.
 */
int segment_append(struct segment *, uint8_t *image, size_t start, size_t end,
    uint64_t revision, uint64_t durable, size_t size_max, enum segment_write);
/* Writes the commits behind `from` again, and syncs them. */
int segment_rewrite(struct segment *, const uint8_t *image, size_t from);
/* Makes all that was appended durable. */
int segment_sync(struct segment *);

#endif
