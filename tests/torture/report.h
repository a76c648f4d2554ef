/*
 * report: counts what happens in a run, and prints a summary.
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
	uint64_t blows[ROLES][BLOWS];
	uint64_t families; /* times that the master and all workers stopped */
	/* What clients have seen: */
	uint64_t requests; /* answered */
	uint64_t writes; /* acknowledged */
	uint64_t connections;
	uint64_t cut_off; /* disconnected by a blow to a worker or master */
	uint64_t events; /* that watchers have heard */
	uint64_t missed; /* times that they were told MISSED */
	uint64_t lagged; /* times that they were too slow */
	uint64_t backups; /* that were made, restored and compared */
	uint64_t exact; /* of these: with the state of their revision */
	uint64_t refused; /* backups that failed with a death, and said so */
	uint64_t resets; /* while connecting: an acceptor was killed */
	int64_t stall_ms; /* the longest wait for a reply */
	int64_t fresh_ms; /* how long a new client waited at the end */
	int64_t restart_ms; /* longest time from the death of a master to new
			     * clients */
	/* Failures: */
	uint64_t lost; /* acknowledged writes that are not there */
	uint64_t duplicated; /* executed twice, or before it was sent */
	uint64_t wrong; /* replies that match no request */
	uint64_t errors; /* error replies */
	uint64_t disconnected; /* without a blow */
	uint64_t hung; /* no reply in time */
	uint64_t descriptors; /* leaked */
	uint64_t zombies; /* leaked */
	uint64_t processes; /* leaked */
	uint64_t deaths; /* without a blow */
	uint64_t complaints; /* lines of the log */
	uint64_t copies; /* backups that do not have what they have to */
	uint64_t other; /* kvd does not start or end */
};

void report_init(struct report *, const struct options *);
/* Counts a failure, and prints what it was. */
void report_failure(struct report *, uint64_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints what happens, if the run is verbose. */
void report_note(const struct report *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_print(const struct report *);

#endif
