/*
 * channel: what master and children say to each other.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/io.h"

/* Type, log targets, verbose. */
#define CONFIG_HEADER 3
/* A configuration has a few lines; thousands of `listen` would not fit. */
#define PACKET_MAX 65536
/* The master sends right after the fork. */
#define CONFIG_WAIT_MS 10000

int
channel_send_config(int fd, const struct config *config,
    const struct channel_log *log)
{
	uint8_t header[CONFIG_HEADER] = { CHANNEL_CONFIG, log->where,
		log->verbose };
	struct buf b;
	int rc = -1;

	buf_init(&b);
	buf_append(&b, header, sizeof(header));
	config_print(config, &b);
	if (buf_failed(&b))
		errno = ENOMEM;
	else if (buf_size(&b) > PACKET_MAX)
		errno = EMSGSIZE;
	else if (io_send(fd, buf_data(&b), buf_size(&b), 0) > 0)
		rc = 0;
	buf_clear(&b);
	return rc;
}

static ssize_t
recv_config_packet(uint8_t *packet)
{
	struct pollfd pfd = { .fd = CHANNEL_FD, .events = POLLIN };

	/* A child that is started by hand has no channel. */
	if (fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) == -1 ||
	    io_poll(&pfd, 1, clock_ms() + CONFIG_WAIT_MS) != 1)
		return -1;
	return io_recv(CHANNEL_FD, packet, PACKET_MAX, 0);
}

int
channel_recv_config(struct config *config, struct channel_log *log, char *error)
{
	static const char not_master[] =
	    "no configuration on descriptor 3: this program is started by "
	    "kvd(8), not by hand";
	uint8_t packet[PACKET_MAX];
	ssize_t n;

	n = recv_config_packet(packet);
	if (n <= CONFIG_HEADER || packet[0] != CHANNEL_CONFIG) {
		(void)strlcpy(error, not_master, CONFIG_ERROR_SIZE);
		return -1;
	}
	log->where = packet[1];
	log->verbose = packet[2] != 0;
	if (config_init(config) == -1) {
		(void)strlcpy(error, "out of memory", CONFIG_ERROR_SIZE);
		return -1;
	}
	return config_text(config, (const char *)packet + CONFIG_HEADER,
	    (size_t)n - CONFIG_HEADER, error);
}

int
channel_send_ready(void)
{
	uint8_t type = CHANNEL_READY;

	return io_send(CHANNEL_FD, &type, sizeof(type), 0) == sizeof(type) ? 0 :
									     -1;
}

int
channel_recv_type(int fd)
{
	uint8_t type;
	ssize_t n = io_recv(fd, &type, sizeof(type), MSG_DONTWAIT);

	return n == sizeof(type) ? type : (int)n;
}
