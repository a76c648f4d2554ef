/*
 * The command line of kvbench.
 */

#ifndef KVBENCH_BENCH_OPTIONS_H
#define KVBENCH_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/target.h"
#include "kvbench/keys.h"
#include "kvbench/mix.h"
#include "kvbench/protocol.h"

struct bench_options {
	const struct protocol *protocol;
	struct target target;
	const char *bucket;
	struct mix mix;
	enum keys_order order;
	double exponent; /* of KEYS_ZIPF */
	uint64_t keys;
	size_t size_min, size_max; /* of values */
	size_t clients, depth, threads;
	uint64_t requests; /* BENCH_LOAD_UNLIMITED: no limit */
	double seconds; /* 0: no limit */
	double warm_up_s;
	double rate; /* requests a second of all clients; 0: closed loop */
	uint64_t seed;
	int timeout_ms;
	const char *host, *port, *path; /* as given, or NULL; see target */
	bool churn, fill, json, quiet;
};

/* Exits with EX_USAGE if an option is wrong, and after --help and -V. */
void bench_options_parse(struct bench_options *, int argc, char *argv[]);

#endif
