/*
 * A kvd of the torture program's own, in a directory of its own.
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
	SERVER_DOWN, /* nobody is left of it */
	SERVER_STARTING,
	SERVER_READY,
	SERVER_ENDING, /* the master has to end, or has; others may be left */
};

struct server {
	const struct options *options;
	char dir[64]; /* has data/, run/ and log */
	enum server_state state;
	pid_t master; /* and the process group; stays when it is dead */
	int status; /* of the master that has ended */
	off_t log_start; /* where the log of this run begins */
	struct sockaddr_in address; /* the same in every run */
	struct guardian guardian;
};

/* These exit when the test's machine cannot do them. */
void server_open(struct server *, const struct options *);
/* Removes the directory, if it is not to be kept. */
void server_close(struct server *);
void server_start(struct server *);
/* Sends a signal to the master, or to all at once. */
void server_end(struct server *, int sig, bool all);
/* Has the state changed?  Looks, and does not wait. */
void server_look(struct server *);
/* Waits for a state.  False: another one came, or none in time. */
bool server_await(struct server *, enum server_state, int64_t ms);
/* The path of a file in its directory. */
void server_path(const struct server *, const char *name, char path[128]);

#endif
