/*
 * One client of the load: a connection, which comes and goes, and what is
 * under way on it.
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
	CLIENT_AWAY, /* not connected; comes at `next_ms` */
	CLIENT_PROBING, /* asks what is there, connecting included */
	CLIENT_ASKING,
	CLIENT_LEAVING, /* has said QUIT */
};

struct client {
	struct load *load;
	struct ledger ledger;
	struct dice dice;
	enum client_state state;
	int fd;
	unsigned int port; /* its own */
	unsigned int epoch; /* of the server it is connected to */
	unsigned int low; /* so few under way are the time to ask more */
	bool served; /* has had a reply on this connection */
	bool excused; /* its worker was killed */
	bool refused; /* has been told that kvd, or its worker, stops */
	bool verified; /* has found all there in the end */
	bool deaf; /* what comes next says nothing more */
	int64_t connect_ms;
	int64_t waiting_ms; /* for a reply, since; CLOCK_NEVER: for none */
	int64_t next_ms;
	struct buf in, out;
	uint32_t events; /* that epoll watches for */
};

void client_init(struct client *, struct load *, unsigned int number);
void client_clear(struct client *);
/* It is away: comes. */
void client_connect(struct client *);
/* epoll(7) says that something can be done. */
void client_handle(struct client *, uint32_t events);
/* Is it time that it heard something?  Fails the run if not. */
void client_check_hung(struct client *, int64_t now_ms);

#endif
