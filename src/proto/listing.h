/*
 * LIST and PAGE: the listings of BUCKETS, KEYS and ENTRIES.  A worker asks for
 * one page after another.  Each request says where to go on, so a new registry
 * can answer it as well.  Pure: no I/O.
 */

#ifndef PROTO_LISTING_H
#define PROTO_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

struct fields;

/* A worker's listing: what it still has to ask for. */
struct listing {
	enum list_kind kind;
	uint64_t revision; /* of the snapshot; 0 until the first page came */
	enum status status; /* at the end */
	uint64_t limit; /* how many more lines the client wants */
	struct bytes bucket, prefix; /* borrowed; bucket is empty for BUCKETS */
	/* The name behind which to go on; of size 0: from the first one. */
	size_t after_size;
	uint8_t after[UINT8_MAX];
};

/*
 * Parses the words of a request, of which the first is the command.  Returns
 * STATUS_OK, STATUS_UNKNOWN_COMMAND if the words do not fit the command, or what
 * is wrong with an argument.  The words have to stay valid until the listing
 * ends.
 */
enum status listing_parse(struct listing *, enum list_kind,
    const struct bytes *words, size_t n);
/* Appends the request for the next page. */
void listing_put(const struct listing *, uint64_t sequence, struct buf *);
/* Registry: is there a bucket if, and only if, this kind of LIST needs one? */
bool listing_is_sound(const struct fields *);

/* The registry's answer.  It calls listing_begin_page(), then answer_put_line()
 * for as many lines as fit a page, then listing_end_page(). */
struct listing_page {
	uint64_t revision; /* of the snapshot; 0: there is none */
	enum status status;
	bool more; /* there is another page */
};
/* Returns the position that listing_end_page() needs. */
size_t listing_begin_page(struct buf *, uint64_t sequence);
void listing_end_page(struct buf *, size_t position,
    const struct listing_page *);

enum listing_result {
	LISTING_MORE, /* ask for the next page */
	LISTING_END, /* the status line was appended */
	LISTING_MALFORMED,
};
/* Worker: formats the lines of a MESSAGE_PAGE with this body. */
enum listing_result listing_format(struct listing *, struct bytes body,
    struct buf *);

#endif
