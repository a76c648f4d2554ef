/*
 * Supervision: children are started in order, each stage when the one before
 * is ready, restarted when they die, and stopped in reverse.
 */

#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/policy.h"
#include "master/state.h"

/* From the first start to the end of the last child. */
void supervise(struct master *);
/* Something has happened to a child, or is to. */
void supervise_event(struct master *, struct child *, enum policy_event);

#endif
