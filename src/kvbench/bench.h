/*
 * A whole run: threads, phases, and what came of them.
 */

#ifndef KVBENCH_BENCH_H
#define KVBENCH_BENCH_H

#include "kvbench/bench_options.h"
#include "kvbench/tally.h"

struct bench_result {
	char target[320];
	struct tally fill, run;
};

/* Returns an exit status of sysexits.h; says on stderr what is wrong. */
int bench_run(const struct bench_options *, struct bench_result *);

#endif
