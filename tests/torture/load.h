/*
 * load: many clients in one process, each with its ledger.
 */

#ifndef TORTURE_LOAD_H
#define TORTURE_LOAD_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "torture/options.h"
#include "torture/report.h"
#include "torture/watcher.h"

/* The first one tells the recorder, if there is one. */
#define WATCHERS 2

enum load_stage {
	LOAD_RUN, /* clients ask, leave and come again */
	LOAD_DRAIN, /* clients read their last replies and leave */
	LOAD_VERIFY, /* clients come again, read their keys, and leave */
};

struct client;

struct load {
	const struct options *options;
	struct report *report;
	struct sockaddr_in address; /* of the server */
	int epoll_fd;
	struct client *clients;
	unsigned int n;
	struct watcher watchers[WATCHERS];
	unsigned int busy; /* clients that are not away */
	enum load_stage stage;
	bool down; /* there is no server */
	unsigned int epoch; /* number of servers so far */
	int64_t acceptor_died_ms; /* when a blow last killed one */
	int64_t looked_ms; /* when clients were last checked for timeouts */
};

/* The recorder may be NULL. */
void load_open(struct load *, const struct options *, struct report *,
    const struct sockaddr_in *address, struct recorder *);
void load_close(struct load *);
void load_begin(struct load *, enum load_stage);
/* All clients have left: have the watchers heard everything?  They leave. */
void load_finish_watchers(struct load *);
/* Have all clients done what this stage is for? */
bool load_is_over(const struct load *);
/* Handles what clients receive, for at most so long. */
void load_run(struct load *, int timeout_ms);
/* The worker of the client with this port is about to die. */
void load_excuse(struct load *, unsigned int port);
/* The server is about to die, or is there again. */
void load_server_dies(struct load *);
void load_server_lives(struct load *);

#endif
