/*
 * client: the client's socket.  Runs in the worker; the peer is hostile.
 */

#include <sys/signalfd.h>
#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "worker/client.h"
#include "worker/expendable.h"

/* How long to listen to a client that has been told that all is over. */
#define LINGER_MS 1000
/* Who asks again within this time is hot. */
#define HOT_MS 100
/* Whoever stops all of kvd with SIGTERM may reach this process first: if the
 * lifeline ends within this time after the signal, kvd stops. */
#define TOLD_MS 1000

/*
 * A hot client is waited for in recv(2) itself: a system call less for each
 * request.  What else there is to wait for is seen when that gives up, or when
 * this time has passed since poll(2) last looked.
 */
static bool
is_brisk(const struct client *c, int64_t now_ms, int64_t deadline_ms)
{
	return now_ms - c->hot_at_ms < HOT_MS &&
	    (deadline_ms == CLOCK_NEVER || deadline_ms - now_ms >= HOT_MS);
}

/* Waits as long as a hot client needs. */
static ssize_t
read_brisk(struct client *c)
{
	if (!c->timed && io_set_timeouts(c->fd, HOT_MS) == -1)
		return IO_AGAIN;
	c->timed = true;
	return io_recv_buf(c->fd, &c->in, 0);
}

static enum client_event
describe_read(struct client *c, ssize_t n)
{
	c->ended = n == IO_END;
	if (n == IO_FAILED)
		return CLIENT_GONE;
	return c->ended ? CLIENT_END : CLIENT_INPUT;
}

/*
 * Waits.  Most clients ask at once and leave; a worker that has to wait for
 * its client for a moment is one that may stay, and offers itself to a kernel
 * that runs out of memory.
 */
static int
wait_for(struct client *c, struct pollfd *pfds, size_t n, int64_t deadline_ms)
{
	int64_t soon_ms;
	int ready;

	if (c->expendable || (soon_ms = clock_ms() + HOT_MS) >= deadline_ms)
		return io_poll(pfds, n, deadline_ms);
	ready = io_poll(pfds, n, soon_ms);
	if (ready != IO_AGAIN)
		return ready;
	c->expendable = true;
	expendable_become();
	return io_poll(pfds, n, deadline_ms);
}

/* The descriptor is the acceptor's, which waits for SIGCHLD as well. */
static void
read_signal(struct client *c)
{
	struct signalfd_siginfo info;

	if (read(c->signal_fd, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo == SIGTERM)
		c->told = true;
}

/* Is kvd stopping, or this worker alone? */
static enum client_event
told_event(const struct client *c)
{
	struct pollfd pfd = { .fd = c->lifeline_fd };

	return io_poll(&pfd, 1, clock_ms() + TOLD_MS) == IO_AGAIN ?
	    CLIENT_DISMISSED :
	    CLIENT_STOP;
}

/* CLIENT_INPUT: there may be something to be read. */
static enum client_event
wait_input(struct client *c, int other_fd, int64_t deadline_ms)
{
	struct pollfd pfds[4] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = c->lifeline_fd }, /* POLLHUP comes unasked */
		{ .fd = other_fd, .events = POLLIN },
	};
	int n;

	n = wait_for(c, pfds, other_fd == -1 ? 3 : 4, deadline_ms);
	if (n == IO_AGAIN)
		return CLIENT_SILENT;
	if (n == IO_FAILED)
		return CLIENT_GONE;
	if (pfds[2].revents != 0)
		return CLIENT_STOP;
	if (pfds[1].revents != 0)
		read_signal(c);
	if (c->told)
		return told_event(c);
	if (pfds[3].revents != 0)
		return CLIENT_NEWS;
	return CLIENT_INPUT;
}

enum client_event
client_next(struct client *c, int other_fd, int64_t deadline_ms)
{
	int64_t since_ms = clock_ms(), now_ms;
	enum client_event event;
	ssize_t n = IO_AGAIN;

	if (c->told)
		return told_event(c);
	/* Most ask while their worker is still being made. */
	if (!c->tried)
		n = io_recv_buf(c->fd, &c->in, MSG_DONTWAIT);
	else if (other_fd == -1 && is_brisk(c, since_ms, deadline_ms))
		n = read_brisk(c);
	c->tried = true;
	if (n != IO_AGAIN)
		return describe_read(c, n);
	event = wait_input(c, other_fd, deadline_ms);
	if (event != CLIENT_INPUT)
		return event;
	now_ms = clock_ms();
	c->hot_at_ms = now_ms - since_ms < HOT_MS ? now_ms : 0;
	/* That there is nothing after all does no harm. */
	return describe_read(c, io_recv_buf(c->fd, &c->in, MSG_DONTWAIT));
}

/* Waits for room.  Being told to end sets a deadline for all that is left. */
static int
wait_writable(struct client *c)
{
	struct pollfd pfds[3] = {
		{ .fd = c->fd, .events = POLLOUT },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = c->lifeline_fd },
	};
	int64_t deadline_ms = clock_ms() + c->write_timeout_ms;
	bool stopping = c->stop_at_ms != CLOCK_NEVER;

	if (c->stop_at_ms < deadline_ms)
		deadline_ms = c->stop_at_ms;
	if (wait_for(c, pfds, stopping ? 1 : 3, deadline_ms) <= 0)
		return -1;
	if (pfds[1].revents != 0)
		read_signal(c);
	if (!stopping && (c->told || pfds[2].revents != 0))
		c->stop_at_ms = clock_ms() + c->shutdown_timeout_ms;
	return clock_ms() > c->stop_at_ms ? -1 : 0;
}

int
client_flush(struct client *c)
{
	ssize_t n;

	if (buf_failed(&c->out))
		return -1;
	while (buf_size(&c->out) > 0) {
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out),
		    MSG_DONTWAIT);
		if (n == IO_AGAIN && wait_writable(c) == 0)
			continue;
		if (n < 0)
			return -1;
		buf_consume(&c->out, (size_t)n);
	}
	return 0;
}

void
client_close(struct client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int64_t deadline_ms = clock_ms() + LINGER_MS;
	char unread[512];

	if (!c->ended && shutdown(c->fd, SHUT_WR) == 0)
		while (clock_ms() < deadline_ms &&
		    io_poll(&pfd, 1, deadline_ms) > 0 &&
		    io_recv(c->fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
			;
	(void)close(c->fd);
}
