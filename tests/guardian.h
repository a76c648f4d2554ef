/*
 * guardian: a process that outlives a test program which dies before it has
 * ended its kvd.  It then kills that kvd and cleans up.  Nothing here fails a
 * test: functions return false and set errno.
 */

#ifndef TESTS_GUARDIAN_H
#define TESTS_GUARDIAN_H

#include <sys/types.h>

#include <stdbool.h>

struct guardian {
	pid_t pid;
	int fd; /* a pipe: its end tells the guardian that the test died */
};

/* The guardian calls `clean' with `arg' after it has killed kvd. */
bool guardian_start(struct guardian *, void (*clean)(const void *arg),
    const void *arg);
/* From now on this process group is the one to kill. */
bool guardian_watch(const struct guardian *, pid_t group);
/* Ends the guardian, and nothing else. */
bool guardian_end(struct guardian *);

/* Removes a directory with all that is in it, as far as possible. */
void remove_tree(const char *path);

#endif
