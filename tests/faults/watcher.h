/*
 * watcher: a subscriber to what all clients write.  It hears the versions of
 * each client in their order, the counter go up by one each time, and in the
 * end just what the clients have.
 */

#ifndef FAULTS_WATCHER_H
#define FAULTS_WATCHER_H

#include <netinet/in.h>

#include <stdbool.h>

#include "faults/client.h"
#include "faults/ledger.h"
#include "faults/verdict.h"
#include "faults/wire.h"

#define CLIENTS 3

struct watcher {
	struct verdict *verdict;
	struct wire wire;
	struct ledger heard[CLIENTS];
	uint64_t newest[CLIENTS]; /* version */
	unsigned long events, missed;
	char trouble[160];
};

void watcher_init(struct watcher *, struct verdict *, const struct wire_tick *);
void watcher_close(struct watcher *);
/* Subscribes if need be.  No client has a request in doubt. */
bool watcher_connect(struct watcher *, const struct sockaddr_in *,
    const struct client clients[CLIENTS]);
/* Has it heard all that the clients know of?  Waits for it.  False: it was
 * disconnected, or missed something. */
bool watcher_catch_up(struct watcher *, const struct client clients[CLIENTS]);

#endif
