/*
 * kvd -n: would kvd start like this?
 */

#ifndef MASTER_CHECK_H
#define MASTER_CHECK_H

#include "common/config.h"

/*
 * Appends a line to `errors` about each thing that would keep kvd from
 * starting, and about a limit that would be lowered.  Changes nothing.
 * Returns EX_OK or EX_CONFIG.
 */
int check_configuration(const struct config *, struct buf *errors);

#endif
