/*
 * Supervision of one child as a table of states by events: pure code, with
 * the clock passed in.  What OTP's supervisor does, and what Postfix's
 * master(8) does when restarts come too fast: at once while a child dies no
 * more often than the intensity allows; past it with an exponential
 * back-off, or not at all.
 */

#ifndef MASTER_POLICY_H
#define MASTER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* The back-off doubles between these, and is forgotten after so long a life. */
#define POLICY_BACKOFF_MIN_MS 100
#define POLICY_BACKOFF_MAX_MS 30000
#define POLICY_HEALTHY_MS 60000
/* Between two attempts to fork.  They are no crashes, and lengthen nothing. */
#define POLICY_RETRY_MS 250
/* Largest intensity. */
#define POLICY_RESTARTS_MAX 1000

enum policy_type {
	POLICY_PERMANENT, /* restarted, however it ended */
	POLICY_TRANSIENT, /* restarted unless it ended well */
	POLICY_TEMPORARY, /* never restarted */
};

struct policy_rules {
	enum policy_type type;
	/* More than so many restarts in a period are too many. */
	unsigned int restarts; /* 1 to POLICY_RESTARTS_MAX */
	int64_t period_ms;
	bool gives_up; /* past it */
	int64_t start_ms; /* to be ready, before it is killed */
	int64_t stop_ms; /* to end when told to, before it is killed */
	int64_t
	    abort_ms; /* to end when hung and aborted, before it is killed */
};

enum policy_state {
	POLICY_IDLE, /* does not run, and is not to */
	POLICY_WAITING, /* does not run; is started at the deadline */
	POLICY_STARTING, /* runs, and is not ready yet */
	POLICY_READY,
	POLICY_FAILING, /* was aborted or killed, and is to run again */
	POLICY_REPLACING, /* was told to end, and is to run again at once */
	POLICY_STOPPING, /* was told to end */
	POLICY_STATES
};

enum policy_event {
	POLICY_START, /* is to run from now on */
	POLICY_STOP, /* is to end, and not to run again */
	POLICY_REPLACE, /* is to end, and to run again */
	POLICY_IS_READY, /* it says so */
	POLICY_HUNG, /* it does not answer */
	POLICY_ENDED_WELL, /* with status 0 */
	POLICY_ENDED_BADLY, /* otherwise */
	POLICY_ENDED_FOR_GOOD, /* in a way that it is no use to try again */
	POLICY_NOT_STARTED, /* it could not be forked: something is short */
	POLICY_DEADLINE, /* has passed */
	POLICY_EVENTS
};

/* What the caller has to do. */
enum policy_action {
	POLICY_DO_NOTHING,
	POLICY_DO_START, /* fork; if that fails, POLICY_NOT_STARTED */
	POLICY_DO_TERMINATE, /* SIGTERM */
	POLICY_DO_ABORT, /* SIGABRT */
	POLICY_DO_KILL, /* SIGKILL */
	POLICY_DO_GIVE_UP, /* end the whole server */
	POLICY_DO_RESTART, /* inside the table only: the intensity decides */
	POLICY_DO_COMPLAIN, /* that cannot happen in this state */
};

struct policy {
	enum policy_state state;
	int64_t deadline_ms; /* when POLICY_DEADLINE is due, or CLOCK_NEVER */
	int64_t started_ms;
	int64_t backoff_ms; /* 0: not throttled */
	unsigned int size, count, next; /* of the restarts remembered */
	int64_t restarts_ms[POLICY_RESTARTS_MAX]; /* a ring: when */
};

void policy_init(struct policy *);
/* An event at `now_ms`; returns what is to be done about it. */
enum policy_action policy_step(struct policy *, const struct policy_rules *,
    enum policy_event, int64_t now_ms);
/* Is there a process? */
bool policy_runs(const struct policy *);

#endif
