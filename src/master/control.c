/*
 * control: the connections of kvctl(8).  Runs in the master, which does not
 * trust what they send: whoever may connect may at least look, root and kvd's
 * own user may act.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/log.h"
#include "master/control.h"
#include "master/control_clients.h"
#include "master/control_commands.h"
#include "master/limits.h"

/* How long a connection may take to send a request, or to take some of a
 * reply. */
#define PATIENCE_MS 10000
/* How long nobody is accepted when descriptors are short. */
#define ACCEPT_PAUSE_MS 100
/* How long the rest of what a peer sends is discarded: to close with unread
 * input is an error for the peer, which may then not read the reply. */
#define LINGER_MS 1000

struct control {
	struct control_conn conns[CONTROL_CONNS];
	int64_t accept_at_ms; /* CLOCK_NEVER: at any time */
	struct log_limit refusals; /* of kvd's own children */
	struct log_limit shortages;
};

int
control_init(struct master *m)
{
	int i;

	if ((m->control = calloc(1, sizeof(*m->control))) == NULL)
		return -1;
	m->control->accept_at_ms = CLOCK_NEVER;
	for (i = 0; i < CONTROL_CONNS; i++)
		m->control->conns[i].fd = -1;
	return 0;
}

static void
close_conn(struct control_conn *c)
{
	(void)close(c->fd);
	if (c->pass_fd != -1)
		(void)close(c->pass_fd);
	buf_clear(&c->out);
	c->fd = c->pass_fd = -1;
}

void
control_clear(struct master *m)
{
	int i;

	if (m->control == NULL)
		return;
	for (i = 0; i < CONTROL_CONNS; i++)
		if (m->control->conns[i].fd != -1)
			close_conn(&m->control->conns[i]);
	free(m->control);
	m->control = NULL;
}

/* How many connections descriptors allow.  One of them is among those that the
 * master needs in any case. */
static int64_t
max_conns(const struct master *m)
{
	int64_t spare = limits_spare(m->config);

	if (spare < 1)
		return 1;
	return spare < CONTROL_CONNS ? spare : CONTROL_CONNS;
}

/* Returns a free place for a peer that may act, or may not; NULL: none. */
static struct control_conn *
find_place(const struct master *m, bool may_act)
{
	struct control *control = m->control;
	struct control_conn *c, *place = NULL;
	int64_t max = max_conns(m), used = 0, lookers = 0;

	for (c = control->conns; c < control->conns + CONTROL_CONNS; c++) {
		if (c->fd == -1)
			place = c;
		else {
			used++;
			lookers += !c->may_act;
		}
	}
	if (used >= max || (!may_act && lookers >= max - max / 4))
		return NULL;
	return place;
}

/* The processes of kvd's own users have nothing to ask, and those who become
 * them do it to take kvd over. */
static bool
is_of_children(const struct master *m, uid_t uid)
{
	const struct privileges *p = &m->params.privileges;

	return p->switches &&
	    (uid == p->user.uid || uid == p->registry_user.uid);
}

static void
open_conn(struct master *m, int fd, const struct ucred *peer)
{
	static const char full[] =
	    "ERROR too many connections to the control socket; try again\n";
	bool may_act = peer->uid == 0 || peer->uid == geteuid();
	struct control_conn *c = find_place(m, may_act);

	if (c == NULL) {
		(void)io_send(fd, full, sizeof(full) - 1, MSG_DONTWAIT);
		(void)close(fd);
		return;
	}
	*c = (struct control_conn){ .fd = fd,
		.pass_fd = -1,
		.uid = peer->uid,
		.pid = peer->pid,
		.may_act = may_act,
		.deadline_ms = clock_ms() + PATIENCE_MS };
	buf_init(&c->out);
	control_print(c, CONTROL_GREETING "%d", CONTROL_VERSION);
}

