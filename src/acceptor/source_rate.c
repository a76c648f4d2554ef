/*
 * source_rate: how often each address may connect.  Runs in the acceptor.
 */

#include <sys/random.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "acceptor/source_rate.h"

/* A fifth of the clients that an acceptor can start on a slow machine, and more
 * than a script that starts kv(1) again and again. */
#define INTERVAL_MS 2
/* So many may come at once: all clients of a large one that comes back. */
#define BURST 1000
/* 2 to the power of 64 - PLACE_SHIFT is SOURCE_RATE_PLACES. */
#define PLACE_SHIFT 54

int
source_rate_init(struct source_rate *r)
{
	ssize_t n = getrandom(r->keys, sizeof(r->keys), 0);

	if (n == (ssize_t)sizeof(r->keys))
		return 0;
	if (n != -1)
		errno = EIO;
	return -1;
}

static uint64_t
source_of(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	uint64_t source;

	if (addr->ss_family == AF_INET)
		return sin->sin_addr.s_addr;
	memcpy(&source, &sin6->sin6_addr, sizeof(source));
	return source;
}

/* Multiply-shift hashing (Dietzfelbinger and others, 1997): the multiplier is
 * odd. */
static int64_t *
place_of(struct source_rate *r, size_t table, uint64_t source)
{
	uint64_t hash = (source + 1) * (r->keys[table] | 1);

	return &r->next_ms[table][hash >> PLACE_SHIFT];
}

static bool
has_left(const int64_t *next_ms, int64_t now_ms)
{
	return *next_ms <= now_ms + (int64_t)(BURST - 1) * INTERVAL_MS;
}

static void
count(int64_t *next_ms, int64_t now_ms)
{
	if (*next_ms < now_ms)
		*next_ms = now_ms;
	*next_ms += INTERVAL_MS;
}

bool
source_rate_allows(struct source_rate *r, const struct sockaddr_storage *addr,
    int64_t now_ms)
{
	uint64_t source = source_of(addr);
	int64_t *a = place_of(r, 0, source), *b = place_of(r, 1, source);

	if (!has_left(a, now_ms) && !has_left(b, now_ms))
		return false;
	count(a, now_ms);
	count(b, now_ms);
	return true;
}
