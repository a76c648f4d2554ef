/*
 * job: a command that kv runs, and the signals that kv passes on to it.
 */

#ifndef KV_JOB_H
#define KV_JOB_H

#include <sys/types.h>

#include <stdbool.h>

/* Exit statuses, as those of shells and env(1). */
#define JOB_CANNOT_EXECUTE 126
#define JOB_NOT_FOUND 127

struct job {
	pid_t pid; /* 0: not started, or ended */
	bool ended;
	int status; /* of one that has ended: what kv exits with */
	int signal_fd; /* readable: call job_take_signals() */
	int signo; /* a signal that came while there was no command; or 0 */
};

/* Blocks the signals that are passed on.  Exits with KV_FAILED on failure. */
void job_open(struct job *);

/*
 * Runs the command; argv ends in NULL.  It gets SIGTERM if kv dies, and none of
 * kv's descriptors but 0 to 2.  Returns false with errno if there is no process
 * for it.  One that cannot be executed ends with one of the statuses above, after
 * a message.
 */
bool job_start(struct job *, char *argv[]);

/* Passes signals on, and notices the end of the command. */
void job_take_signals(struct job *);

/* Sends the command a signal, unless it has ended. */
void job_kill(const struct job *, int signo);

/* Ends kv by the signal `signo`. */
__attribute__((noreturn)) void job_die(const struct job *);

#endif
