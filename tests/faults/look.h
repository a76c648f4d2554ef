/*
 * look: what is there of kvd, from the outside: processes, their descriptors
 * and memory, and the log.
 */

#ifndef FAULTS_LOOK_H
#define FAULTS_LOOK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "faults/fault.h"
#include "faults/verdict.h"
#include "torture/server.h"

/* Without workers, which come and go. */
#define PERMANENT FAULT_WORKER

struct look {
	pid_t pid[PERMANENT]; /* 0: none */
	int descriptors[PERMANENT];
	long memory_kib[PERMANENT]; /* its own, not what it shares */
	unsigned int workers, zombies;
};

/* Waits until all permanent processes are there, with so many workers, and no
 * more descriptors than before (NULL: that does not matter).  Gives up after a
 * while. */
void look_await(struct server *, struct look *, unsigned int workers,
    const struct look *before);
/* Says what has leaked. */
void look_compare(const struct look *before, const struct look *now,
    unsigned int workers, struct verdict *);

#define KILLED_MAX 8

/* The log of one fault. */
struct log {
	off_t from;
	pid_t killed[KILLED_MAX]; /* by the program, not by the fault */
	size_t n_killed;
	int error; /* that was injected */
};

/* The next line is the first. */
void log_begin(struct log *, const struct server *);
void log_kill(struct log *, pid_t);
/* Says what is wrong: a process that died of a signal, or without a word, or
 * with a status that the manual does not name. */
void log_check(struct log *, const struct server *, struct verdict *);
/* Does a line contain this? */
bool log_contains(const struct log *, const struct server *, const char *text);
/* Has this process, or anybody (0), logged anything? */
bool log_has_line(const struct log *, const struct server *, pid_t);
/* Is this one of the statuses that kvd(8) names for the system's failures?
 * Of a wrong permission (EACCES, EPERM) it may say that a person has to mend
 * it, but not of anything else: init would not start it again. */
bool log_is_documented(int status, int error);
/* Prints it. */
void log_print(const struct log *, const struct server *);

#endif
