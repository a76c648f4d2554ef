/*
 * registry_line: talks to the registry as a worker does.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kvctl/registry_line.h"
#include "proto/hello.h"
#include "proto/message.h"

static int
fail(struct registry_line *l, const char *why)
{
	(void)snprintf(l->error, sizeof(l->error), "%s", why);
	return -1;
}

/* These are short: the socket takes them at once. */
static int
send_frame(struct registry_line *l, const struct buf *frame)
{
	if (buf_failed(frame))
		return fail(l, "out of memory");
	if (io_send(l->fd, buf_data(frame), buf_size(frame), MSG_DONTWAIT) !=
	    (ssize_t)buf_size(frame))
		return fail(l, "the registry takes no request; try again");
	return 0;
}

static int
greet(struct registry_line *l)
{
	struct hello hello = { .session = 0 };
	struct buf b;
	int rc = -1;

	buf_init(&b);
	if (getentropy(&hello.session, sizeof(hello.session)) == -1)
		(void)fail(l, strerror(errno));
	else {
		hello_put(&b, &hello);
		rc = send_frame(l, &b);
	}
	buf_clear(&b);
	return rc;
}

int
registry_line_open(struct registry_line *l, struct ctl *ctl)
{
	int status;

	*l = (struct registry_line){ .fd = -1, .timeout_ms = ctl->timeout_ms };
	buf_init(&l->in);
	status = ctl_ask(ctl, "registry", NULL, NULL, NULL);
	if (status != CTL_DONE)
		return status;
	l->fd = ctl->conn.passed_fd;
	ctl->conn.passed_fd = -1;
	if (l->fd == -1)
		(void)fail(l, "kvd has passed no connection to its registry");
	else if (greet(l) == 0)
		return CTL_DONE;
	(void)snprintf(ctl->conn.error, sizeof(ctl->conn.error), "%s",
	    l->error);
	registry_line_close(l);
	return CTL_FAILED;
}

void
registry_line_close(struct registry_line *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
	buf_clear(&l->in);
}

/* Waits for the next message, which points into `in`. */
static int
next_message(struct registry_line *l, struct message *m)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };
	int64_t deadline_ms = l->timeout_ms == CLOCK_NEVER ?
	    CLOCK_NEVER :
	    clock_ms() + l->timeout_ms;
	ssize_t n;
	int rc;

	buf_consume(&l->in, l->taken);
	l->taken = 0;
	while ((rc = message_get(buf_data(&l->in), buf_size(&l->in), SIZE_MAX,
		    m)) == 0) {
		if (io_poll(&pfd, 1, deadline_ms) == IO_AGAIN)
			return fail(l, "the registry does not answer in time");
		n = io_recv_buf(l->fd, &l->in, MSG_DONTWAIT);
		if (buf_failed(&l->in))
			return fail(l, "out of memory");
		if (n == 0 || n == IO_FAILED)
			return fail(l,
			    "the registry has closed the connection: it is "
			    "being restarted, or kvd ends, or others ask as "
			    "well; try again");
	}
	if (rc == -1)
		return fail(l, "the registry's answer is malformed");
	l->taken = m->frame_size;
	return 0;
}

int
registry_line_list(struct registry_line *l, const struct fields *list,
    struct fields *page)
{
	struct message m;
	struct buf b;
	int rc;

	buf_init(&b);
	schema_put(&b, MESSAGE_LIST, ++l->sequence, list);
	rc = send_frame(l, &b);
	buf_clear(&b);
	if (rc == -1 || next_message(l, &m) == -1)
		return -1;
	if (m.type != MESSAGE_PAGE || m.sequence != l->sequence ||
	    !schema_get(schema_find(MESSAGE_PAGE), m.body, 0, page))
		return fail(l, "the registry's answer is malformed");
	return 0;
}
