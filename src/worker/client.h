/*
 * A worker's client: its socket, what came from it, what goes to it.
 */

#ifndef WORKER_CLIENT_H
#define WORKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "worker/account.h"

struct config;

/* Times are of clock_ms(). */
struct client_timing {
	/* How long, from the configuration. */
	int64_t write_timeout_ms;
	int64_t shutdown_timeout_ms;
	/* Deadlines; CLOCK_NEVER: none. */
	int64_t first_line_by_ms; /* of the first line; input.c removes it */
	int64_t leave_by_ms; /* of the last replies, when told to end */
	/* Until then the client counts as hot (client.c); 0: it does not. */
	int64_t hot_until_ms;
};

/* All zero before client_init(). */
struct client {
	int fd;
	int signal_fd; /* readable after SIGTERM: this worker alone has to end */
	int lifeline_fd; /* end of file: kvd stops, or the master died */
	struct buf in; /* client_next() appends, input.c consumes */
	struct buf out; /* client_flush() sends it */
	struct client_timing timing;
	struct account *account;
	/* What the title is to say when nothing comes for a moment. */
	enum account_state quiet;
	bool read_once; /* a first read was tried */
	bool has_recv_timeout; /* the socket has (SO_RCVTIMEO) */
	bool got_sigterm;
	bool got_end; /* the client sends no more, and all of it is read */
};

enum client_event {
	CLIENT_INPUT, /* there may be more in `in` */
	CLIENT_END, /* the client sends no more */
	CLIENT_OTHER, /* the other descriptor is readable */
	CLIENT_TIMEOUT, /* neither for so long */
	CLIENT_STOP, /* kvd stops */
	CLIENT_DISMISSED, /* this worker has to end, and kvd goes on */
	CLIENT_GONE, /* the connection broke, or there is no memory */
};

void client_init(struct client *, int fd, int signal_fd, int lifeline_fd,
    const struct config *, struct account *);
/*
 * Waits for input and reads once, or waits until another descriptor (-1: none)
 * is readable.  CLIENT_TIMEOUT after `timeout_ms` (CLOCK_NEVER: never), and
 * when the first line takes too long.  Notices after 200 ms at the latest that
 * the worker has to end.
 */
enum client_event client_next(struct client *, int other_fd,
    int64_t timeout_ms);
/*
 * Sends all of `out`.  Returns 0, or -1: the client is gone, or took nothing
 * for the write timeout, or all of this takes longer than the shutdown timeout
 * since the worker was told to end.
 */
int client_flush(struct client *);
/*
 * Closes in a way that lets the client read what was sent last: a close with
 * unread input would reset the connection.
 */
void client_close(struct client *);

#endif
