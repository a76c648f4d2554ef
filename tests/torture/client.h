/*
 * client: one client of the load.  It connects, sends bursts of requests,
 * leaves and comes again.  A request is pending until its reply has come.
 */

#ifndef TORTURE_CLIENT_H
#define TORTURE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "torture/dice.h"
#include "torture/ledger.h"
#include "torture/load.h"

enum client_state {
	CLIENT_AWAY, /* not connected; connects at `next_ms' */
	CLIENT_PROBING, /* connects, and reads what its keys have */
	CLIENT_ASKING,
	CLIENT_LEAVING, /* has sent QUIT */
};

struct client {
	struct load *load;
	struct ledger ledger;
	struct dice dice;
	enum client_state state;
	int fd;
	unsigned int port; /* the local one */
	unsigned int epoch; /* of the server that it is connected to */
	unsigned int low; /* asks again when at most so many are pending */
	bool served; /* has had a reply on this connection */
	bool excused; /* its worker was killed */
	bool refused; /* was told that kvd or its worker is about to end */
	bool verified; /* has read all its keys at the end of the run */
	bool deaf; /* discards what else comes on this connection */
	int64_t connect_ms;
	int64_t waiting_ms; /* since when it waits; CLOCK_NEVER: it does not */
	int64_t next_ms;
	struct buf in, out;
	uint32_t events; /* what epoll(7) watches for */
};

void client_init(struct client *, struct load *, unsigned int number);
void client_clear(struct client *);
/* Connects a client that is away. */
void client_connect(struct client *);
/* Handles what epoll(7) has reported. */
void client_handle(struct client *, uint32_t events);
/* Reports a failure if a reply is overdue. */
void client_check_hung(struct client *, int64_t now_ms);

#endif
