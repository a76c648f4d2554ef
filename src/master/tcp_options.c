/*
 * tcp_options: when a silent peer counts as dead, and how data is sent.  Runs
 * in the master.
 */

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "master/tcp_options.h"

/* A peer counts as dead after `keepalive`.  Half of that time the kernel waits
 * for it, and during the other half it sends this many probes. */
#define PROBES 5
/* The longest time that tcp(7) takes for either half. */
#define KEEP_MAX_S 32767

static int
set_number(int fd, int level, int option, int64_t value)
{
	int number = (int)value;

	return setsockopt(fd, level, option, &number, sizeof(number));
}

/* Sets a time of tcp(7), which is in seconds, at least 1 and at most
 * KEEP_MAX_S. */
static int
set_seconds(int fd, int option, int64_t ms)
{
	int64_t s = (ms + 999) / 1000;

	return set_number(fd, IPPROTO_TCP, option,
	    s < 1	       ? 1 :
		s > KEEP_MAX_S ? KEEP_MAX_S :
				 s);
}

/*
 * A connection whose peer has vanished is found by probes while it is idle.
 * While data is on its way, it is found because nothing is acknowledged
 * (TCP_USER_TIMEOUT in tcp(7)).  But that timeout also ends the connection of a
 * peer that is alive and does not read, which must not happen before
 * write-timeout.  If write-timeout is the longer one, the kernel's own limit
 * for retransmissions is all that is left.
 */
static int
set_keepalive(int fd, const struct config *config)
{
	int64_t keepalive_ms = config->keepalive_ms;
	bool patient = config->write_timeout_ms > keepalive_ms;

	if (set_number(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive_ms > 0) == -1 ||
	    set_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		patient ? 0 : keepalive_ms) == -1)
		return -1;
	if (keepalive_ms == 0)
		return 0;
	if (set_seconds(fd, TCP_KEEPIDLE, keepalive_ms / 2) == -1 ||
	    set_seconds(fd, TCP_KEEPINTVL, keepalive_ms / 2 / PROBES) == -1)
		return -1;
	return set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

int
tcp_options_set(int fd, const struct config *config)
{
	/* Telnet marks a byte as urgent (RFC 854, Synch), and that byte must
	 * stay where it is in the stream. */
	if (set_number(fd, SOL_SOCKET, SO_OOBINLINE, 1) == -1 ||
	    set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1) == -1)
		return -1;
	return set_keepalive(fd, config);
}

int
tcp_options_before_bind(int fd, int family)
{
	if (set_number(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
		return -1;
	if (family == AF_INET6)
		return set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return 0;
}
