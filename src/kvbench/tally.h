/*
 * The results of a phase.
 */

#ifndef KVBENCH_TALLY_H
#define KVBENCH_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "kvbench/histogram.h"
#include "kvbench/mix.h"

#define TALLY_ERROR_SIZE 256
/* An hour: what is answered later is not counted by seconds. */
#define TALLY_SECONDS_MAX 3600

struct tally {
	int64_t begin_ns, end_ns;
	uint64_t done; /* answered requests */
	uint64_t absent; /* of them, those for keys that do not exist */
	uint64_t errors; /* of them, those that got an error */
	uint64_t unsent; /* of an open loop: due, but not sent in time */
	uint32_t by_second[TALLY_SECONDS_MAX]; /* answered in each second */
	char error[TALLY_ERROR_SIZE]; /* the first error, printable, or "" */
	struct histogram times[OP_COUNT]; /* nanoseconds */
};

/* Adds the results of another thread in the same phase. */
void tally_add(struct tally *to, const struct tally *);
/* Makes what a server has said printable. */
void tally_print(char text[TALLY_ERROR_SIZE], struct bytes said);
double tally_seconds(const struct tally *);
/* Requests a second. */
double tally_rate(const struct tally *);
/* Counts an answered request. */
void tally_note_done(struct tally *, int64_t now_ns);
/* The whole seconds that are counted: elements of by_second. */
size_t tally_whole_seconds(const struct tally *);

#endif
