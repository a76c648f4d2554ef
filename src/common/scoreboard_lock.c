/*
 * scoreboard_lock: one process at a time changes the scoreboard.  Runs in the
 * master and the acceptors, any of which may be killed at any instruction.
 */

#include <linux/futex.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/clock.h"
#include "common/scoreboard_lock.h"

/* How long the master waits for the lock, and how often it tries to get it.  A
 * holder needs it for microseconds. */
#define MASTER_WAIT_MS 1000
#define MASTER_POLL_NS 1000000
/* How often it tries when it only wants to read. */
#define MASTER_TRIES 20

int
scoreboard_lock_init(struct slots *s)
{
	pthread_mutexattr_t attr;
	int rc;

	if ((rc = pthread_mutexattr_init(&attr)) != 0)
		return rc;
	rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(&s->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	return rc;
}

/* The lock has been taken, with this result. */
static void
recover(struct slots *s, int rc)
{
	if (rc == EOWNERDEAD) {
		slots_recount(s);
		(void)pthread_mutex_consistent(&s->lock);
	}
}

void
scoreboard_lock(struct slots *s)
{
	recover(s, pthread_mutex_lock(&s->lock));
}

/*
 * The pid of the process that has the lock; 0: nobody has it.  The kernel looks
 * for it in this word when a process dies (get_robust_list(2)), and in glibc
 * the word is the first of the mutex.  A field of our own would be set too late
 * and cleared too early.
 */
static pid_t
find_holder(struct slots *s)
{
	return (pid_t)((unsigned int)__atomic_load_n(&s->lock.__data.__lock,
			   __ATOMIC_ACQUIRE) &
	    FUTEX_TID_MASK);
}

/* Not with pthread_mutex_timedlock(3): setting the clock of the day would
 * change how long that waits. */
pid_t
scoreboard_lock_soon(struct slots *s)
{
	static const struct timespec pause = { .tv_nsec = MASTER_POLL_NS };
	int64_t deadline_ms = clock_ms() + MASTER_WAIT_MS;
	pid_t holder = 0;
	int rc;

	while ((rc = pthread_mutex_trylock(&s->lock)) == EBUSY) {
		/* Without a holder it has just been unlocked: try again. */
		if (clock_ms() >= deadline_ms && (holder = find_holder(s)) != 0)
			return holder;
		(void)nanosleep(&pause, NULL);
	}
	recover(s, rc);
	return 0;
}

bool
scoreboard_try_lock(struct slots *s)
{
	static const struct timespec pause = { .tv_nsec = MASTER_POLL_NS };
	int rc, i;

	for (i = 0; (rc = pthread_mutex_trylock(&s->lock)) == EBUSY; i++) {
		if (i == MASTER_TRIES)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	recover(s, rc);
	return true;
}

void
scoreboard_unlock(struct slots *s)
{
	(void)pthread_mutex_unlock(&s->lock);
}
