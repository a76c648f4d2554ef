/*
 * verdict: what is wrong with kvd.
 */

#ifndef FAULTS_VERDICT_H
#define FAULTS_VERDICT_H

#include <stdbool.h>

struct verdict {
	bool stops; /* this program then, for a debugger to look at kvd */
	bool failed; /* with the fault that is being tried */
	unsigned long failures; /* in all */
};

/* Prints what is wrong, and counts it. */
void verdict_fail(struct verdict *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
