/*
 * A turn: what all ready workers ask is executed, all its writes are
 * committed together, and then they are answered.
 */

#ifndef REGISTRY_TURN_H
#define REGISTRY_TURN_H

struct registry;

/*
 * Executes one turn over the ready connections.  Those that have more stay
 * ready for the next.  Exits the process when a commit fails: its outcome is
 * unknown, and the next registry finds out.
 */
void turn_run(struct registry *);

#endif
