/*
 * scoreboard_sum: all counters, and what each client does.  Runs in the master;
 * it trusts no number of a worker, but shows it.
 */

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/scoreboard.h"
#include "common/scoreboard_file.h"
#include "common/scoreboard_lock.h"

/* Adds what the workers of all slots have counted so far. */
static void
add_workers(const struct scoreboard *board, uint64_t *values)
{
	const struct slots *s = board->slots;
	struct activity a;
	uint32_t n;

	for (n = 0; n < s->high; n++) {
		if (s->slots[n].owner == 0 || s->slots[n].pid == 0)
			continue;
		values[COUNTER_CURRENT]++;
		scoreboard_read_activity(board, n, &a);
		if (activity_is_of(&a, s->slots[n].id))
			activity_add(&a, values + COUNTER_WORKERS);
	}
}

/* Others write these all the time. */
static void
copy(uint64_t *to, const uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void
scoreboard_sum(struct scoreboard *board, uint64_t *values)
{
	struct slots *s = board->slots;
	bool locked = scoreboard_try_lock(s);
	size_t i;

	memset(values, 0, COUNTERS * sizeof(*values));
	copy(values + COUNTER_WORKERS, slots_totals(s), COUNTERS_OF_WORKERS);
	add_workers(board, values);
	if (locked)
		scoreboard_unlock(s);
	values[COUNTER_ACCEPTED] = values[COUNTER_CURRENT];
	for (i = 0; i < CLOSE_REASONS; i++)
		values[COUNTER_ACCEPTED] += values[COUNTER_CLOSED + i];
	copy(values + COUNTER_SHARED, board->shared, COUNTERS_SHARED);
	copy(values + COUNTER_REGISTRY, board->registry, COUNTERS_OF_REGISTRY);
	values[COUNTER_REQUESTS] += values[COUNTER_LOCAL_HITS];
}

/* Reads no more of a slot's activity than the number is in. */
static uint64_t
read_local_hits(const struct scoreboard *board, uint32_t n)
{
	const size_t size = offsetof(struct activity, commands_of);
	struct activity a;

	if (pread(board->fd, &a, size, scoreboard_activity_offset(n)) !=
		(ssize_t)size ||
	    !activity_is_of(&a, board->slots->slots[n].id))
		return 0;
	return a.local_hits;
}

/* Those of slots that are not yet folded into the totals which are valid by
 * this word. */
static uint64_t
live_local_hits(const struct scoreboard *board, uint64_t folded)
{
	const struct slots *s = board->slots;
	uint64_t sum = 0;
	uint32_t n;

	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner != 0 && s->slots[n].pid != 0 &&
		    s->slots[n].id != folded / 2)
			sum += read_local_hits(board, n);
	return sum;
}

/* Without the lock: whether a slot was folded meanwhile is seen by the word. */
uint64_t
scoreboard_local_hits(const struct scoreboard *board)
{
	const struct slots *s = board->slots;
	uint64_t folded, sum;
	int tries = 0;

	do {
		folded = __atomic_load_n(&s->folded, __ATOMIC_ACQUIRE);
		sum = s->totals[folded % 2]
			       [COUNTER_LOCAL_HITS - COUNTER_WORKERS] +
		    live_local_hits(board, folded);
	} while (__atomic_load_n(&s->folded, __ATOMIC_ACQUIRE) != folded &&
	    ++tries < 3);
	return sum;
}

static void
describe_activity(const struct activity *a, struct scoreboard_client *c)
{
	size_t i;

	c->active = true;
	/* The worker may have written anything. */
	for (i = 0; i < sizeof(c->command) - 1 && a->command[i] >= 'A' &&
	     a->command[i] <= 'Z';
	     i++)
		c->command[i] = a->command[i];
	c->subscriptions = a->subscriptions;
	c->in_transaction = a->queued > 0;
	c->queued_requests = a->queued > 0 ? a->queued - 1 : 0;
	c->queued_bytes = a->wants_out;
	c->active_ms = a->active_ms;
	c->listing_ms = a->listing_ms;
	c->commands = a->commands;
	c->received = a->received;
	c->sent = a->sent;
}

static void
describe(const struct scoreboard *board, uint32_t n,
    struct scoreboard_client *c)
{
	const struct slot *slot = &board->slots->slots[n];
	struct activity a;

	c->id = slot->id;
	c->owner = slot->owner;
	scoreboard_describe_peer(slot, c->peer, sizeof(c->peer));
	c->is_unix = !slots_has_source(slot);
	c->peer_uid = slot->peer_uid;
	c->peer_pid = slot->peer_pid;
	c->started_ms = slot->started_ms;
	scoreboard_read_activity(board, n, &a);
	if (activity_is_of(&a, c->id))
		describe_activity(&a, c);
}

uint32_t
scoreboard_next_client(struct scoreboard *board, uint32_t after,
    struct scoreboard_client *c)
{
	uint32_t n;

	memset(c, 0, sizeof(*c));
	n = scoreboard_next(board, 0, after, &c->pid);
	if (n != SCOREBOARD_NONE)
		describe(board, n, c);
	return n;
}
