/*
 * client: sends requests, reads the replies, and decides whether the end of a
 * connection had a cause.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/io.h"
#include "torture/client.h"

#define READ_SIZE 65536
/* The longest time for which a client is away. */
#define AWAY_MS 30
/* One burst in so many is so many times as long. */
#define LONG_BURST_ONE_IN 32
#define LONG_BURST 4
/*
 * A connection made within this time after an acceptor was killed may have
 * been accepted by that acceptor, and ends with it: on a busy machine the
 * signal takes a while.
 */
#define DYING_MS 1000

void
client_init(struct client *c, struct load *load, unsigned int number)
{
	memset(c, 0, sizeof(*c));
	c->load = load;
	c->fd = -1;
	c->waiting_ms = CLOCK_NEVER;
	ledger_init(&c->ledger, load->report, number, load->options);
	dice_init(&c->dice, load->options->seed, 100000 + number);
	buf_init(&c->in);
	buf_init(&c->out);
}

void
client_clear(struct client *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	buf_clear(&c->in);
	buf_clear(&c->out);
}

static void
watch(struct client *c, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (op == EPOLL_CTL_MOD && events == c->events)
		return;
	if (epoll_ctl(c->load->epoll_fd, op, c->fd, &event) == -1)
		err(EX_OSERR, "epoll_ctl");
	c->events = events;
}

/* Closes the connection, whoever wanted it closed. */
static void
leave(struct client *c)
{
	(void)close(c->fd);
	c->fd = -1;
	c->state = CLIENT_AWAY;
	c->waiting_ms = CLOCK_NEVER;
	c->next_ms = clock_ms() + dice_below(&c->dice, AWAY_MS);
	buf_truncate(&c->in, 0);
	buf_truncate(&c->out, 0);
	c->load->busy--;
}

static bool
may_be_down(const struct client *c)
{
	return c->load->down || c->epoch != c->load->epoch;
}

static void
judge_end(struct client *c, const char *how)
{
	struct report *r = c->load->report;

	if (c->excused || may_be_down(c))
		r->cut_off++;
	else if (!c->served &&
	    c->connect_ms <= c->load->acceptor_died_ms + DYING_MS)
		r->resets++;
	else
		report_failure(r, &r->disconnected,
		    "client %u: disconnected %s, %s after %lld ms (%s)",
		    c->ledger.client,
		    c->served ? "without cause" : "before its first reply", how,
		    (long long)(clock_ms() - c->connect_ms),
		    c->refused ? "told so" : "not told so");
}

static void
ended(struct client *c, const char *how)
{
	report_note(c->load->report,
	    "client %u: port %u: %s, %u requests pending", c->ledger.client,
	    c->port, how, c->ledger.count);
	if (c->state != CLIENT_LEAVING || c->ledger.count > 0) {
		judge_end(c, how);
		ledger_cut(&c->ledger, c->refused);
	}
	leave(c);
}

