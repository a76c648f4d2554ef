/*
 * From the registry to the client: replies and events.  Functions return
 * false when this client is not to be served any more.
 */

#ifndef WORKER_REPLIES_H
#define WORKER_REPLIES_H

#include <stdbool.h>

#include "proto/message.h"
#include "worker/state.h"

/* Takes all outstanding replies. */
bool replies_drain(struct worker *);
/* Answers without the registry, after all that was asked of it before. */
bool replies_answer(struct worker *, enum status);
/* One event; the events that have come, while no reply is awaited. */
bool replies_take_event(struct worker *, const struct message *);
bool replies_take_events(struct worker *);
/* Says why, and ends. */
void replies_goodbye(struct worker *, enum status);
/* What came from the registry is not what it says; returns false. */
bool replies_complain(const char *what);

#endif
