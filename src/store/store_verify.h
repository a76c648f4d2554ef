/*
 * Checks a store, from one end to the other: the pages of data.mdb, the
 * checksum and the form of each record, the log, and that counts and expiries
 * agree with the entries that are there.
 */

#ifndef STORE_STORE_VERIFY_H
#define STORE_STORE_VERIFY_H

#include "store/store.h"

struct verify_options {
	const char *dir;
	/* Another name of data.mdb, if the caller has locked the store; or
	 * NULL. */
	const char *file;
	bool in_use; /* a kvd uses it: see store_image_open_in_use() */
	/* What was found, a line without a newline: where, what it is, and
	 * what to do. */
	void (*found)(void *arg, const char *line);
	/* Called now and then, with the entries and the bytes that were read so
	 * far.  False: stop. */
	bool (*go_on)(void *arg, uint64_t entries, uint64_t bytes);
	void *arg;
};

struct verify_result {
	bool in_use; /* what was committed lately was not checked */
	uint64_t revision; /* the last one that was checked */
	uint64_t buckets, entries;
	uint64_t found; /* lines */
	char error[512]; /* unless STORE_OK is returned */
};

/*
 * STORE_OK: all was checked; what was found is in result->found.  STORE_REFUSED:
 * there is no store, or it has another format; STORE_FAILED: it cannot be
 * read; STORE_BEHIND: a fold takes too long; STORE_LOST: go_on() has said no, or
 * the store has changed too much meanwhile.
 */
enum store_result store_verify(const struct verify_options *,
    struct verify_result *);

#endif
