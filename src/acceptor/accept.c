/*
 * accept: accepts clients, or refuses them.  Runs in the acceptor, which never
 * looks at what they send.
 */

#include <sys/socket.h>

#include <linux/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "acceptor/accept.h"
#include "acceptor/workers.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "common/scoreboard.h"

/* How long to leave clients in the backlog when there are not enough
 * processes, descriptors or memory for them. */
#define PAUSE_MS 100
/* How many clients to accept before signals are read again. */
#define ACCEPT_BATCH 64
/* tcpi_state, as netinet/tcp.h has it, which does not go with linux/tcp.h. */
#define TCP_CLOSE_STATE 7
#define TCP_CLOSE_WAIT_STATE 8

static void
listen_events(struct acceptor *a, short events)
{
	size_t i;

	for (i = 0; i < a->listeners; i++)
		a->pfds[PFD_LISTEN + i].events = events;
}

/* Lets other processes end, so that there is enough for more clients. */
static void
pause_accepting(struct acceptor *a)
{
	listen_events(a, 0);
	a->accept_at_ms = clock_ms() + PAUSE_MS;
}

void
accept_resume(struct acceptor *a)
{
	a->accept_at_ms = CLOCK_NEVER;
	listen_events(a, POLLIN);
}

static const char *const refusals[REFUSE_REASONS] = {
	[REFUSE_MAX_CLIENTS] = "ERROR too many clients\r\n",
	[REFUSE_MAX_CLIENTS_PER_SOURCE] =
	    "ERROR too many clients from your address\r\n",
	[REFUSE_SUSPENDED] = "ERROR not accepting clients\r\n",
	[REFUSE_SHORTAGE] = "ERROR too many clients\r\n",
};

