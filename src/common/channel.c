/*
 * channel: messages between the master and its children, written and read.
 * Runs in the master, the registry and the acceptors, which trust each other.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/io.h"

/* What precedes the filters and lines of CONFIG: type, log targets, verbose,
 * clock_wall_base, the identity of the store, the privileges, and the sizes of
 * the filters. */
#define WALL_BASE_AT 3
#define STORE_AT (WALL_BASE_AT + (ssize_t)sizeof(int64_t))
#define PRIVILEGES_AT (STORE_AT + (ssize_t)sizeof(struct channel_store))
#define FILTERS_AT (PRIVILEGES_AT + (ssize_t)sizeof(struct privileges))
#define CONFIG_HEADER (FILTERS_AT + CHANNEL_FILTERS * (ssize_t)sizeof(uint16_t))
/* The largest packet. */
#define PACKET_MAX 65536
/* How long a child waits for CONFIG, which the master sends right after the
 * fork. */
#define CONFIG_WAIT_MS 10000

/* At a reload the paths of the directories stay as they were, after the size of
 * the lines was checked. */
#define PATHS_MAX 4096
_Static_assert(CONFIG_HEADER +
	    CHANNEL_FILTERS * SANDBOX_COUNT_MAX * SANDBOX_INSTRUCTION +
	    CONFIG_LINES_MAX + PATHS_MAX <=
	PACKET_MAX,
    "each configuration fits a packet");

int
channel_send_config(int fd, const struct config *config,
    const struct startup_params *params)
{
	uint8_t header[CONFIG_HEADER] = { CHANNEL_CONFIG, params->log_where,
		params->verbose };
	const struct sandbox_filter *filters = params->filters;
	struct buf b;
	int i, rc = -1;

	memcpy(header + WALL_BASE_AT, &params->wall_base_ms,
	    sizeof(params->wall_base_ms));
	memcpy(header + STORE_AT, &params->store, sizeof(params->store));
	memcpy(header + PRIVILEGES_AT, &params->privileges,
	    sizeof(params->privileges));
	for (i = 0; i < CHANNEL_FILTERS; i++)
		memcpy(header + FILTERS_AT +
			i * (ssize_t)sizeof(filters[i].count),
		    &filters[i].count, sizeof(filters[i].count));
	buf_init(&b);
	buf_append(&b, header, sizeof(header));
	for (i = 0; i < CHANNEL_FILTERS; i++)
		buf_append(&b, filters[i].code,
		    (size_t)filters[i].count * SANDBOX_INSTRUCTION);
	config_print(config, &b);
	if (buf_failed(&b))
		errno = ENOMEM;
	else if (buf_size(&b) > PACKET_MAX)
		errno = EMSGSIZE;
	else if (io_send_fds(fd, buf_data(&b), buf_size(&b), params->fds,
		     params->n_fds) > 0)
		rc = 0;
	buf_clear(&b);
	return rc;
}

int
channel_send(int fd, enum channel_type type)
{
	uint8_t byte = (uint8_t)type;

	return io_send(fd, &byte, sizeof(byte), MSG_DONTWAIT) == sizeof(byte) ?
	    0 :
	    -1;
}

static int
send_numbers(enum channel_type type, const uint64_t numbers[2], int passed_fd)
{
	uint8_t packet[1 + 2 * sizeof(numbers[0])] = { (uint8_t)type };

	memcpy(packet + 1, numbers, sizeof(packet) - 1);
	return io_send_fds(CHANNEL_FD, packet, sizeof(packet), &passed_fd,
		   passed_fd == -1 ? 0 : 1) == sizeof(packet) ?
	    0 :
	    -1;
}

int
channel_send_ready(const struct channel_store *store, int passed_fd)
{
	return send_numbers(CHANNEL_READY, store->id, passed_fd);
}

int
channel_send_checkpointed(uint64_t revision)
{
	const uint64_t numbers[2] = { revision, 0 };

	return send_numbers(CHANNEL_CHECKPOINTED, numbers, -1);
}

/* A packet for which there was no memory is still there the next time. */
static bool
lacks_memory(ssize_t n)
{
	return n == IO_FAILED && (errno == ENOMEM || errno == ENOBUFS);
}

void
channel_send_violation(int number)
{
	const uint64_t numbers[2] = { (uint64_t)number, 0 };

	(void)send_numbers(CHANNEL_VIOLATION, numbers, -1);
}

int
channel_recv(int fd, uint64_t numbers[2], int *passed_fd)
{
	uint8_t packet[1 + 2 * sizeof(numbers[0])] = { 0 };
	int fds[IO_FDS_MAX];
	size_t n_fds;
	ssize_t n = io_recv_fds(fd, packet, sizeof(packet), fds, &n_fds);

	*passed_fd = n_fds > 0 ? fds[0] : -1;
	while (n_fds > 1) /* there should be none */
		(void)close(fds[--n_fds]);
	memcpy(numbers, packet + 1, sizeof(packet) - 1);
	if (lacks_memory(n))
		return IO_AGAIN;
	return n > 0 ? packet[0] : (int)n;
}

/* Reads a packet, and puts a NUL behind it.  It is valid until the next call.
 * The memory is static: on the stack it would be 16 dirty pages, which each
 * fork of a worker copies. */
static ssize_t
recv_packet(const uint8_t **packet, int fds[IO_FDS_MAX], size_t *n_fds)
{
	static uint8_t memory[PACKET_MAX + 1];
	ssize_t n = io_recv_fds(CHANNEL_FD, memory, PACKET_MAX, fds, n_fds);

	if (n > 0)
		memory[n] = '\0';
	*packet = memory;
	return n;
}