/* Sends as much as the socket takes. */
static void
flush(struct client *c)
{
	ssize_t n;

	while (buf_size(&c->out) > 0) {
		n = io_send(c->fd, buf_data(&c->out), buf_size(&c->out), 0);
		if (n < 0)
			break; /* reading will find the end */
		buf_consume(&c->out, (size_t)n);
	}
	watch(c, EPOLL_CTL_MOD,
	    buf_size(&c->out) > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
ask_burst(struct client *c)
{
	unsigned int n = 1 + dice_below(&c->dice, c->load->options->pipeline);

	if (dice_hit(&c->dice, LONG_BURST_ONE_IN))
		n *= LONG_BURST;
	if (n > ledger_room(&c->ledger))
		n = ledger_room(&c->ledger);
	/* Half of the bursts begin when no request is pending. */
	c->low = dice_hit(&c->dice, 2) ? 0 : n / 2;
	while (n-- > 0)
		ledger_ask(&c->ledger, &c->out);
}

static void
ask_quit(struct client *c)
{
	if (ledger_room(&c->ledger) == 0)
		return;
	ledger_ask_quit(&c->ledger, &c->out);
	c->state = CLIENT_LEAVING;
}

/* Sends a burst or leaves, if few enough requests are pending. */
static void
go_on(struct client *c)
{
	bool over = c->load->stage != LOAD_RUN;

	if (c->state != CLIENT_ASKING || c->ledger.count > c->low)
		return;
	if (c->ledger.count == 0 &&
	    dice_hit(&c->dice, over ? 2 : 2 * c->load->options->churn)) {
		leave(c);
		return;
	}
	if (over || dice_hit(&c->dice, 2 * c->load->options->churn))
		ask_quit(c);
	else
		ask_burst(c);
	flush(c);
}

/* Records how long the client waited for what it has just received. */
static void
note_stall(struct client *c)
{
	int64_t now_ms = clock_ms(), stall_ms = now_ms - c->waiting_ms;

	if (c->waiting_ms != CLOCK_NEVER &&
	    stall_ms > c->load->report->stall_ms)
		c->load->report->stall_ms = stall_ms;
	c->waiting_ms = now_ms;
}

/* The status line is one that no request may get. */
static void
refuse_status(struct client *c, struct bytes line)
{
	struct report *r = c->load->report;
	uint64_t *count = &r->wrong;

	if (bytes_begin_with(line, bytes_from_text("ERROR ")))
		count = &r->errors;
	else if (bytes_are(line, "NOT FOUND"))
		count = &r->lost; /* the bucket is */
	report_failure(r, count,
	    "client %u: \"%.*s\" came (%u requests pending)", c->ledger.client,
	    line.size < 80 ? (int)line.size : 80, (const char *)line.data,
	    c->ledger.count);
}

/* A status line other than OK, which may announce the end of kvd. */
static void
take_status(struct client *c, struct bytes line)
{
	bool may_end = c->excused || may_be_down(c);

	c->deaf = true;
	if (may_end &&
	    (bytes_are(line, "ERROR shutting down") ||
		bytes_are(line, "ERROR disconnected")))
		c->refused = true;
	else if (!may_be_down(c) ||
	    !bytes_are(line, "ERROR registry unavailable"))
		refuse_status(c, line);
}

static void
take_line(struct client *c, const char *line, size_t size)
{
	switch (ledger_take(&c->ledger, line, size)) {
	case LEDGER_PROBED:
		report_note(c->load->report, "client %u: port %u: is served",
		    c->ledger.client, c->port);
		c->state = CLIENT_ASKING;
		c->low = 0;
		c->served = true;
		c->verified = c->load->stage == LOAD_VERIFY;
		break;
	case LEDGER_DATA:
	case LEDGER_DONE:
		c->served = true;
		break;
	case LEDGER_STATUS:
		take_status(c, (struct bytes){ line, size });
		break;
	}
}

static void
take_lines(struct client *c)
{
	const char *line, *end;
	size_t size;

	while (!c->deaf && buf_size(&c->in) > 0) {
		line = (const char *)buf_data(&c->in);
		if ((end = memchr(line, '\n', buf_size(&c->in))) == NULL)
			return;
		size = (size_t)(end - line);
		if (size == 0 || line[size - 1] != '\r') {
			report_failure(c->load->report, &c->load->report->wrong,
			    "client %u: a line without CR", c->ledger.client);
			c->deaf = true;
			return;
		}
		take_line(c, line, size - 1);
		buf_consume(&c->in, size + 1);
	}
}

static void
take_replies(struct client *c)
{
	uint8_t *to;
	ssize_t n;

	if (c->deaf)
		buf_truncate(&c->in, 0);
	if ((to = buf_reserve(&c->in, READ_SIZE)) == NULL)
		errx(EX_OSERR, "out of memory");
	n = io_recv(c->fd, to, READ_SIZE, 0);
	if (n == IO_AGAIN)
		return;
	if (n <= 0) {
		ended(c, n == 0 ? "closed" : strerror(errno));
		return;
	}
	buf_commit(&c->in, (size_t)n);
	note_stall(c);
	take_lines(c);
	if (c->state != CLIENT_AWAY && !c->deaf)
		go_on(c);
	/* No request is pending: the client waits for nothing. */
	if (c->state == CLIENT_ASKING && c->ledger.count == 0)
		c->waiting_ms = CLOCK_NEVER;
}

void
client_handle(struct client *c, uint32_t events)
{
	if (c->fd == -1)
		return;
	if (events & EPOLLOUT)
		flush(c);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		take_replies(c);
}

static void
note_port(struct client *c)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	if (getsockname(c->fd, (struct sockaddr *)&address, &size) == -1)
		err(EX_OSERR, "getsockname");
	c->port = ntohs(address.sin_port);
}

void
client_connect(struct client *c)
{
	const struct sockaddr *address = (const void *)&c->load->address;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		err(EX_OSERR, "socket");
	c->load->busy++;
	c->load->report->connections++;
	c->epoch = c->load->epoch;
	c->served = c->excused = c->refused = c->deaf = false;
	c->connect_ms = c->waiting_ms = clock_ms();
	c->state = CLIENT_PROBING;
	if (connect(c->fd, address, sizeof(c->load->address)) == -1 &&
	    errno != EINPROGRESS) {
		ended(c, strerror(errno));
		return;
	}
	note_port(c);
	report_note(c->load->report, "client %u: port %u: comes",
	    c->ledger.client, c->port);
	ledger_ask_probes(&c->ledger, &c->out);
	watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void
client_check_hung(struct client *c, int64_t now_ms)
{
	struct report *r = c->load->report;

	if (c->waiting_ms == CLOCK_NEVER ||
	    now_ms - c->waiting_ms < c->load->options->hang_ms)
		return;
	c->waiting_ms = CLOCK_NEVER;
	report_failure(r, &r->hung,
	    "client %u: hung: nothing came for %lld ms, port %u",
	    c->ledger.client, (long long)c->load->options->hang_ms, c->port);
}
