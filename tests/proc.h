/*
 * What proc(5) tells of processes, for tests that watch kvd's.  Nothing here
 * fails a test.
 */

#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct proc {
	pid_t pid, parent, group;
	char state;
	bool executed; /* not only forked */
	char name[16]; /* of the program */
	char title[128]; /* empty in a zombie */
};

/* False when there is no such process. */
bool proc_read(pid_t, struct proc *);
bool proc_is_dead(const struct proc *);
/* The processes of a group, zombies too.  Returns how many. */
size_t proc_list(pid_t group, struct proc *list, size_t max);
/* The children of a process, zombies too: quick, but one may be missing. */
size_t proc_children(pid_t, pid_t *list, size_t max);
/* How many descriptors it has open; -1 when that cannot be told. */
int proc_count_fds(pid_t);

#endif
