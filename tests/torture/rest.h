/*
 * A server at rest: who is there, and what they hold.
 */

#ifndef TORTURE_REST_H
#define TORTURE_REST_H

#include <sys/types.h>

#include "torture/report.h"
#include "torture/server.h"
#include "torture/victim.h"

/* The permanent processes. */
struct rest {
	int descriptors[ROLES]; /* of a worker: 0 */
	size_t processes;
	size_t zombies;
};

/* Waits until only they are left, each with no more descriptors than before,
 * if that is given; what does not come to rest is for rest_compare. */
void rest_await(const struct server *, struct rest *,
    const struct rest *before);
/* What is there now and was not before has leaked. */
void rest_compare(const struct rest *before, const struct rest *now,
    struct report *);
/* Looks for what has to be explained in the log. */
void rest_read_log(const struct server *, const struct victims *,
    struct report *);
/* The server has ended as it should: nothing may be left. */
void rest_check_end(const struct server *, struct report *);

#endif
