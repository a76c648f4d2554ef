/*
 * wire: a connection to kvd, which is read line by line.  Nothing here fails;
 * each wait has a deadline.
 */

#ifndef FAULTS_WIRE_H
#define FAULTS_WIRE_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* The longest time for a reply, and for a connection. */
#define WIRE_WAIT_MS 20000

/* Called again and again during each wait. */
struct wire_tick {
	void (*call)(void *arg);
	void *arg;
};

struct wire {
	const struct wire_tick *tick;
	int fd; /* -1: closed */
	struct buf in;
	const char *end; /* why the last line did not come */
	bool is_late; /* ... in time, but the other end is still there */
};

void wire_init(struct wire *, const struct wire_tick *);
/* Returns false if nobody accepts the connection. */
bool wire_open(struct wire *, const struct sockaddr_in *);
void wire_close(struct wire *);
/* Closes it after the other end has.  What comes meanwhile is thrown away. */
void wire_drain(struct wire *);
/* Returns false if the other end has gone. */
bool wire_say(struct wire *, const char *data, size_t size);
/* Returns a line without its end, valid until the next call, or NULL if there
 * is none within that time. */
const char *wire_hear(struct wire *, int wait_ms);

#endif
