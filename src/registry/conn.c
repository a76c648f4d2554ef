/*
 * conn: the workers' connections.  Runs in the registry; the peer is a
 * worker that may have been taken over by its client.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "proto/message.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/listing.h"
#include "registry/state.h"
#include "registry/session.h"

/* Enough for all requests that a client usually sends at once. */
#define READ_SIZE 16384
/* How many workers are accepted at a time, so that others have their turn. */
#define ACCEPT_MAX 256
/* An idle connection keeps buffers of this size: the next read needs one, and
 * pages that were never touched cost nothing. */
#define KEEP_SIZE READ_SIZE
/* How many connections of kvctl(8) there may be.  The limits of descriptors have
 * some to spare for them. */
#define LOOKERS_MAX 4

static int
watch(struct registry *r, struct conn *c, int op)
{
	struct epoll_event event = { .data.ptr = c };

	if (c->wants_out)
		event.events = EPOLLOUT;
	else if (c->wait == CONN_RUNS)
		event.events = EPOLLIN;
	return epoll_ctl(r->epoll_fd, op, c->fd, &event);
}

static void
watch_again(struct registry *r, struct conn *c)
{
	if (watch(r, c, EPOLL_CTL_MOD) == -1)
		fatal(EX_OSERR, "epoll_ctl");
}

/* Has the master connected?  It passes the connection on to kvctl(8). */
static bool
is_from_master(const struct registry *r, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    peer.pid == r->master_pid && peer.uid == r->master_uid;
}

/* Whoever has such a connection may keep it, so that a new one ends the
 * oldest. */
static void
add_looker(struct registry *r, struct conn *c)
{
	c->looks = true;
	TAILQ_INSERT_TAIL(&r->lookers, c, looker_entry);
	if (++r->n_lookers > LOOKERS_MAX)
		conn_close(r, TAILQ_FIRST(&r->lookers));
}

static int
conn_new(struct registry *r, int fd)
{
	struct conn *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		warning_accept(r);
		(void)close(fd);
		return -1;
	}
	c->fd = fd;
	LIST_INIT(&c->events.subscriptions);
	TAILQ_INSERT_TAIL(&r->idle, c, entry);
	r->conns++;
	session_await(r, c);
	if (watch(r, c, EPOLL_CTL_ADD) == -1) {
		warning_accept(r);
		conn_close(r, c);
		return -1;
	}
	if (is_from_master(r, fd))
		add_looker(r, c);
	/* A worker connects when it has something to send. */
	conn_read(r, c);
	return 0;
}

int
conn_accept(struct registry *r)
{
	int n, fd;

	for (n = 0; n < ACCEPT_MAX; n++) {
		fd = accept4(r->listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (fd == -1 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd == -1) {
			/* Without a free descriptor accept4(2) fails even if
			 * nobody else waits, so only the first failure means
			 * that somebody is kept waiting. */
			if (n == 0)
				warning_accept(r);
			return -1;
		}
		if (conn_new(r, fd) == -1)
			return -1;
	}
	return 0; /* epoll tells again of those that still wait */
}

static struct conn_list *
list_of(struct registry *r, const struct conn *c)
{
	switch (c->wait) {
	case CONN_HELD:
		return &r->held;
	case CONN_STARVED:
		return &r->starved;
	default:
		return c->ready ? &r->ready : &r->idle;
	}
}

void
conn_set_ready(struct registry *r, struct conn *c, bool ready)
{
	if (c->wait != CONN_RUNS || c->ready == ready)
		return;
	TAILQ_REMOVE(list_of(r, c), c, entry);
	c->ready = ready;
	TAILQ_INSERT_TAIL(list_of(r, c), c, entry);
}

void
conn_hold(struct registry *r, struct conn *c, enum conn_wait wait)
{
	TAILQ_REMOVE(list_of(r, c), c, entry);
	c->wait = wait;
	/* With replies that are not yet sent nothing is executed. */
	c->ready = wait == CONN_RUNS && !c->wants_out;
	TAILQ_INSERT_TAIL(list_of(r, c), c, entry);
	watch_again(r, c);
}

void
conn_set_first(struct registry *r, struct conn *c)
{
	TAILQ_REMOVE(&r->ready, c, entry);
	TAILQ_INSERT_HEAD(&r->ready, c, entry);
	c->first = true;
}

void
conn_set_last(struct registry *r, struct conn *c)
{
	TAILQ_REMOVE(&r->ready, c, entry);
	TAILQ_INSERT_TAIL(&r->ready, c, entry);
}

void
conn_close(struct registry *r, struct conn *c)
{
	session_leave(r, c);
	events_leave(r, c);
	listing_end(r, c);
	memory_leave(r, c);
	if (c->events.notified)
		TAILQ_REMOVE(&r->notified, c, notified_entry);
	if (c->looks) {
		TAILQ_REMOVE(&r->lookers, c, looker_entry);
		r->n_lookers--;
	}
	TAILQ_REMOVE(list_of(r, c), c, entry);
	(void)close(c->fd);
	buf_clear(&c->events.queue);
	events_account(r, c);
	buf_clear(&c->in);
	buf_clear(&c->out);
	free(c);
	r->conns--;
	gauges_want(r);
}

void
conn_read(struct registry *r, struct conn *c)
{
	uint8_t *to;
	ssize_t n;

	if (c->session.refused) {
		session_discard(r, c);
		return;
	}
	/* It has to be executed first, or to get memory of the pool. */
	if (buf_size(&c->in) >= MEMORY_FREE + c->memory.held) {
		conn_set_ready(r, c, true);
		return;
	}
	if ((to = buf_reserve(&c->in, READ_SIZE)) == NULL) {
		warning_close(r, "out of memory");
		conn_close(r, c);
		return;
	}
	n = io_recv(c->fd, to, READ_SIZE, 0);
	if (n == IO_AGAIN)
		return;
	if (n <= 0) {
		conn_close(r, c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	conn_set_ready(r, c, true);
}

static void
set_wants_out(struct registry *r, struct conn *c, bool wants_out)
{
	if (c->wants_out == wants_out)
		return;
	c->wants_out = wants_out;
	watch_again(r, c);
}

/* When all of `out` is sent the queued events follow.  False: there is nothing
 * to send. */
static bool
has_more(struct registry *r, struct conn *c)
{
	struct buf sent;

	if (c->sent < buf_size(&c->out))
		return true;
	buf_truncate(&c->out, 0);
	c->sent = 0;
	if (buf_size(&c->events.queue) == 0)
		return false;
	sent = c->out;
	c->out = c->events.queue;
	c->events.queue = sent;
	events_account(r, c);
	return true;
}

void
conn_flush(struct registry *r, struct conn *c)
{
	ssize_t n;

	while (has_more(r, c)) {
		n = io_send(c->fd, buf_data(&c->out) + c->sent,
		    buf_size(&c->out) - c->sent, 0);
		if (n == IO_AGAIN) {
			memory_set(r, c, buf_size(&c->out) - c->sent);
			conn_set_ready(r, c, false);
			set_wants_out(r, c, true);
			return;
		}
		if (n < 0) {
			conn_close(r, c); /* the worker has gone */
			return;
		}
		c->sent += (size_t)n;
	}
	memory_set(r, c, 0);
	buf_shrink(&c->out, KEEP_SIZE);
	buf_shrink(&c->events.queue, KEEP_SIZE);
	buf_shrink(&c->in, KEEP_SIZE);
	if (c->wants_out) {
		set_wants_out(r, c, false);
		/* Requests that waited for these replies to be sent. */
		conn_set_ready(r, c, buf_size(&c->in) > 0);
	}
}
