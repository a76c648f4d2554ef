/*
 * A connection to the control socket, and how replies are written to it.
 *
 * A connection has one request at a time: as long as its reply is not sent, or
 * waits for something, no more is read.
 */

#ifndef MASTER_CONTROL_CONN_H
#define MASTER_CONTROL_CONN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/control.h"
#include "master/child.h"
#include "master/state.h"

/* How many connections there are at most, if descriptors are not short.  A
 * quarter of them is not for those who may only look, so that these cannot keep
 * out who may act. */
#define CONTROL_CONNS 16

/* What the end of a reply waits for. */
enum control_wait {
	CONTROL_WAIT_NONE,
	CONTROL_WAIT_ANSWERS, /* of all children that serve clients, to a PING */
	CONTROL_WAIT_READY, /* the children are ready, those of a stage anew */
	CONTROL_WAIT_CHECKPOINT, /* a round of checkpoint_ask() */
	CONTROL_WAIT_CLIENT, /* a worker has ended */
	CONTROL_WAIT_READER, /* has taken what was printed: the list of clients
			      * goes on */
	CONTROL_WAIT_END, /* of the master */
};

struct control_conn {
	int fd; /* -1: there is no connection */
	size_t polled; /* its place for poll(2); 0: none */
	uid_t uid; /* of the peer, and its pid */
	pid_t pid;
	bool may_act; /* may change something, not only look */
	bool got_end; /* it sends no more */
	bool closing; /* as soon as all is sent */
	bool lingering; /* all is sent, and what comes is discarded */
	char line[CONTROL_LINE_MAX]; /* the request, as far as it has come */
	size_t line_size;
	struct buf out;
	int pass_fd; /* goes with the reply; -1: none */
	/* For a request, for progress in sending, or for what the reply waits
	 * for; CLOCK_NEVER: there is none. */
	int64_t deadline_ms;

	enum control_wait wait;
	uint64_t round; /* of CONTROL_WAIT_CHECKPOINT */
	uint64_t client; /* its id, of CONTROL_WAIT_CLIENT */
	uint32_t slot; /* the last one printed, of CONTROL_WAIT_READER */
	/* CONTROL_WAIT_ANSWERS: the number of the ping that is to be answered.
	 * CONTROL_WAIT_READY: the number of the start that is to be ready. */
	uint64_t awaited[CHILDREN];
};

/* Appends a line to the reply. */
void control_print(struct control_conn *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The end of a reply.  control_fail() appends ERROR and the sentence. */
void control_done(struct control_conn *);
void control_fail(struct control_conn *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The end of the reply comes later: for at most so long, or CLOCK_NEVER. */
void control_await(struct control_conn *, enum control_wait, int64_t ms);

#endif