static void
warn_of_child(struct master *m, const struct ucred *peer)
{
	unsigned long skipped;

	if (!log_limit_allows(&m->control->refusals, clock_ms(), &skipped))
		return;
	log_warnx("process %ld of user %lu, who runs processes of kvd, has "
		  "connected to the control socket; closed",
	    (long)peer->pid, (unsigned long)peer->uid);
	log_suppressed(skipped);
}

/* Descriptors or memory are short; errno says which. */
static void
pause_accepting(struct master *m)
{
	unsigned long skipped;

	m->control->accept_at_ms = clock_ms() + ACCEPT_PAUSE_MS;
	if (log_limit_allows(&m->control->shortages, clock_ms(), &skipped)) {
		log_warn("cannot accept kvctl");
		log_suppressed(skipped);
	}
}

/* One at a time: those that wait are accepted in the next turns. */
static void
accept_conn(struct master *m)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(m->control_listener.fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_accepting(m);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1) {
		log_warn("cannot see who connects to the control socket");
		(void)close(fd);
		return;
	}
	if (is_of_children(m, peer.uid)) {
		warn_of_child(m, &peer);
		(void)close(fd);
		return;
	}
	open_conn(m, fd, &peer);
}

/* Sends a part of the reply with a descriptor that belongs to it. */
static ssize_t
send_with_fd(struct control_conn *c)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec data = { buf_data(&c->out), buf_size(&c->out) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &c->pass_fd, sizeof(int));
	n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_FAILED;
	(void)close(c->pass_fd);
	c->pass_fd = -1;
	return n;
}

/* Sends what the socket takes. */
static void
flush(struct control_conn *c, int64_t now_ms)
{
	ssize_t n;

	while (buf_size(&c->out) > 0) {
		n = c->pass_fd != -1 ? send_with_fd(c) :
				       io_send(c->fd, buf_data(&c->out),
					   buf_size(&c->out), MSG_DONTWAIT);
		if (n == IO_AGAIN)
			return;
		if (n <= 0) {
			close_conn(c);
			return;
		}
		buf_consume(&c->out, (size_t)n);
		if (c->wait == CONTROL_WAIT_NONE ||
		    c->wait == CONTROL_WAIT_READER)
			c->deadline_ms = now_ms + PATIENCE_MS;
	}
	buf_shrink(&c->out, 0);
}

/* Executes the first line that has come, if it is complete.  Returns whether
 * there was one. */
static bool
run_line(struct master *m, struct control_conn *c)
{
	char *newline = memchr(c->line, '\n', c->line_size);
	char line[CONTROL_LINE_MAX];
	size_t size;

	if (newline == NULL) {
		if (c->line_size == sizeof(c->line)) {
			control_fail(c, "a request has at most %d bytes",
			    CONTROL_LINE_MAX);
			c->closing = true;
		} else if (c->got_end) {
			if (c->line_size > 0)
				control_fail(c,
				    "the last line has no end, and "
				    "is not executed");
			c->closing = true;
		}
		return false;
	}
	size = (size_t)(newline - c->line);
	memcpy(line, c->line, size);
	line[size] = '\0';
	c->line_size -= size + 1;
	memmove(c->line, newline + 1, c->line_size);
	if (size != strlen(line)) {
		control_fail(c, "a request has no NUL byte");
		c->closing = true;
	} else
		control_execute(m, c, line);
	return true;
}

static bool
is_busy(const struct control_conn *c)
{
	return c->wait != CONTROL_WAIT_NONE || buf_size(&c->out) > 0;
}

static void
linger(struct control_conn *c, int64_t now_ms)
{
	if (c->got_end) {
		close_conn(c);
		return;
	}
	if (!c->lingering)
		c->deadline_ms = now_ms + LINGER_MS;
	c->lingering = true;
	c->line_size = 0;
	(void)shutdown(c->fd, SHUT_WR);
}

/* Has the reply to be looked at in this turn? */
static bool
is_waiting(const struct control_conn *c)
{
	return c->wait != CONTROL_WAIT_NONE &&
	    (c->wait != CONTROL_WAIT_READER || buf_size(&c->out) == 0);
}

