/*
 * A turn in a store that is full and whose file cannot grow.
 */

#ifndef REGISTRY_FULL_H
#define REGISTRY_FULL_H

struct registry;

/*
 * Each ready connection gets its next request executed in a commit of its own;
 * what frees space may use the reserve, what takes space and finds none is
 * refused.
 */
void full_run(struct registry *);

#endif
