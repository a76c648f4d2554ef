/*
 * kvd -n: would kvd start with this configuration?
 */

#ifndef MASTER_CHECK_H
#define MASTER_CHECK_H

#include "common/config.h"

/*
 * Appends a line to `errors` about each thing that would keep kvd from
 * starting, and one if kvd would have to lower max-clients.  Changes nothing.
 * Returns EX_OK, or EX_CONFIG if there is such a line.
 */
int check_configuration(const struct config *, struct buf *errors);

/* Logs what is no mistake, but should be known. */
void check_warn(const struct config *);

#endif
