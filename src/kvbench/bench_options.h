/*
 * kvbench's command line.
 */

#ifndef KVBENCH_BENCH_OPTIONS_H
#define KVBENCH_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvbench/keys.h"
#include "kvbench/mix.h"
#include "kvbench/protocol.h"

struct bench_options {
	const struct protocol *protocol;
	const char *host, *port; /* or */
	const char *path; /* of a Unix socket */
	const char *bucket;
	struct mix mix;
	enum keys_order order;
	double exponent; /* of KEYS_ZIPF */
	uint64_t keys;
	size_t size_min, size_max; /* of values */
	size_t clients, depth, threads;
	uint64_t requests; /* BENCH_LOAD_UNLIMITED */
	double seconds; /* 0: no limit */
	double warm_up_s;
	double rate; /* requests a second, of all; 0: a closed loop */
	uint64_t seed;
	int timeout_ms;
	bool churn, fill, json, quiet;
};

/* Exits on what is wrong, and after -V. */
void bench_options_parse(struct bench_options *, int argc, char *argv[]);

#endif
