/*
 * What a phase of load has come to.
 */

#ifndef KVBENCH_TALLY_H
#define KVBENCH_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "kvbench/histogram.h"
#include "kvbench/mix.h"

#define TALLY_ERROR_SIZE 256

struct tally {
	int64_t begin_ns, end_ns;
	uint64_t done; /* requests answered */
	uint64_t absent; /* of them, for keys that are not there */
	uint64_t errors; /* of them, with an error */
	uint64_t unsent; /* not sent in time, at a fixed rate */
	char error[TALLY_ERROR_SIZE]; /* the first one, printable, or "" */
	struct histogram times[OP_COUNT]; /* nanoseconds */
};

/* Adds what another thread has done at the same time. */
void tally_add(struct tally *to, const struct tally *);
/* The text of an error, or of anything a server has said, made printable. */
void tally_print(char text[TALLY_ERROR_SIZE], struct bytes said);
double tally_seconds(const struct tally *);
/* Requests a second. */
double tally_rate(const struct tally *);

#endif
