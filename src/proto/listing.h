/*
 * LIST and PAGE: the listings BUCKETS, KEYS and ENTRIES.  A worker asks for them
 * page by page, each request saying where to go on, so that any registry can
 * answer it.  Pure: no I/O.
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

enum list_kind {
	LIST_BUCKETS,
	LIST_KEYS,
	LIST_ENTRIES,
	LIST_KINDS
};

/* A worker's: what is still to be asked for. */
struct listing {
	enum list_kind kind;
	uint64_t revision; /* of the snapshot; 0: the first page tells */
	uint64_t limit; /* lines that are still wanted */
	struct bytes bucket, prefix; /* borrowed; bucket is empty for BUCKETS */
	size_t after_size; /* 0: from the start */
	uint8_t after[UINT8_MAX];
};

/*
 * Reads the words of a request, the command's first.  Returns STATUS_OK,
 * STATUS_UNKNOWN_COMMAND for wrong words, or what is wrong with an argument.
 * The words are borrowed for as long as the listing lasts.
 */
enum status listing_parse(struct listing *, enum list_kind,
    const struct bytes *words, size_t n);
/* Appends the request for the next page. */
void listing_put(const struct listing *, uint64_t sequence, struct buf *);
/* In the registry: do the fields of a LIST go together? */
bool listing_is_sound(const struct fields *);

/* How the registry answers: a frame whose lines answer_put_line() adds, with as
 * many lines as fit a page. */
struct listing_page {
	uint64_t revision; /* of the snapshot; 0: there is none */
	enum status status;
	bool more; /* there is another page */
};
/* Begins the frame and returns its position. */
size_t listing_begin_page(struct buf *, uint64_t sequence);
/* Says how it has ended. */
void listing_end_page(struct buf *, size_t position,
    const struct listing_page *);

enum listing_result {
	LISTING_MORE, /* ask for the next page */
	LISTING_END, /* the status line was appended */
	LISTING_MALFORMED,
};
/* Appends a page's lines as text, given the body of a MESSAGE_PAGE. */
enum listing_result listing_format(struct listing *, struct bytes body,
    struct buf *);

#endif
