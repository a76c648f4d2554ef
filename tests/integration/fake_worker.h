/*
 * fake_worker: lets a test talk to the registry as a worker does.
 */

#ifndef INTEGRATION_FAKE_WORKER_H
#define INTEGRATION_FAKE_WORKER_H

#include <stdint.h>

#include "server.h"

/* The server's scoreboard, which the test may read and change. */
struct scoreboard *fake_worker_scoreboard(const struct server *);
/*
 * Takes a slot of the scoreboard, as an acceptor does for a client, and returns
 * the session of its worker.  As no pid is recorded, this process may have it.
 */
uint64_t fake_worker_session(const struct server *);
/* Connects to the registry. */
int fake_worker_connect(const struct server *);

#endif
