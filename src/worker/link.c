/*
 * link: the worker's end of the connection to the registry.  Runs in the
 * worker, which trusts the registry.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "proto/hello.h"
#include "proto/schema.h"
#include "worker/link.h"

/* In the working directory, which may be the worker's root (chroot(2)). */
#define REGISTRY_SOCKET "registry.sock"
/* The pause between two attempts to connect.  The master keeps the socket
 * open, so one fails only while kvd stops or the backlog is full. */
#define RETRY_MS 20
/* How long a call may block before the worker looks whether kvd stops. */
#define BLOCK_MS 500
/* How long to wait for the awaited replies when kvd stops. */
#define LAST_REPLY_MS 2000

void
link_init(struct link *l, uint64_t session, uid_t registry_uid, int lifeline_fd,
    int timeout_ms, const char *runtime, struct account *account)
{
	l->account = account;
	l->fd = -1;
	l->session = session;
	l->registry_uid = registry_uid;
	l->runtime = runtime;
	l->lifeline_fd = lifeline_fd;
	l->timeout_ms = timeout_ms;
	l->next_sequence = 1;
}

void
link_close(struct link *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = -1;
	delivery_closed(&l->delivery);
	buf_consume(&l->in, buf_size(&l->in));
}

void
link_clear(struct link *l)
{
	buf_clear(&l->pending);
	buf_clear(&l->in);
	subscriptions_clear(&l->subscriptions);
}

bool
link_lacks_memory(const struct link *l)
{
	return buf_failed(&l->pending) || buf_failed(&l->in) ||
	    buf_failed(&l->subscriptions.buckets);
}

/* Sends HELLO and, with the same system call, the pending requests. */
static int
send_hello(struct link *l)
{
	const struct subscriptions *s = &l->subscriptions;
	struct hello hello = { l->session, s->seen, s->told,
		{ buf_data(&s->buckets), buf_size(&s->buckets) } };
	uint8_t memory[256];
	struct buf b;
	size_t hello_size;
	ssize_t n = -1;

	buf_init_with(&b, memory, sizeof(memory));
	hello_put(&b, &hello);
	hello_size = buf_size(&b);
	buf_append(&b, buf_data(&l->pending), buf_size(&l->pending));
	if (!buf_failed(&b))
		n = io_send(l->fd, buf_data(&b), buf_size(&b), MSG_DONTWAIT);
	buf_clear(&b);
	if (n < (ssize_t)hello_size)
		return -1;
	delivery_connected(&l->delivery);
	delivery_sent(&l->delivery, (size_t)n - hello_size);
	return 0;
}

/*
 * If somebody has removed the whole directory, the master makes another one at
 * the same path, and the working directory is the old one.  A worker may not
 * open the new one (sandbox/sandbox_worker.c), so it connects by the path.  Not
 * if it is too long for an address, nor in a chroot(2).
 */
static int
connect_by_path(const struct link *l)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (snprintf(sun.sun_path, sizeof(sun.sun_path),
		"%s/worker/" REGISTRY_SOCKET,
		l->runtime) >= (int)sizeof(sun.sun_path)) {
		errno = ENOENT;
		return -1;
	}
	return connect(l->fd, (const struct sockaddr *)&sun, sizeof(sun));
}

static int
connect_registry(const struct link *l)
{
	static const struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = REGISTRY_SOCKET };

	if (connect(l->fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return 0;
	return errno == ENOENT ? connect_by_path(l) : -1;
}

/* Anybody may listen where the directory was, until the master has made another
 * one.  The registry's socket is the master's. */
static int
check_peer(const struct link *l)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1)
		return -1;
	return peer.uid == l->registry_uid ? 0 : -1;
}

static int
try_connect(struct link *l)
{
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		return -1;
	if (io_set_timeouts(l->fd,
		l->timeout_ms < BLOCK_MS ? l->timeout_ms : BLOCK_MS) == 0 &&
	    connect_registry(l) == 0 && check_peer(l) == 0 &&
	    send_hello(l) == 0)
		return 0;
	link_close(l);
	return -1;
}

