/*
 * load: runs all clients by epoll(7).
 */

#include <sys/epoll.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "torture/client.h"
#include "torture/load.h"

#define EVENTS_MAX 64
/* How often to look for clients that wait too long or should connect. */
#define LOOK_MS 5

void
load_open(struct load *l, const struct options *o, struct report *r,
    const struct sockaddr_in *address, struct recorder *recorder)
{
	unsigned int i;

	*l = (struct load){ .options = o,
		.report = r,
		.address = *address,
		.n = o->clients,
		.acceptor_died_ms = -CLOCK_NEVER / 2 };
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->clients = calloc(l->n, sizeof(*l->clients));
	if (l->epoll_fd == -1 || l->clients == NULL)
		err(EX_OSERR, NULL);
	for (i = 0; i < l->n; i++)
		client_init(&l->clients[i], l, i);
	for (i = 0; i < WATCHERS; i++)
		watcher_init(&l->watchers[i], l, i == 0 ? recorder : NULL);
}

void
load_close(struct load *l)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		client_clear(&l->clients[i]);
	for (i = 0; i < WATCHERS; i++)
		watcher_clear(&l->watchers[i]);
	(void)close(l->epoll_fd);
	free(l->clients);
}

void
load_begin(struct load *l, enum load_stage stage)
{
	l->stage = stage;
}

void
load_finish_watchers(struct load *l)
{
	unsigned int i;

	for (i = 0; i < WATCHERS; i++)
		watcher_finish(&l->watchers[i]);
}

bool
load_is_over(const struct load *l)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (l->stage == LOAD_VERIFY && !l->clients[i].verified)
			return false;
	return l->busy == 0;
}

static bool
may_come(const struct load *l, const struct client *c, int64_t now_ms)
{
	if (l->down || c->state != CLIENT_AWAY || c->next_ms > now_ms)
		return false;
	return l->stage == LOAD_RUN ||
	    (l->stage == LOAD_VERIFY && !c->verified);
}

static void
look_around(struct load *l)
{
	int64_t now_ms = clock_ms();
	struct client *c;
	unsigned int i;

	if (now_ms < l->looked_ms + LOOK_MS)
		return;
	l->looked_ms = now_ms;
	for (i = 0; i < l->n; i++) {
		c = &l->clients[i];
		client_check_hung(c, now_ms);
		if (may_come(l, c, now_ms))
			client_connect(c);
	}
	for (i = 0; i < WATCHERS; i++)
		watcher_look(&l->watchers[i]);
}

void
load_run(struct load *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int i, n;

	if (timeout_ms > LOOK_MS)
		timeout_ms = LOOK_MS;
	n = epoll_wait(l->epoll_fd, events, EVENTS_MAX,
	    timeout_ms < 0 ? 0 : timeout_ms);
	if (n == -1 && errno != EINTR)
		err(EX_OSERR, "epoll_wait");
	for (i = 0; i < n; i++)
		client_handle(events[i].data.ptr, events[i].events);
	look_around(l);
}

void
load_excuse(struct load *l, unsigned int port)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (l->clients[i].fd != -1 && l->clients[i].port == port)
			l->clients[i].excused = true;
}

void
load_server_dies(struct load *l)
{
	l->down = true;
	l->epoch++;
}

void
load_server_lives(struct load *l)
{
	l->down = false;
}
