/*
 * A turn: the requests of all ready workers are executed, their writes are
 * committed together (group commit), and then the workers are answered.
 *
 * Its steps, which have to come in this order:
 *
 * 1. Workers that have just connected are greeted, and subscribers told what
 *    they missed, while there is no batch: their subscriptions resume between
 *    two commits.
 * 2. Housekeeping, so that its events come before those of the requests.
 * 3. Requests.  A connection that only read is answered at once; one that wants
 *    to write while no batch may begin is held (registry/checkpoint.h).
 * 4. One commit for all connections that wrote.  If the store has no space,
 *    what they did is taken back and the file grows, and steps 1 to 4 are
 *    repeated; if it cannot grow, registry/full.h takes over.
 * 5. The connections that wrote are answered.
 * 6. Events are sent, behind the replies.
 */

#ifndef REGISTRY_TURN_H
#define REGISTRY_TURN_H

struct registry;

/*
 * Executes one turn.  Connections that have more requests than a turn takes, or
 * has time for (registry/slice.h), stay ready for the next.  Exits the process when a commit fails: nobody knows
 * then whether it is on the disk, and the next registry reads what is there.
 */
void turn_run(struct registry *);

#endif
