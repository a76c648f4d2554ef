/*
 * The figures, for people or for programs.
 */

#ifndef KVBENCH_REPORT_H
#define KVBENCH_REPORT_H

#include <stdio.h>

#include "kvbench/bench.h"

void report_text(FILE *, const struct options *, const struct bench_result *);
/* One JSON object (RFC 8259) and a newline. */
void report_json(FILE *, const struct options *, const struct bench_result *);

#endif
