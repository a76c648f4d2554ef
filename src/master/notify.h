/*
 * Tells the process that started kvd, such as init, about its state: by
 * datagrams of sd_notify(3) to NOTIFY_SOCKET, and for s6 by a newline on a
 * descriptor.  Nothing here waits: a message that cannot be sent is tried again
 * later.
 */

#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stdint.h>

/* The size of all messages that are waiting to be sent, NUL included. */
#define NOTIFY_SIZE 512

struct notify {
	struct sockaddr_un addr;
	socklen_t addr_size;
	int fd; /* -1: there is no NOTIFY_SOCKET */
	int ready_fd; /* for s6; -1: there is none, or it was told */
	int64_t watchdog_ms; /* between two pings; 0: no pings */
	int64_t ping_at_ms; /* the next ping */
	int64_t retry_at_ms; /* CLOCK_NEVER: nothing is pending */
	char pending[NOTIFY_SIZE]; /* lines that could not be sent yet */
	bool complained; /* that messages cannot be sent */
};

/*
 * Removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment,
 * so that no child takes them for its own.  Must be called before the process
 * forks, because WATCHDOG_PID has its pid.  `ready_fd` may be -1.
 */
void notify_open(struct notify *, int ready_fd);
void notify_close(struct notify *);

/* Sends lines such as "READY=1\n". */
void notify_send(struct notify *, const char *lines);
/* Clients can connect, and signals should be sent to this process. */
void notify_ready(struct notify *);
/* The configuration is being read again.  notify_ready() ends this. */
void notify_reloading(struct notify *);
/*
 * Sends what is pending and, if kvd is well, a ping for the watchdog when it is
 * due.  Returns when to call this again.
 */
int64_t notify_tick(struct notify *, bool well, int64_t now_ms);

#endif
