/*
 * Transactions: requests that a worker has queued, executed all or nothing.
 */

#ifndef REGISTRY_TRANSACTION_H
#define REGISTRY_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "registry/calls.h"

/* Are these whole requests, each well-formed and allowed in a transaction? */
bool transaction_check(struct bytes requests, size_t value_max);
/* Takes off what comes up to the next COUNT, and says which bucket it counts.
 * False: none of the requests, which are checked, does. */
bool transaction_next_count(struct bytes *requests, struct bytes *bucket);
/* All flags (enum schema_flags) that any of the requests, which are checked, has.
 * Without SCHEMA_WRITES nothing is committed. */
unsigned int transaction_flags(struct bytes requests);
/* Most bytes of a reply in which there are values. */
size_t transaction_reply_max(size_t value_max);
/* Do the requests, which are checked, leave the store with more free space? */
bool transaction_frees(struct bytes requests);
/*
 * Executes the requests of a TRANSACTION, which are checked, and appends the
 * data lines and the status line of each.  If they write, that is done within a
 * savepoint of the batch.  A conflict, an error or a missing bucket undoes all
 * of it, and is the only reply.
 */
call_function transaction_run;

#endif
