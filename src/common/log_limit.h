/*
 * Limits how often a message of one kind is logged, where others decide how
 * often there is cause for it: one line, then at most one in ten seconds.
 */

#ifndef COMMON_LOG_LIMIT_H
#define COMMON_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MS 10000

/* All zero at first. */
struct log_limit {
	int64_t next_ms; /* clock_ms() from when on a line is allowed again */
	unsigned long skipped; /* messages since the last line */
};

/*
 * Is a message that has come up now to be logged?  If so, *skipped is how many
 * were not since the last one that was.
 */
bool log_limit_allows(struct log_limit *, int64_t now_ms,
    unsigned long *skipped);

#endif