/* Pauses.  Returns -1 if the deadline would pass, or if the master is gone. */
static int
pause_connecting(struct link *l, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = l->lifeline_fd };
	int64_t retry_ms = clock_ms() + RETRY_MS;

	if (retry_ms > deadline_ms || io_poll(&pfd, 1, retry_ms) != IO_AGAIN)
		return -1;
	return 0;
}

/* Tries to connect until the deadline passes or the master is gone. */
static int
link_connect(struct link *l, int64_t deadline_ms)
{
	if (l->delivery.state == DELIVERY_UNANSWERED) {
		if (pause_connecting(l, deadline_ms) == -1)
			return -1;
		delivery_paused(&l->delivery);
	}
	while (try_connect(l) == -1)
		if (pause_connecting(l, deadline_ms) == -1)
			return -1;
	return 0;
}

/*
 * Has a call failed because the kernel had no memory?  Then the registry lives,
 * and what it has sent, or is about to send, is not read yet.  To connect again
 * would lose that, and the requests that it answers would be executed twice: the
 * registry takes for delivered what the kernel has taken.  Pauses, so that the
 * caller tries again. */
static bool
lacks_kernel_memory(const struct link *l, ssize_t n)
{
	if (n != IO_FAILED || buf_failed(&l->in) ||
	    (errno != ENOMEM && errno != ENOBUFS))
		return false;
	/* Not nanosleep(2), which its sandbox does not allow. */
	(void)io_poll(NULL, 0, clock_ms() + RETRY_MS);
	return true;
}

/* Reads once.  Waits for something to read unless `flags` is MSG_DONTWAIT. */
static ssize_t
link_read(struct link *l, int flags)
{
	ssize_t n = io_recv_buf(l->fd, &l->in, flags);

	if (n > 0)
		delivery_received(&l->delivery);
	return lacks_kernel_memory(l, n) ? IO_AGAIN : n;
}

/*
 * Reads once, and waits in recv(2) itself for something to read.  That returns
 * after BLOCK_MS at the latest; then this looks whether kvd stops.  The registry
 * may hang, or have died while this connection was in its backlog.
 */
static ssize_t
link_read_waiting(struct link *l, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = l->lifeline_fd };
	int64_t now_ms, stop_ms = CLOCK_NEVER;
	ssize_t n;

	for (;;) {
		n = link_read(l, 0);
		if (n != IO_AGAIN)
			return n;
		account_show(l->account, ACCOUNT_WAITING);
		now_ms = clock_ms();
		if (stop_ms == CLOCK_NEVER && io_poll(&pfd, 1, 0) > 0)
			stop_ms = now_ms + LAST_REPLY_MS;
		if (now_ms > deadline_ms || now_ms > stop_ms)
			return IO_AGAIN;
	}
}

/*
 * Sends what was not sent yet, then reads once.  A registry that takes no more
 * may be waiting until its replies are read, so those are read first.
 */
static ssize_t
link_write(struct link *l, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN | POLLOUT };
	size_t sent;
	ssize_t n;

	while ((sent = l->delivery.sent) < buf_size(&l->pending)) {
		n = io_send(l->fd, buf_data(&l->pending) + sent,
		    buf_size(&l->pending) - sent, MSG_DONTWAIT);
		if (n > 0) {
			delivery_sent(&l->delivery, (size_t)n);
			continue;
		}
		if (lacks_kernel_memory(l, n)) {
			n = link_read(l, MSG_DONTWAIT);
			if (n != IO_AGAIN || clock_ms() > deadline_ms)
				return n;
			continue;
		}
		if (n != IO_AGAIN) {
			/* Before it died the registry may have sent replies.
			 * What they answer must not be repeated. */
			n = link_read(l, MSG_DONTWAIT);
			return n == IO_AGAIN ? IO_FAILED : n;
		}
		if ((n = io_poll(&pfd, 1, deadline_ms)) < 0)
			return n;
		if (pfd.revents & POLLIN)
			return link_read(l, MSG_DONTWAIT);
	}
	return link_read_waiting(l, deadline_ms);
}

/* The oldest pending request.  False: there is none. */
static bool
first_pending(const struct link *l, struct message *request)
{
	return message_get(buf_data(&l->pending), buf_size(&l->pending),
		   SIZE_MAX, request) == 1;
}

