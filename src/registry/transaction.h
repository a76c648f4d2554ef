/*
 * Transactions: requests that a worker has queued, executed as one.
 */

#ifndef REGISTRY_TRANSACTION_H
#define REGISTRY_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "registry/calls.h"

/* Are these whole requests, each sound and fit for a transaction? */
bool transaction_check(struct bytes requests, size_t value_max);
/* Does it take less room afterwards?  For those that are checked. */
bool transaction_frees(struct bytes requests);
/*
 * Executes the requests of a TRANSACTION, which are checked, in the batch, all
 * or nothing, and appends each one's reply and status line.  A conflict, an error
 * or a missing bucket undoes all.
 */
call_function transaction_run;

#endif
