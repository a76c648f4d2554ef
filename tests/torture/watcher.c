/*
 * watcher: see watcher.h.
 */

#include <sys/socket.h>

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/io.h"
#include "torture/client.h"
#include "torture/load.h"
#include "torture/recorder.h"
#include "torture/watcher.h"

/* Reads each time that it looks: the clients have to be looked after, too. */
#define READS_MAX 64
/* How long the last events may take. */
#define FINISH_MS 10000

void
watcher_init(struct watcher *w, struct load *load, struct recorder *recorder)
{
	*w = (struct watcher){ .load = load, .fd = -1, .recorder = recorder };
	w->clients = calloc(load->n, sizeof(*w->clients));
	if (w->clients == NULL)
		err(EX_OSERR, NULL);
	buf_init(&w->in);
}

static void
forget(struct watcher *w)
{
	memset(w->clients, 0, w->load->n * sizeof(*w->clients));
}

static void
leave(struct watcher *w)
{
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = -1;
	w->pings = 0;
	buf_truncate(&w->in, 0);
	forget(w);
	if (w->recorder != NULL)
		recorder_cut(w->recorder);
}

void
watcher_clear(struct watcher *w)
{
	leave(w);
	buf_clear(&w->in);
	free(w->clients);
}

static bool
say(struct watcher *w, const char *text)
{
	return io_send(w->fd, text, strlen(text), 0) == (ssize_t)strlen(text);
}

/* If it does not succeed at once it is tried again the next time. */
static void
join(struct watcher *w)
{
	const struct sockaddr *address = (const void *)&w->load->address;
	char request[64] = "SUBSCRIBE " LEDGER_BUCKET "\n";

	if (w->recorder != NULL)
		(void)snprintf(request, sizeof(request),
		    "SUBSCRIBE " LEDGER_BUCKET " SINCE %" PRIu64 "\n",
		    w->recorder->revision);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd == -1)
		err(EX_OSERR, "socket");
	w->epoch = w->load->epoch;
	(void)connect(w->fd, address, sizeof(w->load->address));
	if (!say(w, request))
		leave(w);
}

static void
compare(struct watcher *w, unsigned int client, const char *what, uint64_t got,
    uint64_t last, bool consecutive)
{
	struct report *r = w->load->report;

	r->events++;
	if (last == 0)
		return;
	if (got <= last)
		report_failure(r, &r->duplicated,
		    "watcher: an event came twice, or too late: %s of client "
		    "%u says %" PRIu64 " after %" PRIu64,
		    what, client, got, last);
	else if (consecutive && got > last + 1)
		report_failure(r, &r->lost,
		    "watcher: an event is lost: %s of client %u says %" PRIu64
		    " after %" PRIu64,
		    what, client, got, last);
}

size_t
watcher_key_slot(const struct load *l, unsigned int client, unsigned int key)
{
	return (size_t)client * (l->options->keys + 1) + key;
}

size_t
watcher_counter_slot(const struct load *l, unsigned int client)
{
	return watcher_key_slot(l, client, l->options->keys);
}

static void
record(struct watcher *w, size_t slot, uint64_t version)
{
	if (w->recorder != NULL)
		recorder_note(w->recorder, slot, version);
}

static void
take_event(struct watcher *w, const char *line)
{
	unsigned int client, key;
	struct watched *c;
	uint64_t n;

	if (sscanf(line, "%u.n SET TO %" SCNu64, &client, &n) == 2 &&
	    client < w->load->n) {
		c = &w->clients[client];
		compare(w, client, "the counter", n, c->counter, true);
		c->counter = n;
		record(w, watcher_counter_slot(w->load, client), n);
	} else if (sscanf(line, "%u.%u SET TO %*u.%*u.%" SCNu64 ".", &client,
		       &key, &n) == 3 &&
	    client < w->load->n) {
		c = &w->clients[client];
		compare(w, client, "a key", n, c->version, false);
		c->version = n;
		record(w, watcher_key_slot(w->load, client, key), n);
	}
}

/* "MISSED", or "AT" and a revision. */
static bool
take_place(struct watcher *w, const char *line)
{
	uint64_t revision;

	if (strcmp(line, "MISSED") == 0) {
		w->load->report->missed++;
		forget(w);
		if (w->recorder != NULL)
			recorder_miss(w->recorder);
		return true;
	}
	if (w->recorder == NULL || sscanf(line, "AT %" SCNu64, &revision) != 1)
		return false;
	recorder_at(w->recorder, revision);
	return true;
}

/* The line ends in a NUL.  False: this connection is of no more use. */
static bool
take_line(struct watcher *w, const char *line)
{
	struct report *r = w->load->report;

	if (strcmp(line, "OK") == 0) {
		w->pings--;
	} else if (strstr(line, " SET TO ") != NULL) {
		take_event(w, line);
	} else if (!take_place(w, line)) {
		r->lagged += strcmp(line, "ERROR lagged") == 0;
		return false;
	}
	return true;
}

static bool
take_lines(struct watcher *w)
{
	char *line, *end;
	size_t size;
	bool good = true;

	while (good && buf_size(&w->in) > 0) {
		line = (char *)buf_data(&w->in);
		end = memchr(line, '\n', buf_size(&w->in));
		if (end == NULL)
			break;
		size = (size_t)(end - line) + 1;
		if (size > 1)
			end[-1] = '\0'; /* instead of CR */
		good = size > 1 && take_line(w, line);
		buf_consume(&w->in, size);
	}
	return good;
}

/* False: the connection has ended, or is of no more use. */
static bool
take_events(struct watcher *w)
{
	unsigned int i;
	ssize_t n = 0;

	for (i = 0; i < READS_MAX; i++) {
		n = io_recv_buf(w->fd, &w->in, 0);
		if (n == IO_AGAIN)
			return true;
		if (n <= 0 || !take_lines(w))
			return false;
	}
	return true;
}

void
watcher_look(struct watcher *w)
{
	if (w->fd != -1 && w->epoch != w->load->epoch)
		leave(w);
	if (w->fd == -1 && !w->load->down)
		join(w);
	if (w->fd != -1 && !take_events(w))
		leave(w);
}

static void
check_last(struct watcher *w)
{
	const struct ledger *l;
	struct report *r = w->load->report;
	unsigned int i;

	for (i = 0; i < w->load->n; i++) {
		l = &w->load->clients[i].ledger;
		if (w->clients[i].counter != 0 &&
		    w->clients[i].counter != l->counter.acked)
			report_failure(r, &r->lost,
			    "watcher: the last events are lost: the counter of "
			    "client %u says %" PRIu64 ", not %" PRIu64,
			    i, w->clients[i].counter, l->counter.acked);
	}
}

void
watcher_finish(struct watcher *w)
{
	int64_t deadline_ms = clock_ms() + FINISH_MS;

	w->pings = 1;
	if (w->fd != -1 && say(w, "PING\n")) {
		while (
		    w->fd != -1 && w->pings > 0 && clock_ms() < deadline_ms) {
			watcher_look(w);
			(void)usleep(1000);
		}
		if (w->pings > 0 && w->fd != -1)
			report_failure(w->load->report, &w->load->report->hung,
			    "watcher: hung: no reply");
		else if (w->fd != -1)
			check_last(w);
	}
	leave(w);
}
