/*
 * Supervision: the loop that hears of everything, from signals, children and
 * timers.
 */

#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/state.h"

/* From the first start to the end of the last child. */
void supervise(struct master *);

#endif
