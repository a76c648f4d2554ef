/*
 * How often each address may connect.  A client costs a fork, so somebody who
 * connects and leaves again all the time would keep the acceptor busy, however
 * few of his clients are connected at a time.
 *
 * No memory is taken for an address: it has a place in each of two tables of a
 * fixed size, which it shares with others.  Random keys choose the places, and
 * one of the two suffices, so nobody can use up the places of somebody else.
 */

#ifndef ACCEPTOR_SOURCE_RATE_H
#define ACCEPTOR_SOURCE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr_storage;

#define SOURCE_RATE_PLACES 1024

struct source_rate {
	uint64_t keys[2];
	/* When the clients so far would have come at the allowed rate, in ms of
	 * clock_ms(). */
	int64_t next_ms[2][SOURCE_RATE_PLACES];
};

/* Chooses the keys.  Returns -1 with errno. */
int source_rate_init(struct source_rate *);
/* May a client come from there now?  Counts it, if so.  All addresses of an IPv6
 * /64 are one. */
bool source_rate_allows(struct source_rate *, const struct sockaddr_storage *,
    int64_t now_ms);

#endif
