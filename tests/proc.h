/*
 * proc: what proc(5) knows about processes.  Nothing here fails a test.
 */

#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct proc {
	pid_t pid, parent, group;
	char state;
	bool executed; /* a program since it was forked */
	char name[16]; /* of the program */
	char title[128]; /* empty in a zombie */
};

/* Returns false if there is no such process. */
bool proc_read(pid_t, struct proc *);
bool proc_is_dead(const struct proc *);
/* Stores the processes of a group, with zombies, and returns their number. */
size_t proc_list(pid_t group, struct proc *list, size_t max);
/* The same for the children of a process.  Quick, but may miss one. */
size_t proc_children(pid_t, pid_t *list, size_t max);
/* The number of descriptors it has open; -1 if that is unknown. */
int proc_count_fds(pid_t);
/* Its memory that belongs to no file, in KiB; 0 if that is unknown. */
long proc_memory_kib(pid_t);

#endif
