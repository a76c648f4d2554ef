/*
 * raw: sends and prints like nc(1), but with an exit status.
 */

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/kv.h"
#include "kv/raw.h"

/* Bytes of input that may wait until the server takes them. */
#define RAW_AHEAD ((size_t)64 << 10)

struct raw {
	struct kv *kv;
	bool end; /* of the input */
	bool done; /* all of the input is sent */
	bool asked; /* a reply is due */
	bool answered; /* a line has come */
	enum kv_status status;
};

/* Reads once from standard input. */
static void
read_input(struct raw *r)
{
	uint8_t *to = buf_reserve(&r->kv->conn.out, RAW_AHEAD);
	ssize_t n;

	if (to == NULL)
		err(KV_FAILED, NULL);
	n = read(STDIN_FILENO, to, RAW_AHEAD);
	if (n > 0) {
		buf_commit(&r->kv->conn.out, (size_t)n);
		/* A blank line is not a request. */
		while (n > 0 && !r->asked)
			r->asked = to[--n] > ' ';
	} else if (n == 0)
		r->end = true;
	else if (errno != EINTR && errno != EAGAIN)
		err(KV_FAILED, "standard input");
}

static void
print_lines(struct raw *r)
{
	struct output *out = &r->kv->out;
	enum kv_conn_result result;
	struct reply_line line;

	while ((result = kv_conn_take(&r->kv->conn, &line)) > KV_CONN_AGAIN) {
		buf_append(&out->buf, line.text.data, line.text.size);
		buf_append_byte(&out->buf, '\n');
		output_added(out);
		r->answered = true;
		if (result == KV_CONN_STATUS)
			r->status =
			    kv_status_worse(r->status, kv_status_of(&line));
	}
	output_flush(out);
	if (result == KV_CONN_LOST)
		kv_lost(r->kv);
}

/* Waits until something can be read or written, and does that. */
static enum kv_conn_result
turn(struct raw *r)
{
	struct kv_conn *c = &r->kv->conn;
	struct pollfd pfds[3] = { { .fd = c->fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN }, OUTPUT_POLL };
	int64_t deadline_ms = CLOCK_NEVER;

	if (buf_size(&c->out) > 0)
		pfds[0].events |= POLLOUT;
	if (!r->end && buf_size(&c->out) < RAW_AHEAD)
		pfds[1].fd = STDIN_FILENO;
	/* There is no deadline for standard input. */
	if (r->done || buf_size(&c->out) > 0)
		deadline_ms = clock_ms() + c->timeout_ms;
	if (io_poll(pfds, 3, deadline_ms) == IO_AGAIN)
		return kv_conn_timed_out(c);
	if (pfds[1].revents != 0)
		read_input(r);
	if ((pfds[0].revents & POLLOUT) && kv_conn_send_some(c) == KV_CONN_LOST)
		return KV_CONN_LOST;
	if (r->end && !r->done && buf_size(&c->out) == 0) {
		kv_conn_half_close(c);
		r->done = true;
	}
	if (pfds[2].revents != 0)
		output_gone();
	if (pfds[0].revents & (POLLIN | POLLHUP | POLLERR))
		return kv_conn_receive_some(c);
	return KV_CONN_AGAIN;
}

enum kv_status
raw_run(struct kv *kv, const struct bytes *args, size_t n)
{
	struct raw r = { .kv = kv, .end = n > 0, .asked = n > 0 };
	struct kv_conn *c = &kv->conn;

	kv_connect(kv);
	if (n > 0)
		kv_conn_request(c, args, n);
	while (turn(&r) == KV_CONN_AGAIN)
		print_lines(&r);
	if (!c->ended || c->cut || buf_size(&c->out) > 0 ||
	    reply_is_partial(&c->in) || (r.asked && !r.answered))
		kv_lost(kv);
	return r.status;
}
