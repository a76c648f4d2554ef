/*
 * The scrub: a check of the store in the background, each time that the
 * keyword `scrub' says.  A process of its own, `kvd-maintain scrub', makes it
 * slowly and with the lowest priority, and notes its end in the data directory,
 * so that a restart of kvd does not make it anew.  The master never waits for
 * it.
 */

#ifndef MASTER_SCRUB_H
#define MASTER_SCRUB_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct master;
struct control_conn;

/* In the master's state. */
struct scrub {
	pid_t pid; /* 0: none runs */
	int fd; /* what it says at its end; -1: closed */
	bool looks; /* it only reads what was noted */
	bool known; /* that has been done since kvd was started */
	int64_t interval_ms; /* for which it was planned */
	int64_t next_ms; /* when to start one, if one is wanted */
	unsigned int lost; /* in a row: each is twice as fast as the last */
	/* The last one that came to its end. */
	int64_t ended_s; /* since 1970; 0: none is known */
	uint64_t found;
};

void scrub_init(struct scrub *);
/* Starts one when it is time, or ends one that is not wanted any more.  Returns
 * when to call this again, unless something happens before. */
int64_t scrub_run(struct master *, int64_t now_ms);
/* A process was reaped.  False: it was another one. */
bool scrub_ended(struct master *, pid_t, int status);
/* kvd stops: it ends at once. */
void scrub_stop(struct master *);
/* For kvctl(8): its state, and an alarm if the last one has found something. */
void scrub_report(const struct master *, struct control_conn *);
void scrub_alarm(const struct master *, struct control_conn *);

#endif
