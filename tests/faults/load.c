/*
 * load: see load.h.
 */

#include "faults/load.h"

#define BURSTS 2

void
load_init(struct load *l, const struct sockaddr_in *address, uint64_t seed,
    struct verdict *v, const struct wire_tick *tick)
{
	unsigned int i;

	*l = (struct load){ .address = address };
	for (i = 0; i < CLIENTS; i++)
		client_init(&l->clients[i], i, seed, v, tick);
	watcher_init(&l->watcher, v, tick);
}

void
load_close(struct load *l)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		client_close(&l->clients[i]);
	watcher_close(&l->watcher);
}

void
load_forget(struct load *l)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		client_forget(&l->clients[i]);
	watcher_close(&l->watcher);
}

static void
note(struct load *l, const struct client *c)
{
	if (l->trouble == NULL)
		l->trouble = c->trouble;
	l->full = l->full || c->full;
	l->refused = l->refused || c->refused;
}

static bool
connect_all(struct load *l)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		if (!client_connect(&l->clients[i], l->address)) {
			note(l, &l->clients[i]);
			return false;
		}
	if (watcher_connect(&l->watcher, l->address, l->clients))
		return true;
	l->trouble = l->watcher.trouble;
	return false;
}

static bool
burst(struct load *l, bool with_interlude)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		client_ask(&l->clients[i]);
	if (with_interlude && l->interlude != NULL)
		l->interlude(l->arg);
	for (i = 0; i < CLIENTS; i++)
		if (!client_hear(&l->clients[i])) {
			note(l, &l->clients[i]);
			good = false;
		}
	if (good && !watcher_catch_up(&l->watcher, l->clients)) {
		l->trouble = l->watcher.trouble;
		good = false;
	}
	return good;
}

bool
load_round(struct load *l)
{
	unsigned int i;

	l->trouble = NULL;
	l->full = l->refused = false;
	client_close(&l->clients[CLIENTS - 1]);
	for (i = 0; i < BURSTS; i++)
		if (!connect_all(l) || !burst(l, i == 0))
			return false;
	return true;
}

unsigned int
load_connected(const struct load *l)
{
	unsigned int i, n = l->watcher.wire.fd != -1;

	for (i = 0; i < CLIENTS; i++)
		n += client_is_connected(&l->clients[i]);
	return n;
}

unsigned long
load_requests(const struct load *l)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		n += l->clients[i].requests;
	return n;
}

unsigned long
load_writes(const struct load *l)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		n += l->clients[i].writes;
	return n;
}
