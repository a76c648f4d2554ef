/*
 * What remains of a turn when the store is full and its file cannot grow.
 */

#ifndef REGISTRY_FULL_H
#define REGISTRY_FULL_H

struct registry;

/*
 * Called when store_grow() has failed.  Executes the next request of each ready
 * connection in a commit of its own.  A request that frees space may use the
 * store's reserve (store_use_reserve()).  One that finds no space is held once,
 * until all that is committed is folded; if that does not help it is answered
 * with `storage full`.
 */
void full_run(struct registry *);

#endif
