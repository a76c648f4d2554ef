/*
 * run: what the parts of the stress program share.
 */

#ifndef STRESS_RUN_H
#define STRESS_RUN_H

#include "stress/cell.h"
#include "stress/history.h"
#include "stress/outcome.h"
#include "stress/stress_options.h"

struct run {
	struct stress_options options;
	struct outcome outcome;
	struct cell *cells; /* options.cells of them */
	struct history history;
	int64_t now_ms; /* read before the events of a round are handled */
};

#endif
