/*
 * Requests that the worker answers by itself, from the entries in shared memory
 * (area/area.h): GET and EXISTS of entries that are there.
 *
 * What the client reads here must not be older than what it may know.  So the
 * worker asks the registry
 *
 *	while anything that it has sent is not answered: the client reads what
 *	it wrote;
 *	while the client has a subscription: the reply would not be in order with
 *	the events;
 *	until the registry has answered a request of this worker: a request of
 *	the client's former worker, which has died, may still lie in the
 *	registry's socket, and would be overtaken.
 *
 * In a transaction request.c queues all requests.
 */

#ifndef WORKER_LOCAL_H
#define WORKER_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "area/reader.h"
#include "common/bytes.h"
#include "proto/command.h"

struct worker;

struct local {
	struct reader *reader; /* has no `epoch` if there is no area */
	/* Of this batch, which is what one read has brought: */
	size_t requests;
	bool asked; /* one of them needed the registry */
	/* So many batches of several requests go to the registry as they are:
	 * to ask it for a few of them costs as much as for all.  And so many
	 * did after the last one that was tried; 0: that needed nobody. */
	unsigned int whole, last_whole;
};

/* Before the requests of a batch: has the processor fetch the entries that they
 * will probably read. */
void local_fetch(struct worker *, struct bytes batch);
/* Answers the request, if it can. */
bool local_answer(struct worker *, const struct command *,
    const struct bytes *words, size_t n);
/* The batch is over. */
void local_end_batch(struct worker *);

#endif
