/*
 * rest: compares a server that nobody uses before and after the run: its
 * processes and their open descriptors.
 */

#ifndef TORTURE_REST_H
#define TORTURE_REST_H

#include <sys/types.h>

#include "torture/report.h"
#include "torture/server.h"
#include "torture/victim.h"

/* What the permanent processes have. */
struct rest {
	int descriptors[ROLES]; /* 0 for workers */
	size_t processes;
	size_t zombies;
};

/*
 * Waits until only the permanent processes are left, and have no more
 * descriptors than before, unless `before' is NULL.  Gives up after a while;
 * rest_compare then reports what is left.
 */
void rest_await(const struct server *, struct rest *,
    const struct rest *before);
/* Reports what is there now and was not before: it has leaked. */
void rest_compare(const struct rest *before, const struct rest *now,
    struct report *);
/* Reports deaths without a blow and other complaints in the log. */
void rest_read_log(const struct server *, const struct victims *,
    struct report *);
/* Reports what a server that has ended has left behind. */
void rest_check_end(const struct server *, struct report *);

#endif
