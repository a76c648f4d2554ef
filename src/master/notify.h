/*
 * What whoever started kvd is told: the datagrams of sd_notify(3), to
 * NOTIFY_SOCKET, and for s6 a newline on a descriptor.  Nothing here ever
 * waits: what cannot be sent now is sent a moment later.
 */

#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stdint.h>

/* Room for the longest text that is sent at once. */
#define NOTIFY_SIZE 512

struct notify {
	struct sockaddr_un addr;
	socklen_t addr_size;
	int fd; /* -1: nobody listens */
	int ready_fd; /* -1: none, or told */
	int64_t watchdog_ms; /* between two pings; 0: none are wanted */
	int64_t ping_at_ms;
	int64_t retry_at_ms; /* CLOCK_NEVER: nothing is pending */
	char pending[NOTIFY_SIZE];
	bool complained;
};

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment,
 * so that no child believes that they are meant for it.  To be called by the
 * process that was started, before it forks.  `ready_fd` may be -1.
 */
void notify_open(struct notify *, int ready_fd);
void notify_close(struct notify *);

/* Sends lines such as "READY=1\n". */
void notify_send(struct notify *, const char *lines);
/* Clients can connect: from now on this process is the one to signal. */
void notify_ready(struct notify *);
/* The configuration is being read again, until notify_ready(). */
void notify_reloading(struct notify *);
/*
 * Sends what is pending and, if all is well, a ping for the watchdog when
 * that is due.  Returns when to be called again.
 */
int64_t notify_tick(struct notify *, bool well, int64_t now_ms);

#endif
