/*
 * When memory runs out, the kernel kills the process that seems largest.  If
 * that is a worker, one client is disconnected; if it were the acceptor or the
 * registry, all clients would notice.  So a worker is to be killed before its
 * acceptor, from which it inherits its oom_score_adj (proc(5)) when it is
 * forked.  A worker cannot change its own later: it has no access to files.
 */

#ifndef ACCEPTOR_EXPENDABLE_H
#define ACCEPTOR_EXPENDABLE_H

#include "common/number.h"

struct expendable {
	/* The values of the acceptor and of its workers; empty: not known. */
	char own[NUMBER_SIZE], forked[NUMBER_SIZE];
	size_t own_size, forked_size;
};

/* Reads the acceptor's value through CHANNEL_OOM_FD.  If that fails, the
 * functions below do nothing. */
void expendable_init(struct expendable *);
/* Gives this process the value of a worker, before it forks one. */
void expendable_raise(const struct expendable *);
/* Gives it its own again. */
void expendable_restore(const struct expendable *);

#endif
