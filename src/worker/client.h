/*
 * A worker's client: its socket, what came from it, what goes to it.
 */

#ifndef WORKER_CLIENT_H
#define WORKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct client {
	int fd;
	int signal_fd; /* reads SIGTERM: this worker alone is to end */
	int lifeline_fd; /* end of file: kvd stops, or the master died */
	int64_t write_timeout_ms;
	int64_t shutdown_timeout_ms;
	int64_t stop_at_ms; /* told to end: when at last; else CLOCK_NEVER */
	bool told; /* SIGTERM has come */
	bool ended; /* all that it has sent is read */
	bool tried; /* to read, at least once */
	bool timed; /* SO_RCVTIMEO is set */
	bool expendable; /* the kernel was told so, once it had to wait */
	int64_t hot_at_ms; /* when it last asked again at once, by poll(2) */
	struct buf in;
	struct buf out;
};

enum client_event {
	CLIENT_INPUT, /* there is more in `in`, or nothing yet */
	CLIENT_END, /* the client will send no more */
	CLIENT_NEWS, /* the other descriptor is readable */
	CLIENT_SILENT, /* the deadline passed */
	CLIENT_STOP, /* kvd stops */
	CLIENT_DISMISSED, /* this worker is told to end, and kvd goes on */
	CLIENT_GONE, /* hung up, or an error, or no memory */
};

/* Waits for input and reads it, once, or waits for that of another
 * descriptor (-1: none); a deadline of CLOCK_NEVER is none.  Being told to end
 * may take 200 ms to be seen. */
enum client_event client_next(struct client *, int other_fd,
    int64_t deadline_ms);
/*
 * Sends all of `out`.  Returns 0, or -1: the client is gone, or took nothing
 * for the write timeout (or, once told to end, the shutdown timeout).
 */
int client_flush(struct client *);
/*
 * Closes in a way that lets the client read what was sent last: a close with
 * unread input would reset the connection.
 */
void client_close(struct client *);

#endif
