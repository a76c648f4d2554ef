/*
 * The master's children, all of them: what happens to one is looked up in the
 * policy's table and carried out; they start in order, each stage when the one
 * before is ready, and stop in reverse.
 */

#ifndef MASTER_CHILDREN_H
#define MASTER_CHILDREN_H

#include "master/policy.h"
#include "master/state.h"

/* Something has happened to a child, or is to. */
void children_event(struct master *, struct child *, enum policy_event);

/* The registry is ready for the first time. */
void children_start_acceptors(struct master *);
/* All acceptors are replaced, one after the other's end: none is without an
 * acceptor for longer than one takes to start. */
void children_replace_acceptors(struct master *);

/* kvd is to end, with this status.  The second time, those who are waited for
 * are killed. */
void children_stop(struct master *, int status);
/* A child has ended while kvd stops: is it the next stage's turn? */
void children_advance_stop(struct master *);

#endif
