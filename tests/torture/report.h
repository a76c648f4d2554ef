/*
 * What has been seen, and its summary.
 */

#ifndef TORTURE_REPORT_H
#define TORTURE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "torture/options.h"

struct report {
	int64_t started_ms;
	bool verbose;
	bool failed;
	bool counters; /* kvd knows INCR */
	uint64_t blows[ROLES][BLOWS];
	uint64_t families; /* stopped as a whole */
	/* What clients have seen. */
	uint64_t requests; /* answered */
	uint64_t writes; /* acknowledged */
	uint64_t connections;
	uint64_t cut_off; /* their worker or master was killed */
	uint64_t resets; /* while connecting, as an acceptor was killed */
	int64_t stall_ms; /* the longest */
	int64_t fresh_ms; /* what a new client waited at the end */
	int64_t restart_ms; /* from a master's death to new clients, longest */
	/* What must not be. */
	uint64_t lost; /* acknowledged, and not there */
	uint64_t duplicated; /* executed twice, or before its time */
	uint64_t wrong; /* replies that no request asked for */
	uint64_t errors; /* error replies */
	uint64_t disconnected; /* without cause */
	uint64_t hung; /* not answered at all */
	uint64_t descriptors; /* leaked, as are the next two */
	uint64_t zombies;
	uint64_t processes;
	uint64_t deaths; /* that this program did not cause */
	uint64_t complaints; /* in the log */
	uint64_t other; /* kvd does not start, or end */
};

void report_init(struct report *, const struct options *);
/* Counts one of those that must not be, and says what it was. */
void report_failure(struct report *, uint64_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says what happens, when that is wanted. */
void report_note(const struct report *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_print(const struct report *);

#endif
