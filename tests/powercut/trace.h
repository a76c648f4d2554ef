/*
 * trace: what a process did to the files of a data directory, in order, and
 * what it promised meanwhile: the changes, the syncs, the content that each
 * commit is to have and the commits that must not be lost any more.  It is in
 * memory that the process shares with the one that reads it afterwards.
 */

#ifndef POWERCUT_TRACE_H
#define POWERCUT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_file {
	TRACE_LOG_1,
	TRACE_LOG_2,
	TRACE_DATA,
	TRACE_FILES
};

enum trace_type {
	TRACE_WRITE, /* of `size` bytes, which follow, at `at` */
	TRACE_GROW, /* the file has at least `at` bytes, new ones being 0 */
	TRACE_SYNC,
	TRACE_CREATE, /* the name of the file */
	TRACE_SYNC_NAMES, /* those in the directory */
	TRACE_MAKE_DIR,
	TRACE_SYNC_DIR, /* the name of the directory itself */
	TRACE_STATE, /* a commit gets the number `at`; its content follows */
	TRACE_PROMISE, /* commit `at` and those before it are durable */
};

struct trace_event {
	uint32_t type; /* enum trace_type */
	uint32_t file; /* enum trace_file */
	uint64_t at;
	uint64_t size; /* of the data that follows */
	uint64_t durable; /* a write that is so when it returns */
};

struct trace {
	size_t used; /* bytes of `events` */
	size_t lost; /* events for which there was no space */
	uint8_t events[];
};

extern const char *const trace_names[TRACE_FILES];

/* Ends the program if there is no memory. */
struct trace *trace_new(void);
void trace_clear(struct trace *);
void trace_add(struct trace *, const struct trace_event *, const void *data);
/* The event behind e (NULL: the first), or NULL. */
const struct trace_event *trace_next(const struct trace *,
    const struct trace_event *e);
static inline const void *
trace_data(const struct trace_event *e)
{
	return e + 1;
}

#endif
