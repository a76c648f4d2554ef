/*
 * load: a few clients and a subscriber, all in this process, in rounds.
 */

#ifndef FAULTS_LOAD_H
#define FAULTS_LOAD_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "faults/client.h"
#include "faults/watcher.h"

struct load {
	const struct sockaddr_in *address;
	struct client clients[CLIENTS];
	struct watcher watcher;
	/* Called in the middle of a round; may be NULL. */
	void (*interlude)(void *arg);
	void *arg;
	const char *trouble; /* what was noticed in the last round; NULL */
	bool full, refused; /* in the last round */
};

void load_init(struct load *, const struct sockaddr_in *, uint64_t seed,
    struct verdict *, const struct wire_tick *);
void load_close(struct load *);
/* A new store follows. */
void load_forget(struct load *);
/* All clients ask, twice; one of them has come anew.  Returns false if anybody
 * noticed a fault. */
bool load_round(struct load *);
/* How many are connected. */
unsigned int load_connected(const struct load *);
unsigned long load_requests(const struct load *);
unsigned long load_writes(const struct load *);

#endif
