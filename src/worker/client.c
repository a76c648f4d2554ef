/*
 * client: the client's socket.  Runs in the worker; the peer is hostile.
 */

#include <sys/socket.h>

#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/io.h"
#include "worker/client.h"

/* How long client_close() waits for the client to close its end. */
#define LINGER_MS 1000
/* A client whose next request comes within this time is hot. */
#define HOT_MS 100
/*
 * Whoever stops all of kvd with SIGTERM may reach this process before the
 * master.  If the lifeline ends within this time after the signal, kvd stops.
 */
#define LIFELINE_WAIT_MS 1000

void
client_init(struct client *c, int fd, int signal_fd, int lifeline_fd,
    const struct config *config, struct account *account)
{
	c->fd = fd;
	c->account = account;
	c->signal_fd = signal_fd;
	c->lifeline_fd = lifeline_fd;
	c->timing.write_timeout_ms = config->write_timeout_ms;
	c->timing.shutdown_timeout_ms = config->shutdown_timeout_ms;
	c->timing.first_line_by_ms = config->first_command_timeout_ms == 0 ?
	    CLOCK_NEVER :
	    clock_ms() + config->first_command_timeout_ms;
	c->timing.leave_by_ms = CLOCK_NEVER;
}

/* Until when to wait: for `timeout_ms`, but not past `limit_ms`.  Both may be
 * CLOCK_NEVER. */
static int64_t
next_deadline(int64_t now_ms, int64_t timeout_ms, int64_t limit_ms)
{
	if (timeout_ms == CLOCK_NEVER || limit_ms - now_ms < timeout_ms)
		return limit_ms;
	return now_ms + timeout_ms;
}

/*
 * A hot client is waited for in recv(2) itself, which saves poll(2) for each
 * request.  Whatever else there is to wait for is noticed when recv(2) gives
 * up, after HOT_MS, or when the client is not hot any more, HOT_MS after
 * poll(2) was last called.
 */
static bool
is_hot(const struct client *c, int64_t now_ms, int64_t deadline_ms)
{
	return now_ms < c->timing.hot_until_ms &&
	    deadline_ms - now_ms >= HOT_MS;
}

static ssize_t
read_hot(struct client *c)
{
	if (!c->has_recv_timeout && io_set_timeouts(c->fd, HOT_MS) == -1)
		return IO_AGAIN;
	c->has_recv_timeout = true;
	return io_recv_buf(c->fd, &c->in, 0);
}

static enum client_event
describe_read(struct client *c, ssize_t n)
{
	c->got_end = n == IO_END;
	if (n == IO_FAILED)
		return CLIENT_GONE;
	if (n > 0)
		account_received(c->account, (size_t)n);
	return c->got_end ? CLIENT_END : CLIENT_INPUT;
}

/* Waits.  Most clients ask at once and leave.  When a worker has waited for its
 * client for a moment, its title says what it waits for. */
static int
wait_for(struct client *c, struct pollfd *pfds, size_t n, int64_t deadline_ms,
    enum account_state state)
{
	int64_t soon_ms;
	int ready;

	if (c->account->state == state ||
	    (soon_ms = clock_ms() + HOT_MS) >= deadline_ms)
		return io_poll(pfds, n, deadline_ms);
	ready = io_poll(pfds, n, soon_ms);
	if (ready != IO_AGAIN)
		return ready;
	account_show(c->account, state);
	return io_poll(pfds, n, deadline_ms);
}

/* After SIGTERM: has kvd to end, or this worker alone? */
static enum client_event
sigterm_event(const struct client *c)
{
	struct pollfd pfd = { .fd = c->lifeline_fd };

	return io_poll(&pfd, 1, clock_ms() + LIFELINE_WAIT_MS) == IO_AGAIN ?
	    CLIENT_DISMISSED :
	    CLIENT_STOP;
}

/* CLIENT_INPUT: there may be something to read. */
static enum client_event
wait_input(struct client *c, int other_fd, int64_t deadline_ms)
{
	struct pollfd pfds[4] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = c->lifeline_fd }, /* POLLHUP need not be asked for */
		{ .fd = other_fd, .events = POLLIN },
	};
	int n;

	n = wait_for(c, pfds, other_fd == -1 ? 3 : 4, deadline_ms, c->quiet);
	if (n == IO_AGAIN)
		return CLIENT_TIMEOUT;
	if (n == IO_FAILED)
		return CLIENT_GONE;
	if (pfds[2].revents != 0)
		return CLIENT_STOP;
	if ((pfds[1].revents & POLLIN) != 0)
		c->got_sigterm = true;
	if (c->got_sigterm)
		return sigterm_event(c);
	if (pfds[3].revents != 0)
		return CLIENT_OTHER;
	return CLIENT_INPUT;
}

