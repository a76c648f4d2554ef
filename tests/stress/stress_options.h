/*
 * stress_options: the command line of the stress program.
 */

#ifndef STRESS_OPTIONS_H
#define STRESS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "torture/options.h"

struct stress_options {
	struct options server; /* what torture/server.h needs to start kvd */
	int64_t duration_ms;
	uint64_t reads; /* ends after so many, if that is sooner; or 0 */
	unsigned int readers, writers;
	unsigned int cells;
	unsigned int kills; /* per second; 0: nothing is killed */
	uint64_t seed;
	bool verbose;
};

/* Exits if the command line is wrong. */
void stress_options_get(struct stress_options *, int argc, char *argv[]);
/* Prints the command line that repeats this run. */
void stress_options_print(const struct stress_options *);

#endif
