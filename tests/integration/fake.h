/*
 * fake: a server, in a process of its own, that expects and answers just the
 * bytes that a test lists.
 */

#ifndef INTEGRATION_FAKE_H
#define INTEGRATION_FAKE_H

#include "fixture.h"

enum fake_after {
	FAKE_ON = 0, /* go on with the next step */
	FAKE_CLOSE, /* close this connection */
	FAKE_RESET, /* reset this connection */
	FAKE_HANG, /* send nothing until the client has left */
};

/* Connections are numbered from 0 in the order in which they are accepted. */
struct fake_step {
	int conn;
	const char *expect; /* NULL: do not read */
	const char *reply; /* NULL: none */
	enum fake_after after;
	int times; /* how often to send the reply; 0 means once */
};

struct fake {
	pid_t pid;
	int port;
};

/* Starts the server, which takes these steps.  kv will use it. */
void fake_start(struct fake *, const struct fake_step steps[], size_t n);
#define FAKE(fake, ...)                                               \
	fake_start((fake), (const struct fake_step[]){ __VA_ARGS__ }, \
	    COUNT(((const struct fake_step[]){ __VA_ARGS__ })))

/* Waits for the end of the server.  It has taken all steps. */
void fake_finish(struct fake *);
/* Kills the server, whatever it has done. */
void fake_kill(struct fake *);

#endif