static void
refuse(struct acceptor *a, int fd, enum refuse_reason why)
{
	char unread[512];

	scoreboard_count_refused(a->scoreboard, why);
	(void)io_send(fd, refusals[why], strlen(refusals[why]), MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* To close with unread input resets the connection, and then the client
	 * may not see the line. */
	(void)io_recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	(void)close(fd);
}

/* Logs a shortage, but not for each client, and pauses. */
static void
handle_shortage(struct acceptor *a, const char *what)
{
	unsigned long skipped;
	int saved = errno;

	if (log_limit_allows(&a->shortages, clock_ms(), &skipped)) {
		errno = saved;
		log_warn("%s", what);
		log_suppressed(skipped);
	}
	pause_accepting(a);
}

static const char *const reasons[REFUSE_REASONS] = {
	[REFUSE_MAX_CLIENTS] = "max-clients are connected",
	[REFUSE_MAX_CLIENTS_PER_SOURCE] = "there are too many from its "
					  "address",
	[REFUSE_SUSPENDED] = "an operator has suspended kvd",
};

/* Logs that a client was refused, but not for each one. */
static void
report_refusal(struct acceptor *a, enum refuse_reason why)
{
	unsigned long skipped;

	if (!log_limit_allows(&a->refusals, clock_ms(), &skipped))
		return;
	log_warnx("refused a client: %s", reasons[why]);
	log_suppressed(skipped);
}

void
accept_init(struct acceptor *a)
{
	if (a->spare_fd == -1)
		a->spare_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* The spare descriptor is the only one left for the client that waits. */
static void
refuse_with_spare(struct acceptor *a, int listen_fd)
{
	int fd;

	if (a->spare_fd == -1)
		return;
	(void)close(a->spare_fd);
	a->spare_fd = -1;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		refuse(a, fd, REFUSE_SHORTAGE);
	accept_init(a);
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS;
}

/*
 * A listening socket for both IPv6 and IPv4 gives an IPv4 client an address of
 * IPv6 (ipv6(7)).  Makes it one of IPv4 again, so that all clients from there
 * count as one source.
 */
static void
unmap_ipv4(struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (addr->ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return;
	sin.sin_port = sin6->sin6_port;
	memcpy(&sin.sin_addr, &sin6->sin6_addr.s6_addr[12],
	    sizeof(sin.sin_addr));
	memcpy(addr, &sin, sizeof(sin));
}

/* Whose process is it that has connected to a Unix socket? */
static void
note_peer(struct acceptor *a, int fd, uint32_t slot)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		scoreboard_set_peer(a->scoreboard, slot, peer.uid, peer.pid);
}

static enum refuse_reason
reason_of(enum scoreboard_result result)
{
	switch (result) {
	case SCOREBOARD_SUSPENDED:
		return REFUSE_SUSPENDED;
	case SCOREBOARD_SOURCE_FULL:
		return REFUSE_MAX_CLIENTS_PER_SOURCE;
	default:
		return REFUSE_MAX_CLIENTS;
	}
}

/*
 * How many clients there may be from this address.  Without a setting one
 * address must not be able to keep all others out, unless it is this machine's
 * own: whoever is here can do more than that.
 */
static int64_t
max_from(const struct acceptor *a, const struct sockaddr_storage *addr)
{
	const struct config *config = a->config;

	if (config->max_clients_per_source != 0)
		return config->max_clients_per_source;
	return config_is_exposed(addr) ? (config->max_clients + 1) / 2 : 0;
}

/* Does the address connect too often?  Who has no limit for the number of
 * clients has none for this. */
static bool
comes_too_often(struct acceptor *a, const struct sockaddr_storage *addr)
{
	return config_is_exposed(addr) &&
	    max_from(a, addr) < a->config->max_clients &&
	    !source_rate_allows(&a->rate, addr, clock_ms());
}

/*
 * Has the client gone without having sent anything?  A worker would cost a fork
 * and have nothing to do.  The end of the stream counts as a byte.
 */
static bool
has_left(int fd, const struct sockaddr_storage *addr)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (addr->ss_family == AF_UNIX ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
	    size < offsetof(struct tcp_info, tcpi_segs_out))
		return false;
	return info.tcpi_bytes_received <= 1 &&
	    (info.tcpi_state == TCP_CLOSE_STATE ||
		info.tcpi_state == TCP_CLOSE_WAIT_STATE);
}

/* Takes a slot for the client. */
static enum scoreboard_result
take_slot(struct acceptor *a, const struct sockaddr_storage *addr,
    uint32_t *slot)
{
	if (comes_too_often(a, addr))
		return SCOREBOARD_SOURCE_FULL;
	return scoreboard_take(a->scoreboard, addr, a->config->max_clients,
	    max_from(a, addr), slot);
}

/* Starts the worker of a client, or refuses the client. */
static void
take_client(struct acceptor *a, int fd, const struct sockaddr_storage *addr)
{
	enum scoreboard_result result;
	enum refuse_reason why;
	uint32_t slot = 0;

	result = take_slot(a, addr, &slot);
	if (result != SCOREBOARD_OK) {
		why = reason_of(result);
		report_refusal(a, why);
		refuse(a, fd, why);
		return;
	}
	if (addr->ss_family == AF_UNIX)
		note_peer(a, fd, slot);
	if (workers_start(a, fd, addr, slot) == 0)
		return;
	handle_shortage(a, "cannot start a worker");
	scoreboard_cancel(a->scoreboard, slot);
	refuse(a, fd, REFUSE_SHORTAGE);
}

/* Returns false when no client waits, or none can be accepted now. */
static bool
accept_one(struct acceptor *a, int listen_fd)
{
	struct sockaddr_storage addr;
	socklen_t addr_size = sizeof(addr);
	int fd;

	addr.ss_family = AF_UNSPEC;
	fd = accept4(listen_fd, (struct sockaddr *)&addr, &addr_size,
	    SOCK_CLOEXEC);
	if (fd == -1) {
		if (is_shortage(errno)) {
			handle_shortage(a, "cannot accept a client");
			refuse_with_spare(a, listen_fd);
		} else if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    errno != EINTR && errno != ECONNABORTED &&
		    /* The master has let the address go, and is about to
		     * replace this acceptor. */
		    errno != EINVAL)
			handle_shortage(a, "accept");
		return false;
	}
	unmap_ipv4(&addr);
	if (has_left(fd, &addr)) {
		(void)close(fd);
		return true;
	}
	take_client(a, fd, &addr);
	return !a->is_worker && a->accept_at_ms == CLOCK_NEVER;
}

void
accept_clients(struct acceptor *a, int listen_fd)
{
	int i;

	/* It looks again after the pause. */
	if (scoreboard_admission(a->scoreboard) == SCOREBOARD_PAUSES) {
		pause_accepting(a);
		return;
	}
	for (i = 0; i < ACCEPT_BATCH; i++)
		if (!accept_one(a, listen_fd))
			return;
}
