/*
 * client: one client of the load, with its ledger.  It asks many things at
 * once, and then hears the replies.
 */

#ifndef FAULTS_CLIENT_H
#define FAULTS_CLIENT_H

#include <netinet/in.h>

#include <stdbool.h>

#include "faults/ledger.h"
#include "faults/verdict.h"
#include "faults/wire.h"
#include "torture/dice.h"

#define CLIENT_OPS_MAX 16

struct client {
	unsigned int number;
	struct verdict *verdict;
	struct dice dice;
	struct wire wire;
	struct ledger ledger; /* before the requests in doubt */
	uint64_t versions; /* that it has put */
	struct op asked[CLIENT_OPS_MAX];
	size_t n_asked;
	/* Each may have been carried out, or not; then none behind it was. */
	struct op doubtful[CLIENT_OPS_MAX];
	size_t n_doubtful;
	bool full; /* it was told `storage full' */
	bool refused; /* no worker was started for it */
	char trouble[160]; /* what it noticed last of a fault */
	unsigned long requests, writes; /* that were answered */
};

void client_init(struct client *, unsigned int number, uint64_t seed,
    struct verdict *, const struct wire_tick *);
/* Its keys have been removed, as all others. */
void client_forget(struct client *);
void client_close(struct client *);
bool client_is_connected(const struct client *);

/* Connects if need be, and finds out which requests in doubt were carried
 * out.  Returns false if it cannot. */
bool client_connect(struct client *, const struct sockaddr_in *);
void client_ask(struct client *);
/* Returns false if it noticed a fault. */
bool client_hear(struct client *);

#endif
