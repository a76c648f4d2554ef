/*
 * crowd: all clients, in one thread.
 */

#ifndef STRESS_CROWD_H
#define STRESS_CROWD_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "stress/conn.h"
#include "stress/run.h"
#include "torture/dice.h"

enum crowd_stage {
	CROWD_FILL, /* the writers write all cells */
	CROWD_ASK,
	CROWD_DRAIN, /* waits for the last replies */
	CROWD_VERIFY, /* the first reader reads all cells */
};

struct client {
	struct conn conn;
	struct dice dice;
	bool writes;
	unsigned int filled; /* cells that the writer began with */
	unsigned int low; /* asks again when at most so many are unanswered */
	int64_t next_ms; /* does not ask before */
	uint32_t events; /* what epoll(7) watches for */
};

struct crowd {
	struct run *run;
	struct sockaddr_in address; /* of kvd */
	int epoll_fd;
	struct client *clients; /* readers, then writers */
	unsigned int n;
	enum crowd_stage stage;
	uint32_t verified; /* cells that were read in the last stage */
	int64_t acceptor_died_ms; /* when one was last killed */
	int64_t looked_ms; /* when all clients were last looked after */
};

/* Connects all clients. */
void crowd_open(struct crowd *, struct run *, const struct sockaddr_in *);
void crowd_close(struct crowd *);
void crowd_begin(struct crowd *, enum crowd_stage);
/* Is nothing unanswered, and nothing left to write or read in CROWD_FILL and
 * CROWD_VERIFY? */
bool crowd_is_over(const struct crowd *);
/* Handles what has come, or waits a millisecond for it. */
void crowd_round(struct crowd *);

#endif
