/*
 * Workers of an acceptor that has died are the master's (it is their
 * subreaper): it reaps them, reports their crashes and keeps the scoreboard
 * right.
 */

#ifndef MASTER_ADOPT_H
#define MASTER_ADOPT_H

#include <sys/types.h>

#include <stdbool.h>

#include "master/state.h"

struct rusage;

/* Looks at the children that this process has before it has made any: they are
 * somebody else's to care for.  Returns 0, or -1 with errno. */
int adopt_init(struct master *);
void adopt_clear(struct master *);
/* Is this process an adopted worker? */
bool adopt_knows(struct master *, pid_t);
/* An acceptor has ended: its workers are adopted. */
void adopt_workers(struct master *, pid_t acceptor);
/* An adopted worker was reaped. */
void adopt_ended(struct master *, pid_t, int status, const struct rusage *);
/* At the end: waits for all of them, with a deadline. */
void adopt_await(struct master *);

#endif
