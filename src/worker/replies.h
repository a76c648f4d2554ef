/*
 * From the registry to the client: replies and events.  A function that returns
 * a bool returns false when this client is not to be served any more.
 */

#ifndef WORKER_REPLIES_H
#define WORKER_REPLIES_H

#include <stdbool.h>

#include "proto/message.h"
#include "worker/state.h"

/* Sends what there is for the client, if it is much. */
bool replies_flush_some(struct worker *);
/* Waits for the replies to all pending requests and formats them. */
bool replies_drain(struct worker *);
/* Answers with a status of the worker's own, when all pending requests are
 * answered. */
bool replies_answer(struct worker *, enum status);
/* Formats one event.  While the worker lists, it waits in deferred_events. */
bool replies_take_event(struct worker *, const struct message *);
/* Formats the events that have come.  Only while no request is pending. */
bool replies_take_events(struct worker *);
/* Sends a last status line, which says why the worker ends, and sets closing. */
void replies_goodbye(struct worker *, enum status, enum close_reason);
/* Logs that a message of the registry is malformed, and returns false. */
bool replies_malformed(struct worker *, const char *what);

#endif
