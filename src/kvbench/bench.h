/*
 * A whole run: its threads, its phases, and their results.
 */

#ifndef KVBENCH_BENCH_H
#define KVBENCH_BENCH_H

#include "common/target.h"
#include "kvbench/bench_options.h"
#include "kvbench/tally.h"

struct bench_result {
	char server[TARGET_TEXT_SIZE];
	struct tally fill, run;
};

/* Returns an exit status of sysexits.h.  If it is not EX_OK, one line on
 * standard error has said why. */
int bench_run(const struct bench_options *, struct bench_result *);

#endif
