/*
 * watcher: a subscriber to the bucket of all clients.  Of each client it hears
 * the counter go up by one each time, and the versions of its keys in order: so
 * no event is lost, none comes twice, and all come in the order of the commits.
 * One of them may also tell a recorder all that it hears.
 */

#ifndef TORTURE_WATCHER_H
#define TORTURE_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct load;
struct recorder;

/* What it has heard of a client last; 0: nothing. */
struct watched {
	uint64_t version; /* of any key */
	uint64_t counter;
};

struct watcher {
	struct load *load;
	int fd; /* -1: it is not connected */
	unsigned int epoch; /* of the server that it is connected to */
	unsigned int pings; /* that are not yet answered */
	struct watched *clients;
	struct recorder *recorder; /* NULL: it tells none */
	struct buf in;
};

/* The recorder may be NULL. */
void watcher_init(struct watcher *, struct load *, struct recorder *);
/* The number that the recorder has for a key, or for a counter. */
size_t watcher_key_slot(const struct load *, unsigned int client,
    unsigned int key);
size_t watcher_counter_slot(const struct load *, unsigned int client);
void watcher_clear(struct watcher *);
/* Connects, or reads what has come. */
void watcher_look(struct watcher *);
/* When all clients have left: has it heard everything?  Leaves. */
void watcher_finish(struct watcher *);

#endif
