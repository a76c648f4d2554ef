/*
 * scoreboard: takes, finds and releases slots.  Runs in the master and the
 * acceptors, which trust each other.
 */

#include <sys/wait.h>

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "common/scoreboard_file.h"
#include "common/scoreboard_lock.h"

/* These bits of a session are the number of its slot. */
#define SESSION_SLOT ((uint64_t)SCOREBOARD_SESSION_SLOTS - 1)
_Static_assert(SCOREBOARD_MAX <= SESSION_SLOT, "a slot fits into a session");

static void
fill_slot(struct slot *slot, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;

	memset(slot, 0, sizeof(*slot));
	slot->family = addr->ss_family;
	slot->started_ms = clock_ms();
	if (addr->ss_family == AF_INET) {
		slot->port = sin->sin_port;
		memcpy(slot->address, &sin->sin_addr, sizeof(sin->sin_addr));
	} else if (addr->ss_family == AF_INET6) {
		slot->port = sin6->sin6_port;
		memcpy(slot->address, &sin6->sin6_addr,
		    sizeof(sin6->sin6_addr));
	}
}

enum scoreboard_result
scoreboard_take(struct scoreboard *board, const struct sockaddr_storage *addr,
    int64_t max, int64_t max_per_source, uint32_t *taken)
{
	enum scoreboard_result result = SCOREBOARD_OK;
	struct slots *s = board->slots;
	struct slot fresh;

	fill_slot(&fresh, addr);
	scoreboard_lock(s);
	if (scoreboard_admission(board) == SCOREBOARD_REFUSES)
		result = SCOREBOARD_SUSPENDED;
	else if (s->live >= max || s->live >= SCOREBOARD_MAX)
		result = SCOREBOARD_FULL;
	else if (slots_source_is_full(s, &fresh, max_per_source))
		result = SCOREBOARD_SOURCE_FULL;
	else
		*taken = slots_take(s, &fresh, getpid());
	scoreboard_unlock(s);
	return result;
}

uint32_t
scoreboard_session_slot(uint64_t session)
{
	return (uint32_t)(session & SESSION_SLOT);
}

bool
scoreboard_has_session(const struct scoreboard *board, uint64_t session)
{
	return slots_have(board->slots, scoreboard_session_slot(session),
	    session);
}

bool
scoreboard_is_worker(const struct scoreboard *board, uint64_t session,
    pid_t pid)
{
	uint32_t n = scoreboard_session_slot(session);
	pid_t known;

	if (!slots_have(board->slots, n, session))
		return false;
	known = slots_pid(board->slots, n);
	return known == 0 || known == pid;
}

uint64_t
scoreboard_set_session(struct scoreboard *board, uint32_t n, uint64_t random)
{
	uint64_t session = (random & ~SESSION_SLOT) | n;

	board->slots->slots[n].session = session;
	return session;
}

void
scoreboard_set_pid(struct scoreboard *board, uint32_t n, pid_t pid)
{
	slots_set_pid(board->slots, n, pid);
}

void
scoreboard_set_peer(struct scoreboard *board, uint32_t n, uid_t uid, pid_t pid)
{
	board->slots->slots[n].peer_uid = uid;
	board->slots->slots[n].peer_pid = pid;
}

uint64_t
scoreboard_id(const struct scoreboard *board, uint32_t n)
{
	return board->slots->slots[n].id;
}

void
scoreboard_cancel(struct scoreboard *board, uint32_t n)
{
	scoreboard_lock(board->slots);
	slots_cancel(board->slots, n);
	scoreboard_unlock(board->slots);
}

void
scoreboard_read_end(const struct scoreboard *board, uint32_t n, int status,
    struct scoreboard_end *end)
{
	end->id = board->slots->slots[n].id;
	end->reason = CLOSE_FAILED;
	scoreboard_read_activity(board, n, &end->activity);
	if (!activity_is_of(&end->activity, end->id))
		memset(&end->activity, 0, sizeof(end->activity));
	else if (end->activity.reason < CLOSE_REASONS)
		end->reason = (enum close_reason)end->activity.reason;
	if (status != -1 && WIFSIGNALED(status))
		end->reason = CLOSE_DIED;
}

/* With the lock.  If its holder before has died, that may have been while it
 * released this slot, and then slots_recount() has done that. */
static void
release(struct slots *s, uint32_t n, const struct scoreboard_end *end)
{
	if (s->slots[n].owner != 0 && s->slots[n].id == end->id)
		slots_release(s, n, &end->activity, end->reason);
}

void
scoreboard_release(struct scoreboard *board, uint32_t n, int status)
{
	struct scoreboard_end end;

	scoreboard_read_end(board, n, status, &end);
	scoreboard_lock(board->slots);
	release(board->slots, n, &end);
	scoreboard_unlock(board->slots);
}

uint32_t
scoreboard_next(struct scoreboard *board, pid_t owner, uint32_t after,
    pid_t *pid)
{
	const struct slots *s = board->slots;
	uint32_t n;

	for (n = after == SCOREBOARD_NONE ? 0 : after + 1; n < s->high; n++)
		if (s->slots[n].owner != 0 &&
		    (owner == 0 || s->slots[n].owner == owner) &&
		    s->slots[n].pid != 0) {
			*pid = s->slots[n].pid;
			return n;
		}
	return SCOREBOARD_NONE;
}

void
scoreboard_admit(struct scoreboard *board, enum scoreboard_admission admission)
{
	__atomic_store_n(&board->slots->admission, (uint32_t)admission,
	    __ATOMIC_RELEASE);
}

enum scoreboard_admission
scoreboard_admission(const struct scoreboard *board)
{
	return (enum scoreboard_admission)__atomic_load_n(
	    &board->slots->admission, __ATOMIC_ACQUIRE);
}

pid_t
scoreboard_find(const struct scoreboard *board, uint64_t id)
{
	const struct slots *s = board->slots;
	uint32_t n;

	for (n = 0; n < s->high; n++)
		if (s->slots[n].owner != 0 && s->slots[n].id == id)
			return s->slots[n].pid;
	return 0;
}

uint32_t
scoreboard_count(const struct scoreboard *board)
{
	return __atomic_load_n(&board->slots->live, __ATOMIC_RELAXED);
}

pid_t
scoreboard_release_soon(struct scoreboard *board, uint32_t n, int status)
{
	struct scoreboard_end end;
	pid_t holder;

	scoreboard_read_end(board, n, status, &end);
	if ((holder = scoreboard_lock_soon(board->slots)) != 0)
		return holder;
	release(board->slots, n, &end);
	scoreboard_unlock(board->slots);
	return 0;
}

bool
scoreboard_lacks_pid(struct scoreboard *board, pid_t acceptor)
{
	return slots_find_without_pid(board->slots, acceptor) !=
	    SCOREBOARD_NONE;
}

pid_t
scoreboard_adopt(struct scoreboard *board, pid_t acceptor, pid_t orphan)
{
	static const struct activity none;
	struct slots *s = board->slots;
	pid_t holder = scoreboard_lock_soon(s);
	uint32_t n;

	if (holder != 0)
		return holder;
	n = slots_find_without_pid(s, acceptor);
	if (n != SCOREBOARD_NONE && orphan != 0)
		slots_set_pid(s, n, orphan);
	else if (n != SCOREBOARD_NONE)
		slots_release(s, n, &none, CLOSE_DIED);
	/* Another acceptor may have the dead one's pid some day, and these
	 * slots must not be its own then. */
	slots_hand_over(s, acceptor, getpid());
	scoreboard_unlock(s);
	return 0;
}
