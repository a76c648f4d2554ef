/*
 * The connection to the master's control socket: requests, and the lines of
 * their replies.  kvctl(8) describes the protocol.
 */

#ifndef KVCTL_CTL_CONN_H
#define KVCTL_CTL_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

/* The longest reason for a failure, NUL included. */
#define CTL_ERROR_SIZE 512

struct ctl_conn {
	int fd; /* -1: closed */
	int passed_fd; /* that came with a reply; -1: none */
	int64_t deadline_ms; /* of all waits; CLOCK_NEVER: none */
	struct buf in;
	char line[2048]; /* the last one that ctl_conn_line() has read */
	bool lost; /* the connection ended, or the deadline passed */
	char error[CTL_ERROR_SIZE];
};

enum ctl_line {
	CTL_LINE_DATA, /* it is in `line` */
	CTL_LINE_OK, /* the end of the reply, */
	CTL_LINE_ERROR, /* or with `error` */
};

/*
 * Connects, and reads the greeting.  Returns CTL_DONE, or CTL_NOT_RUNNING or
 * CTL_FAILED with the reason in `error`.  Then the connection is closed.
 */
int ctl_conn_open(struct ctl_conn *, const char *path, int64_t deadline_ms);
void ctl_conn_close(struct ctl_conn *);
/* Sends a request.  What goes wrong is in the next line's `error`. */
void ctl_conn_ask(struct ctl_conn *, const char *request, const char *argument);
/* Waits for the next line of the reply. */
enum ctl_line ctl_conn_line(struct ctl_conn *);
/* Waits until the other end closes the connection.  False: the deadline has
 * passed. */
bool ctl_conn_await_end(struct ctl_conn *);

#endif
