/*
 * slots: the scoreboard's slots, counted in all and by source.  Runs in the
 * master and the acceptors, which trust each other.
 */

#include <string.h>

#include "common/slots.h"

/* Whoever has one IPv6 address has the 2^64 of its network: the first eight
 * bytes are the source. */
#define SOURCE_SIZE_V6 8

bool
slots_has_source(const struct slot *slot)
{
	return slot->family == AF_INET || slot->family == AF_INET6;
}

static size_t
source_size(const struct slot *slot)
{
	return slot->family == AF_INET ? sizeof(struct in_addr) :
					 SOURCE_SIZE_V6;
}

static bool
same_source(const struct slot *a, const struct slot *b)
{
	return a->family == b->family &&
	    memcmp(a->address, b->address, source_size(a)) == 0;
}

/* FNV-1a.  An attacker may make sources collide, and gets a list that is as
 * long as the number of his own clients. */
static uint32_t
choose_list(const struct slot *slot)
{
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < source_size(slot); i++)
		hash = (hash ^ slot->address[i]) * 16777619U;
	return (hash ^ (hash >> 16)) % SLOTS_LISTS;
}

static void
link_slot(struct slots *s, uint32_t n)
{
	struct slot *slot = &s->slots[n];
	uint32_t *head;

	s->live++;
	if (!slots_has_source(slot))
		return;
	head = &s->lists[choose_list(slot)];
	slot->previous = SCOREBOARD_NONE;
	slot->next = *head;
	if (*head != SCOREBOARD_NONE)
		s->slots[*head].previous = n;
	*head = n;
}

static void
unlink_slot(struct slots *s, uint32_t n)
{
	struct slot *slot = &s->slots[n];

	s->live--;
	if (!slots_has_source(slot))
		return;
	if (slot->previous == SCOREBOARD_NONE)
		s->lists[choose_list(slot)] = slot->next;
	else
		s->slots[slot->previous].next = slot->next;
	if (slot->next != SCOREBOARD_NONE)
		s->slots[slot->next].previous = slot->previous;
}

static void
put_free(struct slots *s, uint32_t n)
{
	s->slots[n].next = s->free;
	s->free = n;
}

static uint32_t
get_free(struct slots *s)
{
	uint32_t n = s->free;

	if (n == SCOREBOARD_NONE)
		return s->high++;
	s->free = s->slots[n].next;
	return n;
}

void
slots_init(struct slots *s)
{
	uint32_t i;

	s->live = 0;
	s->free = SCOREBOARD_NONE;
	for (i = 0; i < SLOTS_LISTS; i++)
		s->lists[i] = SCOREBOARD_NONE;
}

static void
set_owner(struct slots *s, uint32_t n, pid_t owner)
{
	__atomic_store_n(&s->slots[n].owner, owner, __ATOMIC_RELEASE);
}

void
slots_recount(struct slots *s)
{
	uint32_t n;

	slots_init(s);
	for (n = s->high; n-- > 0;) {
		/* Folded, but not yet released. */
		if (s->slots[n].id == s->folded / 2)
			set_owner(s, n, 0);
		if (s->slots[n].owner == 0) {
			put_free(s, n);
			continue;
		}
		link_slot(s, n);
		if (s->slots[n].id > s->last_id)
			s->last_id = s->slots[n].id;
	}
}

bool
slots_source_is_full(const struct slots *s, const struct slot *slot,
    int64_t max)
{
	int64_t count = 0;
	uint32_t n;

	if (max == 0 || !slots_has_source(slot))
		return false;
	for (n = s->lists[choose_list(slot)];
	     n != SCOREBOARD_NONE && count < max; n = s->slots[n].next)
		count += same_source(&s->slots[n], slot);
	return count >= max;
}

uint32_t
slots_take(struct slots *s, const struct slot *fresh, pid_t owner)
{
	uint32_t n = get_free(s);

	s->slots[n] = *fresh;
	s->slots[n].id = s->last_id + 1;
	/* From here on slot and id are in use, even if this process dies
	 * now. */
	set_owner(s, n, owner);
	s->last_id = s->slots[n].id;
	link_slot(s, n);
	return n;
}

bool
slots_have(const struct slots *s, uint32_t n, uint64_t session)
{
	return n < SCOREBOARD_MAX && session != 0 &&
	    __atomic_load_n(&s->slots[n].owner, __ATOMIC_ACQUIRE) != 0 &&
	    s->slots[n].session == session;
}

pid_t
slots_pid(const struct slots *s, uint32_t n)
{
	return __atomic_load_n(&s->slots[n].pid, __ATOMIC_ACQUIRE);
}

void
slots_cancel(struct slots *s, uint32_t n)
{
	unlink_slot(s, n);
	set_owner(s, n, 0);
	put_free(s, n);
}

const uint64_t *
slots_totals(const struct slots *s)
{
	return s->totals[s->folded % 2];
}

void
slots_release(struct slots *s, uint32_t n, const struct activity *a,
    enum close_reason reason)
{
	uint64_t which = (s->folded + 1) % 2;
	uint64_t *totals = s->totals[which];

	memcpy(totals, slots_totals(s), sizeof(s->totals[0]));
	totals[COUNTER_CLOSED - COUNTER_WORKERS + reason]++;
	if (activity_is_of(a, s->slots[n].id))
		activity_add(a, totals);
	__atomic_store_n(&s->folded, 2 * s->slots[n].id + which,
	    __ATOMIC_RELEASE);
	slots_cancel(s, n);
}

void
slots_set_pid(struct slots *s, uint32_t n, pid_t pid)
{
	__atomic_store_n(&s->slots[n].pid, pid, __ATOMIC_RELEASE);
}

void
slots_hand_over(struct slots *s, pid_t from, pid_t to)
{
	uint32_t n;

	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner == from)
			set_owner(s, n, to);
}

uint32_t
slots_find_without_pid(const struct slots *s, pid_t owner)
{
	uint32_t n;

	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner == owner && s->slots[n].pid == 0)
			return n;
	return SCOREBOARD_NONE;
}