/* The filters stay where they are.  Returns the lines behind them. */
static const char *
read_filters(struct sandbox_filter *filters, const uint8_t *packet)
{
	const uint8_t *code = packet + CONFIG_HEADER;
	int i;

	for (i = 0; i < CHANNEL_FILTERS; i++) {
		memcpy(&filters[i].count,
		    packet + FILTERS_AT + i * (ssize_t)sizeof(filters[i].count),
		    sizeof(filters[i].count));
		filters[i].code = code;
		code += (size_t)filters[i].count * SANDBOX_INSTRUCTION;
	}
	return (const char *)code;
}

static bool
is_config(const uint8_t *packet, ssize_t size)
{
	struct sandbox_filter filters[CHANNEL_FILTERS];

	return size > CONFIG_HEADER && packet[0] == CHANNEL_CONFIG &&
	    (const uint8_t *)read_filters(filters, packet) < packet + size;
}

static int
read_config(struct config *config, struct startup_params *params,
    const uint8_t *packet, char *error)
{
	char what[CONFIG_ERROR_SIZE];
	const char *lines;

	params->log_where = packet[1];
	params->verbose = packet[2] != 0;
	memcpy(&params->wall_base_ms, packet + WALL_BASE_AT,
	    sizeof(params->wall_base_ms));
	memcpy(&params->store, packet + STORE_AT, sizeof(params->store));
	memcpy(&params->privileges, packet + PRIVILEGES_AT,
	    sizeof(params->privileges));
	lines = read_filters(params->filters, packet);
	if (config_init(config) == -1) {
		snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
		return -1;
	}
	if (config_lines(config, lines, what) == 0)
		return 0;
	snprintf(error, CONFIG_ERROR_SIZE, "the master's configuration: %.400s",
	    what);
	return -1;
}

/* Reads packets until the configuration comes.  A child that executes itself
 * again may find PINGs before it. */
static ssize_t
await_config(const uint8_t **packet, struct startup_params *params, char *error)
{
	struct pollfd pfd = { .fd = CHANNEL_FD, .events = POLLIN };
	int64_t deadline_ms = clock_ms() + CONFIG_WAIT_MS;
	ssize_t n;

	do {
		if (io_poll(&pfd, 1, deadline_ms) != 1) {
			snprintf(error, CONFIG_ERROR_SIZE,
			    "the master sends no configuration");
			return IO_AGAIN;
		}
		n = recv_packet(packet, params->fds, &params->n_fds);
	} while (n == IO_AGAIN || (n > 0 && (*packet)[0] == CHANNEL_PING));
	return n;
}

/* A program that is started by hand has no channel. */
static int
complain_of_channel(ssize_t n, char *error)
{
	bool missing =
	    n > 0 || (n == IO_FAILED && (errno == EBADF || errno == ENOTSOCK));

	if (n == IO_END)
		snprintf(error, CONFIG_ERROR_SIZE,
		    "the master is gone before it has sent a configuration");
	else if (missing)
		snprintf(error, CONFIG_ERROR_SIZE,
		    "no configuration on descriptor 3: this program is "
		    "started by kvd(8), not by hand");
	else
		snprintf(error, CONFIG_ERROR_SIZE,
		    "cannot read the configuration: %s", strerror(errno));
	return missing ? EX_USAGE : EX_TEMPFAIL;
}

bool
channel_is_masters(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	errno = EACCES;
	return false;
}

int
channel_recv_config(struct config *config, struct startup_params *params,
    char *error)
{
	const uint8_t *packet = NULL;
	ssize_t n = IO_FAILED;

	if (fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) == 0 &&
	    channel_is_masters(CHANNEL_FD))
		n = await_config(&packet, params, error);
	if (n == IO_AGAIN)
		return EX_TEMPFAIL;
	if (!is_config(packet, n))
		return complain_of_channel(n, error);
	/* The master could read these lines, so what fails here is memory. */
	return read_config(config, params, packet, error) == 0 ? EX_OK :
								 EX_TEMPFAIL;
}

static enum channel_event
replace_config(struct config *config, const uint8_t *packet, char *error)
{
	struct startup_params params = { .n_fds = 0 };
	struct config fresh;

	if (read_config(&fresh, &params, packet, error) == -1) {
		config_clear(&fresh);
		return CHANNEL_BAD_CONFIG;
	}
	config_clear(config);
	config_move(config, &fresh);
	return CHANNEL_NEW_CONFIG;
}

enum channel_event
channel_serve(struct config *config, char *error)
{
	const uint8_t *packet;
	int fds[IO_FDS_MAX];
	size_t n_fds;
	ssize_t n = recv_packet(&packet, fds, &n_fds);

	/* What a process is given once is enough. */
	while (n_fds > 0)
		(void)close(fds[--n_fds]);

	if (n == IO_AGAIN || lacks_memory(n))
		return CHANNEL_NOTHING;
	if (n <= 0)
		return CHANNEL_END;
	if (is_config(packet, n))
		return replace_config(config, packet, error);
	if (packet[0] == CHANNEL_CHECKPOINT)
		return CHANNEL_WANTS_CHECKPOINT;
	if (packet[0] == CHANNEL_VERBOSE)
		return CHANNEL_WANTS_VERBOSE;
	if (packet[0] == CHANNEL_BRIEF)
		return CHANNEL_WANTS_BRIEF;
	if (packet[0] != CHANNEL_PING)
		return CHANNEL_UNKNOWN;
	/* Only the child's event loop calls this, or what it does that takes
	 * long and goes on, so PONG proves that the child does not hang. */
	(void)channel_send(CHANNEL_FD, CHANNEL_PONG);
	return CHANNEL_NOTHING;
}
