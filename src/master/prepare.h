/*
 * What the master has to have before it supervises: directories, the lock,
 * sockets, signals.
 */

#ifndef MASTER_PREPARE_H
#define MASTER_PREPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/channel.h"
#include "common/config.h"
#include "master/child.h"

struct pidfh;

/* In the order of their start. */
enum {
	REGISTRY,
	ACCEPTOR,
	CHILDREN
};

struct master {
	const struct config *config;
	struct channel_log log;
	struct child children[CHILDREN];
	char workdir[1024]; /* where acceptor and workers live */
	int signal_fd;
	int lifeline[2]; /* ours is [1]; nobody writes */
	int registry_fd; /* listening sockets, -1 when closed */
	int *listen_fds;
	size_t listens;
	struct pidfh *pidfile;
	int daemon_fd; /* who waits for our start; -1: nobody */
	bool announced; /* clients can connect */
	bool stopping;
	int stage; /* when stopping: the child that is to end next */
	int status; /* what to exit with */
};

/* Describes the children, and checks that they can be executed.  Like
 * prepare_run(), returns EX_OK or, having logged why, the status to exit
 * with. */
int prepare_children(struct master *);
int prepare_run(struct master *);
/* Removes and closes what prepare_run() has made, whole or not. */
void prepare_undo(struct master *);

#endif
