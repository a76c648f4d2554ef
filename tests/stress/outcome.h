/*
 * outcome: what a run of the stress program has counted and found wrong.
 */

#ifndef STRESS_OUTCOME_H
#define STRESS_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

struct outcome {
	int64_t started_ms;
	int64_t run_ms; /* how long clients asked */
	bool verbose;
	bool failed;
	uint64_t reads; /* keys that were read, and checked */
	uint64_t unchecked; /* of them: too many steps to choose from */
	uint64_t own_reads; /* of them: by the client that writes the key */
	uint64_t absent; /* of them */
	uint64_t no_bucket; /* of them */
	uint64_t transactions; /* that only read */
	uint64_t writes;
	uint64_t aborted;
	uint64_t drops;
	uint64_t connections;
	uint64_t resets; /* while the acceptor was killed */
	uint64_t killed_registries, killed_acceptors;
	int64_t stall_ms; /* the longest wait for a reply */
	/* What is wrong. */
	uint64_t stale;
	uint64_t own_stale; /* a client's own write was not seen */
	uint64_t unsent;
	uint64_t half;
	uint64_t torn;
	uint64_t late, early;
	uint64_t errors; /* replies that nothing can have caused */
	uint64_t disconnected;
	uint64_t hung;
	uint64_t other;
};

void outcome_init(struct outcome *, bool verbose);
/* Counts and prints a failure. */
__attribute__((format(printf, 3, 4))) void outcome_failure(struct outcome *,
    uint64_t *count, const char *format, ...);
/* Prints this if -v was given. */
__attribute__((format(printf, 2, 3))) void outcome_note(const struct outcome *,
    const char *format, ...);
void outcome_print(const struct outcome *);

#endif
