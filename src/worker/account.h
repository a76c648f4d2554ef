/*
 * What a worker counts, in the memory that it shares with the master
 * (common/activity.h), and the state that ps(1) shows.
 *
 * All lines that one read brings are a batch.  A time is that of its batch: from
 * the read until all replies are written.  So the clock is read twice for each
 * batch, and not for each command.
 */

#ifndef WORKER_ACCOUNT_H
#define WORKER_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/activity.h"
#include "common/title.h"
#include "proto/message.h"

/* What the title says of the worker. */
enum account_state {
	ACCOUNT_BUSY, /* the client's next request usually comes at once */
	ACCOUNT_IDLE,
	ACCOUNT_TRANSACTION, /* idle, between BEGIN and COMMIT */
	ACCOUNT_SUBSCRIBED, /* idle, and waiting for events */
	ACCOUNT_SENDING, /* the client does not take what it is sent */
	ACCOUNT_WAITING, /* the registry has not answered for half a second */
};

struct account {
	struct activity *activity;
	uint64_t id; /* of the connection */
	/* The title, the place of the state in it, and what it says. */
	struct title title;
	size_t title_offset;
	enum account_state state;

	int64_t read_us; /* when the last read has brought something */
	int64_t done_us; /* when that batch ended; 0: it has not, or the time
			  * was used */
	size_t current; /* number of the command that was read last */
	uint64_t batch; /* bit n: the batch has counts[n] commands n */
	uint32_t counts[COUNTERS_COMMANDS];
};

/* The title is complete but for the state, which is to begin at the offset. */
void account_init(struct account *, struct activity *, uint64_t id,
    const struct title *, size_t title_offset);

/* A read has brought so many bytes, or a write has sent them. */
void account_received(struct account *, size_t size);
static inline void
account_sent(struct account *a, size_t size)
{
	a->activity->sent += size;
}

/* Returns when the last batch has ended, if nothing was waited for since; else
 * the time now.  In microseconds, of clock_us(). */
int64_t account_take_time(struct account *);

/* A command of this number was read.  Its name is shown as under way. */
static inline void
account_command(struct account *a, size_t number)
{
	a->current = number;
	a->counts[number]++;
	a->batch |= UINT64_C(1) << number;
}

/* A command of this number has this status. */
void account_status(struct account *, size_t number, enum status);
/* The batch is over, and its replies are written. */
void account_end_batch(struct account *);

/* Why the connection ends; the first reason counts. */
static inline void
account_reason(struct account *a, enum close_reason reason)
{
	if (a->activity->reason == CLOSE_FAILED)
		a->activity->reason = reason;
}

/* Writes the title, if it says something else. */
void account_write_title(struct account *, enum account_state);
static inline void
account_show(struct account *a, enum account_state state)
{
	if (a->state != state)
		account_write_title(a, state);
}

#endif