enum client_event
client_next(struct client *c, int other_fd, int64_t timeout_ms)
{
	int64_t since_ms, now_ms, deadline_ms;
	enum client_event event;
	ssize_t n = IO_AGAIN;

	if (c->got_sigterm)
		return sigterm_event(c);
	since_ms = account_take_time(c->account) / 1000;
	deadline_ms =
	    next_deadline(since_ms, timeout_ms, c->timing.first_line_by_ms);
	/* Most clients send their request before the worker exists. */
	if (!c->read_once)
		n = io_recv_buf(c->fd, &c->in, MSG_DONTWAIT);
	else if (other_fd == -1 && is_hot(c, since_ms, deadline_ms))
		n = read_hot(c);
	c->read_once = true;
	if (n != IO_AGAIN)
		return describe_read(c, n);
	event = wait_input(c, other_fd, deadline_ms);
	if (event != CLIENT_INPUT)
		return event;
	/* It does no harm if there is nothing to read after all. */
	n = io_recv_buf(c->fd, &c->in, MSG_DONTWAIT);
	event = describe_read(c, n);
	now_ms = n > 0 ? c->account->read_us / 1000 : since_ms + HOT_MS;
	c->timing.hot_until_ms =
	    now_ms - since_ms < HOT_MS ? now_ms + HOT_MS : 0;
	if (c->timing.hot_until_ms != 0 && other_fd == -1)
		account_show(c->account, ACCOUNT_BUSY);
	return event;
}

/* Waits until the client takes more.  When the worker is told to end, that
 * sets a deadline for all that is left to be sent. */
static int
wait_writable(struct client *c)
{
	struct client_timing *t = &c->timing;
	struct pollfd pfds[3] = {
		{ .fd = c->fd, .events = POLLOUT },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = c->lifeline_fd },
	};
	bool leaving = t->leave_by_ms != CLOCK_NEVER;

	if (wait_for(c, pfds, leaving ? 1 : 3,
		next_deadline(clock_ms(), t->write_timeout_ms, t->leave_by_ms),
		ACCOUNT_SENDING) <= 0)
		return -1;
	if ((pfds[1].revents & POLLIN) != 0)
		c->got_sigterm = true;
	if (!leaving && (c->got_sigterm || pfds[2].revents != 0))
		t->leave_by_ms = clock_ms() + t->shutdown_timeout_ms;
	return clock_ms() > t->leave_by_ms ? -1 : 0;
}

/* Sends once, and waits before the next time if the client takes nothing. */
static int
send_some(struct client *c)
{
	ssize_t n;

	n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out), MSG_DONTWAIT);
	if (n >= 0) {
		account_sent(c->account, (size_t)n);
		buf_consume(&c->out, (size_t)n);
		return 0;
	}
	if (n == IO_AGAIN) {
		c->account->activity->wants_out = buf_size(&c->out);
		if (wait_writable(c) == 0)
			return 0;
	}
	account_reason(c->account,
	    n != IO_AGAIN			     ? CLOSE_BROKEN :
		c->timing.leave_by_ms != CLOCK_NEVER ? CLOSE_SHUTDOWN :
						       CLOSE_WRITE);
	return -1;
}

int
client_flush(struct client *c)
{
	if (buf_failed(&c->out))
		return -1;
	while (buf_size(&c->out) > 0)
		if (send_some(c) == -1)
			return -1;
	if (c->account->activity->wants_out != 0)
		c->account->activity->wants_out = 0;
	return 0;
}

void
client_close(struct client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int64_t deadline_ms = clock_ms() + LINGER_MS;
	char unread[512];

	if (!c->got_end && shutdown(c->fd, SHUT_WR) == 0)
		while (clock_ms() < deadline_ms &&
		    io_poll(&pfd, 1, deadline_ms) > 0 &&
		    io_recv(c->fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
			;
	(void)close(c->fd);
}
