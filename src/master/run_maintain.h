/*
 * kvd -c, -C and -R: another program does them, because the master has nothing
 * to do with the store.
 */

#ifndef MASTER_RUN_MAINTAIN_H
#define MASTER_RUN_MAINTAIN_H

#include "common/config.h"
#include "master/options.h"

/* Executes kvd-maintain.  Returns only if that fails, with the status to exit
 * with. */
int run_maintain(const struct master_options *, const struct config *);

#endif
