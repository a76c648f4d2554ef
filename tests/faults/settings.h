/*
 * settings: the command line.
 */

#ifndef FAULTS_SETTINGS_H
#define FAULTS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "faults/plan.h"
#include "torture/options.h"

struct settings {
	struct options server;
	struct choice choice;
	const char *file; /* of faults to try; NULL: all that there are */
	unsigned int times; /* to try each fault */
	int64_t duration_ms; /* 0: until all is tried */
	bool verbose;
	bool stops; /* at a failure */
};

/* Exits if the command line is wrong. */
void settings_get(struct settings *, int argc, char *argv[]);

#endif
