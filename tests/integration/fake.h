/*
 * A server that says what a test wants it to: canned bytes on a real socket.
 */

#ifndef INTEGRATION_FAKE_H
#define INTEGRATION_FAKE_H

#include "fixture.h"

enum fake_after {
	FAKE_ON = 0, /* the next step */
	FAKE_CLOSE, /* close this connection */
	FAKE_RESET, /* the same, rudely */
	FAKE_HANG, /* say no more, until the client goes away */
};

/* Connections are numbered from 0, in the order in which they come. */
struct fake_step {
	int conn;
	const char *expect; /* NULL: whatever comes, or nothing */
	const char *reply; /* or NULL */
	enum fake_after after;
	int times; /* the reply, so often; 0 is 1 */
};

struct fake {
	pid_t pid;
	int port;
};

/* A process that goes through the steps, and kv is told where it is. */
void fake_start(struct fake *, const struct fake_step steps[], size_t n);
#define FAKE(fake, ...)                                               \
	fake_start((fake), (const struct fake_step[]){ __VA_ARGS__ }, \
	    COUNT(((const struct fake_step[]){ __VA_ARGS__ })))

/* All steps were taken, and the client said nothing else. */
void fake_finish(struct fake *);
/* Ends it, wherever it is. */
void fake_kill(struct fake *);

#endif
