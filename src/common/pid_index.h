/*
 * Finds the slot of the scoreboard that belongs to a process id, when that
 * process has ended.  The memory is this process's own, and processes that it
 * forks do not inherit it.  Entries that have never been used cost no memory.
 */

#ifndef COMMON_PID_INDEX_H
#define COMMON_PID_INDEX_H

#include <sys/types.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/scoreboard.h"

struct pid_entry {
	RB_ENTRY(pid_entry) entry;
	pid_t pid;
};
RB_HEAD(pid_tree, pid_entry);

struct pid_index {
	struct pid_tree tree;
	struct pid_entry *entries; /* SCOREBOARD_MAX of them, by slot */
};

/* Returns 0, or -1 with errno. */
int pid_index_init(struct pid_index *);
void pid_index_clear(struct pid_index *);

/* Neither the pid nor the slot may be in the index already. */
void pid_index_add(struct pid_index *, pid_t, uint32_t slot);
/* Returns the slot, or SCOREBOARD_NONE. */
uint32_t pid_index_find(struct pid_index *, pid_t);
void pid_index_remove(struct pid_index *, uint32_t slot);
bool pid_index_is_empty(const struct pid_index *);
/* Returns the lowest pid above `after`, or 0 if there is none. */
pid_t pid_index_next(struct pid_index *, pid_t after);

#endif
