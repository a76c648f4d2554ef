/*
 * ctl_conn: talks to the master.  What it sends is printed, but not trusted:
 * whoever owns the socket may not be kvd.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/connect.h"
#include "common/control.h"
#include "common/io.h"
#include "common/utf8.h"
#include "kvctl/ctl_conn.h"
#include "kvctl/ctl_status.h"

#define READ_SIZE 16384

__attribute__((format(printf, 2, 3))) static void
set_error(struct ctl_conn *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
}

void
ctl_conn_close(struct ctl_conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	if (c->passed_fd != -1)
		(void)close(c->passed_fd);
	c->fd = c->passed_fd = -1;
	buf_clear(&c->in);
}

static int
refuse(struct ctl_conn *c, int status)
{
	ctl_conn_close(c);
	return status;
}

/* Says why nobody can be reached at this path. */
static int
explain(struct ctl_conn *c, const char *path)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		set_error(c, "kvd is not running: there is no %s", path);
		return CTL_NOT_RUNNING;
	case ECONNREFUSED:
		set_error(c,
		    "kvd is not running: nobody listens on %s, which a kvd "
		    "that was killed has left",
		    path);
		return CTL_NOT_RUNNING;
	case EACCES:
	case EPERM:
		set_error(c,
		    "%s: you may not connect: root, the user that kvd runs as "
		    "and the socket's group may",
		    path);
		return CTL_FAILED;
	case EAGAIN:
	case ETIMEDOUT:
		set_error(c, "%s: too many wait to be answered, or kvd hangs",
		    path);
		return CTL_FAILED;
	default:
		set_error(c, "%s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
}

/* How long the next wait may be, for functions without a deadline. */
static int
time_left(const struct ctl_conn *c)
{
	int ms;

	if (c->deadline_ms == CLOCK_NEVER)
		return 0;
	ms = clock_timeout(c->deadline_ms, clock_ms());
	return ms == 0 ? 1 : ms;
}

static int
greet(struct ctl_conn *c, const char *path)
{
	enum ctl_line line = ctl_conn_line(c);
	int version;

	if (line == CTL_LINE_ERROR)
		return CTL_FAILED;
	if (line != CTL_LINE_DATA ||
	    sscanf(c->line, "kvd %*s control %d", &version) != 1) {
		set_error(c, "%s: this is not the control socket of kvd", path);
		return CTL_FAILED;
	}
	if (version == CONTROL_VERSION)
		return CTL_DONE;
	set_error(c,
	    "%s: version %d of the protocol, and this kvctl has version %d: "
	    "use the kvctl that belongs to the running kvd",
	    path, version, CONTROL_VERSION);
	return CTL_FAILED;
}

int
ctl_conn_open(struct ctl_conn *c, const char *path, int64_t deadline_ms)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int status;

	*c = (struct ctl_conn){ .fd = -1,
		.passed_fd = -1,
		.deadline_ms = deadline_ms };
	buf_init(&c->in);
	if (strlen(path) >= sizeof(sun.sun_path)) {
		set_error(c, "%s: the path is longer than %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
		return CTL_FAILED;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	c->fd = connect_within((const struct sockaddr *)&sun, sizeof(sun),
	    time_left(c));
	if (c->fd == -1)
		return explain(c, path);
	if ((status = greet(c, path)) != CTL_DONE)
		return refuse(c, status);
	return CTL_DONE;
}

void
ctl_conn_ask(struct ctl_conn *c, const char *request, const char *argument)
{
	char line[CONTROL_LINE_MAX + 1];
	int n = snprintf(line, sizeof(line), "%s%s%s\n", request,
	    argument == NULL ? "" : " ", argument == NULL ? "" : argument);

	if (n >= (int)sizeof(line)) {
		set_error(c, "the request is too long");
		c->lost = true;
	} else if (io_send(c->fd, line, (size_t)n, 0) != n) {
		set_error(c, "kvd has closed the connection");
		c->lost = true;
	}
}

/* Keeps the descriptor that has come with a reply, if one has. */
static void
keep_fd(struct ctl_conn *c, struct msghdr *m)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(m);

	if (control == NULL || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_RIGHTS ||
	    control->cmsg_len != CMSG_LEN(sizeof(int)))
		return;
	if (c->passed_fd != -1)
		(void)close(c->passed_fd);
	memcpy(&c->passed_fd, CMSG_DATA(control), sizeof(int));
}

static ssize_t
receive(struct ctl_conn *c)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { buf_reserve(&c->in, READ_SIZE), READ_SIZE };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n;

	if (data.iov_base == NULL)
		return IO_FAILED;
	n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_FAILED;
	keep_fd(c, &m);
	buf_commit(&c->in, (size_t)n);
	return n;
}

/* Reads what has come.  False: nothing more will. */
static bool
fill(struct ctl_conn *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	switch (io_poll(&pfd, 1, c->deadline_ms)) {
	case IO_AGAIN:
		set_error(c, "kvd does not answer in time");
		return false;
	case IO_FAILED:
		set_error(c, "poll: %s", strerror(errno));
		return false;
	}
	if ((n = receive(c)) > 0 || n == IO_AGAIN)
		return true;
	if (buf_failed(&c->in))
		set_error(c, "out of memory");
	else
		set_error(c,
		    "kvd has closed the connection: it has ended, or "
		    "is being restarted");
	return false;
}

/* Takes a line out of what has come, without its end.  A byte that is not
 * printable might control the terminal. */
static bool
take_line(struct ctl_conn *c)
{
	const uint8_t *p = buf_data(&c->in), *end;
	size_t size, i, n;

	if (buf_size(&c->in) == 0 ||
	    (end = memchr(p, '\n', buf_size(&c->in))) == NULL)
		return false;
	size = (size_t)(end - p);
	if (size >= sizeof(c->line))
		size = sizeof(c->line) - 1;
	memcpy(c->line, p, size);
	c->line[size] = '\0';
	for (i = 0; i < size; i += n) {
		n = utf8_printable_size((uint8_t *)c->line + i, size - i);
		if (n == 0) {
			c->line[i] = '?';
			n = 1;
		}
	}
	buf_consume(&c->in, (size_t)(end - p) + 1);
	return true;
}

enum ctl_line
ctl_conn_line(struct ctl_conn *c)
{
	while (!c->lost && !take_line(c)) {
		if (buf_size(&c->in) > sizeof(c->line)) {
			set_error(c, "kvd's reply has a line that is too long");
			c->lost = true;
		} else if (!fill(c))
			c->lost = true;
	}
	if (c->lost)
		return CTL_LINE_ERROR;
	if (strcmp(c->line, "OK") == 0)
		return CTL_LINE_OK;
	if (strncmp(c->line, "ERROR ", 6) != 0)
		return CTL_LINE_DATA;
	set_error(c, "%.500s", c->line + 6);
	return CTL_LINE_ERROR;
}

bool
ctl_conn_await_end(struct ctl_conn *c)
{
	while (fill(c))
		buf_truncate(&c->in, 0);
	return c->deadline_ms == CLOCK_NEVER || clock_ms() < c->deadline_ms;
}
