/*
 * server: the kvd under torture, which has a directory of its own.
 */

#ifndef TORTURE_SERVER_H
#define TORTURE_SERVER_H

#include <sys/types.h>

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "guardian.h"
#include "torture/options.h"

enum server_state {
	SERVER_DOWN, /* none of its processes is left */
	SERVER_STARTING,
	SERVER_READY,
	SERVER_ENDING, /* the master ends or has ended; others may be left */
};

struct server {
	const struct options *options;
	char dir
	    [64]; /* has data/, run/ and log, and kvd.conf if kvd reads one */
	enum server_state state;
	pid_t master; /* its pid and process group, dead or alive */
	int status; /* wait status of a master that has ended */
	off_t log_start; /* where the log of this run begins */
	struct sockaddr_in address; /* the same in every run */
	struct guardian guardian;
};

/* These exit if the system does not let them. */
void server_open(struct server *, const struct options *);
/* Removes the directory, unless an option says to keep it. */
void server_close(struct server *);
void server_start(struct server *);
/* Sends a signal to the master, or to all processes at once. */
void server_end(struct server *, int sig, bool all);
/* Updates the state, and does not wait. */
void server_look(struct server *);
/* Waits for a state.  Returns false if another one came, or none in time. */
bool server_await(struct server *, enum server_state, int64_t ms);
/* The path of a file in its directory. */
void server_path(const struct server *, const char *name, char path[128]);

#endif
