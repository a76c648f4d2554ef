/*
 * Limits how often a message of one kind is logged, where clients could cause
 * any number of such messages: at most one line in ten seconds.
 */

#ifndef COMMON_LOG_LIMIT_H
#define COMMON_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MS 10000

/* Starts as all zero. */
struct log_limit {
	int64_t next_ms; /* when a line is allowed again, by clock_ms() */
	unsigned long skipped; /* messages since the last line */
	unsigned int lines; /* since it was last next_ms */
};

/*
 * May this message be logged now?  If so, *skipped is set to the number of
 * messages that were not logged since the last one that was.
 */
bool log_limit_allows(struct log_limit *, int64_t now_ms,
    unsigned long *skipped);

/* The same, for up to `max` lines in that time. */
bool log_limit_allows_some(struct log_limit *, unsigned int max, int64_t now_ms,
    unsigned long *skipped);

#endif
