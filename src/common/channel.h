/*
 * The channel between the master and a long-lived child: a SOCK_SEQPACKET
 * pair, one message a packet: a type byte and a payload.  Either end sees
 * the other's death as end of file.
 */

#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"

/* A child's descriptors, from the master. */
enum channel_fd {
	CHANNEL_FD = 3,
	CHANNEL_LIFELINE_FD, /* acceptor: a pipe that only the master holds the
			      * other end of; end of file: drain */
	CHANNEL_PROGRAM_FD, /* acceptor: its executable, to be executed again,
			     * whatever stands at its path by then */
	CHANNEL_SCOREBOARD_FD, /* common/scoreboard.h */
	CHANNEL_LISTEN_FD, /* first of the listening sockets */
};

/* A child's only argument: room for its title, which is shown by ps(1). */
#define TITLE_PADDING                              \
	"                                        " \
	"                                        "

enum channel_type {
	/* master -> child */
	CHANNEL_CONFIG = 1, /* u8 log targets, u8 verbose, i64 clock_wall_base,
			     * 2 u64 store identity, configuration lines;
			     * first of all, and again when it has changed */
	CHANNEL_PING, /* nothing: is it hung? */

	/* child -> master */
	CHANNEL_READY, /* 2 u64: from the registry the store's identity, from
			* an acceptor 0 */
	CHANNEL_PONG, /* nothing */
	CHANNEL_RENEW, /* nothing: the child executes itself anew, and wants
			* its configuration again */
};

/* Which store the first registry has opened (store_identity(), in
 * store/store.h): those that follow must find the same one, and make no
 * other.  All 0: there was none yet. */
struct channel_store {
	uint64_t id[2];
};

/* What a child is told besides the configuration. */
struct startup_params {
	uint8_t log_where;
	bool verbose;
	int64_t wall_base_ms; /* clock_wall_base(), as the master saw it */
	struct channel_store store; /* of the first registry; else 0 */
};

enum channel_event {
	CHANNEL_NOTHING,
	CHANNEL_NEW_CONFIG,
	CHANNEL_BAD_CONFIG, /* `error` says why; the old one is kept */
	CHANNEL_UNKNOWN, /* a packet that no master sends */
	CHANNEL_END, /* the master is gone */
};

/* Master, never waiting: returns 0, or -1 with errno. */
int channel_send_config(int fd, const struct config *,
    const struct startup_params *);
/* Either end, never waiting: returns 0, or -1 with errno. */
int channel_send(int fd, enum channel_type);
/* Child: says that it is ready.  Returns 0, or -1 with errno. */
int channel_send_ready(const struct channel_store *);
/* Master: reads a packet, and of CHANNEL_READY what it says.  Returns its
 * type, or an io_result (common/io.h). */
int channel_recv(int fd, struct channel_store *);

/*
 * Child: waits for the configuration on CHANNEL_FD.  Returns EX_OK, or what to
 * exit with and one line in `error` (CONFIG_ERROR_SIZE bytes): EX_USAGE when
 * there is no channel, EX_TEMPFAIL for what may be over the next time.
 */
int channel_recv_config(struct config *, struct startup_params *, char *error);
/*
 * Child: reads what has come on CHANNEL_FD, and answers pings.  A new
 * configuration replaces *config.
 */
enum channel_event channel_serve(struct config *, char *error);

#endif