/* Goes on with a connection as far as possible without waiting.  One line of
 * each in a turn. */
static void
advance(struct master *m, struct control_conn *c, int64_t now_ms)
{
	if (is_waiting(c))
		control_check(m, c, now_ms);
	else if (!is_busy(c) && !c->closing && !run_line(m, c) && !c->closing &&
	    c->deadline_ms <= now_ms) {
		control_fail(c, "no request has come for %d seconds",
		    PATIENCE_MS / 1000);
		c->closing = true;
	}
	if (buf_failed(&c->out)) {
		log_warnx("out of memory: the reply to kvctl is lost");
		close_conn(c);
		return;
	}
	flush(c, now_ms);
	if (c->fd != -1 && c->closing && !is_busy(c))
		linger(c, now_ms);
	/* At the deadline it has not taken the reply. */
	if (c->fd != -1 && c->deadline_ms <= now_ms)
		close_conn(c);
}

/* Can more be done for this connection at once? */
static bool
has_work(const struct control_conn *c)
{
	if (buf_size(&c->out) > 0)
		return false;
	return c->wait == CONTROL_WAIT_READER ||
	    (c->wait == CONTROL_WAIT_NONE &&
		memchr(c->line, '\n', c->line_size) != NULL);
}

int64_t
control_run(struct master *m, int64_t now_ms)
{
	int64_t next_ms = m->control->accept_at_ms, drain_ms;
	struct control_conn *c;

	if (next_ms <= now_ms)
		m->control->accept_at_ms = next_ms = CLOCK_NEVER;
	if ((drain_ms = control_drain(m, now_ms)) < next_ms)
		next_ms = drain_ms;
	for (c = m->control->conns; c < m->control->conns + CONTROL_CONNS;
	     c++) {
		if (c->fd != -1)
			advance(m, c, now_ms);
		if (c->fd == -1)
			continue;
		if (c->deadline_ms < next_ms)
			next_ms = c->deadline_ms;
		if (control_next_check(c, now_ms) < next_ms)
			next_ms = control_next_check(c, now_ms);
		if (has_work(c))
			next_ms = now_ms;
	}
	return next_ms;
}

static short
wanted_events(const struct control_conn *c)
{
	if (buf_size(&c->out) > 0)
		return POLLOUT;
	if (is_busy(c) || c->got_end || c->line_size == sizeof(c->line))
		return 0;
	return POLLIN;
}

size_t
control_watch(struct master *m, struct pollfd *pfds)
{
	struct control *control = m->control;
	struct control_conn *c;
	bool accepts = control->accept_at_ms == CLOCK_NEVER;
	size_t n = 0;

	pfds[n++] =
	    (struct pollfd){ .fd = accepts ? m->control_listener.fd : -1,
		    .events = POLLIN };
	for (c = control->conns; c < control->conns + CONTROL_CONNS; c++) {
		c->polled = c->fd == -1 ? 0 : n;
		if (c->fd != -1)
			pfds[n++] = (struct pollfd){ .fd = c->fd,
				.events = wanted_events(c) };
	}
	return n;
}

static void
read_conn(struct control_conn *c)
{
	ssize_t n = io_recv(c->fd, c->line + c->line_size,
	    sizeof(c->line) - c->line_size, MSG_DONTWAIT);

	if (n > 0)
		c->line_size += (size_t)n;
	else if (n == 0)
		c->got_end = true;
	else if (n != IO_AGAIN)
		close_conn(c);
}

void
control_handle(struct master *m, const struct pollfd *pfds)
{
	struct control *control = m->control;
	const struct pollfd *pfd;
	struct control_conn *c;

	for (c = control->conns; c < control->conns + CONTROL_CONNS; c++) {
		if (c->polled == 0)
			continue;
		pfd = &pfds[c->polled];
		if (pfd->events == POLLIN && pfd->revents & POLLIN)
			read_conn(c);
		else if (pfd->revents & (POLLHUP | POLLERR))
			close_conn(c);
	}
	if (pfds[0].revents != 0)
		accept_conn(m);
}
