/*
 * Makes the filters of the children (common/sandbox.h).
 */

#ifndef MASTER_CONFINE_CHILDREN_H
#define MASTER_CONFINE_CHILDREN_H

#include "master/state.h"

/*
 * Gives each child its filter.  With `sandbox no` there are none.  If they
 * cannot be made here, the children run without, and this logs why.  Returns
 * EX_OK or, having logged why, the status to exit with.
 */
int confine_children(struct master *);
/* Frees the filters, even if confine_children() was not called. */
void confine_children_clear(struct master *);

#endif
