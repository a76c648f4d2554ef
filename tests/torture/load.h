/*
 * The load: many clients in one process, each with its ledger.
 */

#ifndef TORTURE_LOAD_H
#define TORTURE_LOAD_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "torture/options.h"
#include "torture/report.h"

enum load_stage {
	LOAD_RUN, /* asks, leaves and comes again */
	LOAD_DRAIN, /* takes its last replies and leaves */
	LOAD_VERIFY, /* comes again to see whether all is there, and leaves */
};

struct client;

struct load {
	const struct options *options;
	struct report *report;
	struct sockaddr_in address; /* of the server */
	int epoll_fd;
	struct client *clients;
	unsigned int n;
	unsigned int busy; /* clients that have not left */
	enum load_stage stage;
	bool down; /* there is no server */
	unsigned int epoch; /* servers so far */
	int64_t acceptor_died_ms; /* last, of a blow */
	int64_t looked_ms; /* at clients that hear nothing */
};

void load_open(struct load *, const struct options *, struct report *,
    const struct sockaddr_in *address);
void load_close(struct load *);
void load_begin(struct load *, enum load_stage);
/* Have all left, and seen what they came for? */
bool load_is_over(const struct load *);
/* Talks for so long, at most. */
void load_run(struct load *, int timeout_ms);
/* The worker of the client with this port is about to die. */
void load_excuse(struct load *, unsigned int port);
/* The server is about to die, or is there again. */
void load_server_dies(struct load *);
void load_server_lives(struct load *);

#endif
