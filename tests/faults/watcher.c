/*
 * watcher: see watcher.h.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "faults/watcher.h"

void
watcher_init(struct watcher *w, struct verdict *v, const struct wire_tick *tick)
{
	*w = (struct watcher){ .verdict = v };
	wire_init(&w->wire, tick);
}

void
watcher_close(struct watcher *w)
{
	wire_close(&w->wire);
}

static bool
leave(struct watcher *w, const char *why)
{
	(void)snprintf(w->trouble, sizeof(w->trouble), "the subscriber: %s",
	    why);
	watcher_close(w);
	return false;
}

bool
watcher_connect(struct watcher *w, const struct sockaddr_in *address,
    const struct client clients[CLIENTS])
{
	static const char subscribe[] = "SUBSCRIBE " LEDGER_BUCKET "\nPING\n";
	const char *line;
	unsigned int i;

	w->trouble[0] = '\0';
	if (w->wire.fd != -1)
		return true;
	if (!wire_open(&w->wire, address))
		return leave(w, w->wire.end);
	(void)wire_say(&w->wire, subscribe, sizeof(subscribe) - 1);
	if ((line = wire_hear(&w->wire, WIRE_WAIT_MS)) == NULL ||
	    strcmp(line, "OK") != 0)
		return leave(w, line == NULL ? w->wire.end : line);
	for (i = 0; i < CLIENTS; i++) {
		w->heard[i] = clients[i].ledger;
		w->newest[i] = 0;
	}
	return true;
}

static void
take_counter(struct watcher *w, unsigned int client, const char *value)
{
	uint64_t *counter = &w->heard[client].counter;
	uint64_t n = strtoull(value, NULL, 10);

	if (n != *counter + 1)
		verdict_fail(w->verdict,
		    "subscriber: the counter of client %u goes from %" PRIu64
		    " to %" PRIu64,
		    client, *counter, n);
	*counter = n;
}

static void
take_value(struct watcher *w, unsigned int client, unsigned int key,
    const char *value)
{
	uint64_t version;

	if (!ledger_parse_value(value, client, key, &version) || version == 0)
		verdict_fail(w->verdict, "subscriber: \"%.40s\" is no value",
		    value);
	else if (version <= w->newest[client])
		verdict_fail(w->verdict,
		    "subscriber: client %u: version %" PRIu64
		    " comes after %" PRIu64,
		    client, version, w->newest[client]);
	w->newest[client] = version;
	w->heard[client].key[key] = version;
}

/* Returns false if the line is no event of a key. */
static bool
take(struct watcher *w, const char *line)
{
	unsigned int client, key;
	int n = 0;

	w->events++;
	if (sscanf(line, "n.%u SET TO %n", &client, &n) == 1 && n > 0 &&
	    client < CLIENTS)
		take_counter(w, client, line + n);
	else if (sscanf(line, "%u.%u SET TO %n", &client, &key, &n) == 2 &&
	    n > 0 && client < CLIENTS && key < LEDGER_KEYS)
		take_value(w, client, key, line + n);
	else if (sscanf(line, "%u.%u DELETED%n", &client, &key, &n) == 2 &&
	    n > 0 && client < CLIENTS && key < LEDGER_KEYS)
		w->heard[client].key[key] = 0;
	else
		return false;
	return true;
}

static bool
has_all(const struct watcher *w, const struct client clients[CLIENTS])
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		if (!ledger_equals(&w->heard[i], &clients[i].ledger))
			return false;
	return true;
}

bool
watcher_catch_up(struct watcher *w, const struct client clients[CLIENTS])
{
	const char *line;

	if (w->wire.fd == -1)
		return false;
	while (buf_size(&w->wire.in) > 0 || !has_all(w, clients)) {
		if ((line = wire_hear(&w->wire, WIRE_WAIT_MS)) == NULL) {
			if (w->wire.is_late)
				verdict_fail(w->verdict,
				    "the subscriber is not told all");
			return leave(w, w->wire.end);
		}
		if (take(w, line))
			continue;
		if (strcmp(line, "MISSED") == 0)
			w->missed++;
		else if (strncmp(line, "ERROR", 5) != 0)
			verdict_fail(w->verdict,
			    "subscriber: \"%.40s\" is no event", line);
		return leave(w, line);
	}
	return true;
}
