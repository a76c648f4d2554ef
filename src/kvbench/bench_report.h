/*
 * The results of a run, for people or for programs.
 */

#ifndef KVBENCH_BENCH_REPORT_H
#define KVBENCH_BENCH_REPORT_H

#include <stdio.h>

#include "kvbench/bench.h"

void bench_report_text(FILE *, const struct bench_options *,
    const struct bench_result *);
/* Prints one JSON object (RFC 8259) and a newline. */
void bench_report_json(FILE *, const struct bench_options *,
    const struct bench_result *);

#endif
