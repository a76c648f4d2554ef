/*
 * Confines the registry or the checkpointer: to the system calls of its filter
 * (common/sandbox.h), and to the files in the data directory
 * (common/landlock.h).  What is open stays open.
 */

#ifndef COMMON_CONFINE_H
#define COMMON_CONFINE_H

#include "common/config.h"
#include "common/sandbox.h"

/* Does nothing with `sandbox no`.  Violations are reported to the master.
 * Returns 0, or -1 with errno. */
int confine_to_data(const struct config *, const struct sandbox_filter *);

#endif