/* Its bytes stay where they are until more is appended to `pending`. */
static void
remove_first(struct link *l, const struct message *request)
{
	buf_consume(&l->pending, request->frame_size);
	delivery_removed(&l->delivery, request->frame_size);
}

bool
link_discard(struct link *l)
{
	if (!first_pending(l, &l->request))
		return false;
	remove_first(l, &l->request);
	l->heard = false;
	return true;
}

static enum link_result
take_reply(struct link *l, struct message *m)
{
	if (!first_pending(l, &l->request) ||
	    m->type != schema_find(l->request.type)->reply ||
	    m->sequence != l->request.sequence)
		return LINK_FAILED;
	remove_first(l, &l->request);
	l->heard = true;
	return LINK_REPLY;
}

/* Takes the next message of those that were read. */
static enum link_result
take_message(struct link *l, struct message *m)
{
	enum link_result result = LINK_EVENT;
	int rc;

	rc = message_get(buf_data(&l->in), buf_size(&l->in), SIZE_MAX, m);
	if (rc != 1)
		return rc == 0 ? LINK_NOTHING : LINK_FAILED;
	if (m->type != MESSAGE_EVENT)
		result = take_reply(l, m);
	/* The message points to bytes in `in`, which stay valid until the next
	 * read. */
	if (result != LINK_FAILED)
		buf_consume(&l->in, m->frame_size);
	return result;
}

/* Does any pending request change something? */
static bool
has_pending_writes(const struct link *l)
{
	struct bytes frames = buf_bytes(&l->pending);
	struct message m;

	while (message_get(frames.data, frames.size, SIZE_MAX, &m) == 1) {
		if (schema_find(m.type)->flags & SCHEMA_WRITES)
			return true;
		frames.data = (const uint8_t *)frames.data + m.frame_size;
		frames.size -= m.frame_size;
	}
	return false;
}

/*
 * A reply that was read just now does not show that the registry lived until
 * now: the reply may have been in the socket for long, if the client took none.
 * So requests may be pending that are too old to be repeated, unless they only
 * read.
 */
static bool
may_send(struct link *l, int64_t now_ms)
{
	return delivery_may_send(&l->delivery, now_ms, l->timeout_ms) ||
	    !has_pending_writes(l);
}

/* Sends, connecting first if need be, and reads.  -1: give up. */
static int
exchange(struct link *l, int64_t deadline_ms)
{
	int64_t now_ms = clock_ms();
	ssize_t n;

	if (now_ms > deadline_ms || link_lacks_memory(l) ||
	    !may_send(l, now_ms))
		return -1;
	if (l->fd == -1 && link_connect(l, deadline_ms) == -1)
		return -1;
	n = link_write(l, deadline_ms);
	if (n == IO_AGAIN)
		return -1;
	/* It is dead, and all that it has answered was read. */
	if (n <= 0)
		link_close(l);
	return 0;
}

enum link_result
link_next(struct link *l, struct message *m)
{
	int64_t deadline_ms = CLOCK_NEVER;
	enum link_result result;

	if (buf_size(&l->pending) == 0)
		return LINK_NOTHING;
	while ((result = take_message(l, m)) == LINK_NOTHING) {
		if (deadline_ms == CLOCK_NEVER)
			deadline_ms = clock_ms() + l->timeout_ms;
		if (exchange(l, deadline_ms) == -1)
			result = LINK_FAILED;
		if (result == LINK_FAILED)
			break;
	}
	if (result == LINK_FAILED)
		link_close(l);
	return result;
}

enum link_result
link_event(struct link *l, struct message *m)
{
	enum link_result result;
	ssize_t n;

	while ((result = take_message(l, m)) == LINK_NOTHING) {
		n = l->fd == -1 ? IO_FAILED : link_read(l, MSG_DONTWAIT);
		if (n == IO_AGAIN)
			return LINK_NOTHING;
		if (n <= 0)
			break;
	}
	if (result == LINK_EVENT)
		return result;
	link_close(l);
	return LINK_FAILED;
}

bool
link_resume(struct link *l)
{
	if (l->fd != -1)
		return true;
	if (l->delivery.state == DELIVERY_UNANSWERED) {
		/* The time until the next call is the pause. */
		delivery_paused(&l->delivery);
		return false;
	}
	return try_connect(l) == 0;
}
