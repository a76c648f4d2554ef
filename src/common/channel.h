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
#define CHANNEL_FD 3
#define CHANNEL_LIFELINE_FD \
	4 /* acceptor: a pipe that only the master holds
			       * the other end of; end of file: drain */
#define CHANNEL_LISTEN_FD 5 /* first of the listening sockets */

enum channel_type {
	CHANNEL_CONFIG = 1, /* master -> child: u8 log targets, u8 verbose,
			     * configuration lines */
	CHANNEL_READY, /* child -> master: nothing */
};

/* Log settings that travel with the configuration. */
struct channel_log {
	uint8_t where;
	bool verbose;
};

/* Master: returns 0, or -1 with errno. */
int channel_send_config(int fd, const struct config *,
    const struct channel_log *);

/*
 * Child: waits for the configuration on CHANNEL_FD.  Returns 0, or -1 with
 * one line in `error` (CONFIG_ERROR_SIZE bytes).
 */
int channel_recv_config(struct config *, struct channel_log *, char *error);
/* Child: returns 0, or -1 with errno. */
int channel_send_ready(void);

/* Master: reads a packet.  Returns its type, or an io_result (common/io.h). */
int channel_recv_type(int fd);

#endif
