/*
 * What the registry holds in memory for its connections is bounded, for each
 * connection and for all together.  Each may have MEMORY_FREE bytes of input,
 * and as much of replies.  A message or a reply that is larger needs memory of
 * a pool which all share.
 *
 * While the pool is used up, the connections that need some of it wait, and
 * nothing is read from them; all others are served.  A worker that is in order
 * sends the rest of a message, and takes a reply, at once.  Whoever holds memory
 * for longer while others need it is disconnected.  If its client only does not
 * take the replies, the worker connects again when it does, and repeats what was
 * not answered (worker/delivery.h).
 */

#ifndef REGISTRY_MEMORY_H
#define REGISTRY_MEMORY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct registry;

#define MEMORY_FREE ((size_t)64 << 10)

/* A connection's part of the pool. */
struct conn_memory {
	TAILQ_ENTRY(conn)
	entry; /* on the list of holders, if `held` is not 0 */
	size_t held; /* bytes */
	int64_t since_ms; /* clock_ms() when it began to hold some */
	size_t wanted; /* bytes that a starved connection waits for */
	bool reserved; /* for a request that has not been executed yet */
};

struct memory {
	size_t used; /* bytes of the pool */
	TAILQ_HEAD(, conn) holders; /* the first has held its part longest */
};

void memory_init(struct memory *);
/*
 * Lets the connection hold `size` bytes of the pool.  False: there are not so
 * many left, and the connection is now starved (registry/conn.h).
 */
bool memory_take(struct registry *, struct conn *, size_t size);
/* The request is executed for which it has taken memory. */
void memory_executed(struct conn *);
/* So many bytes of replies are not sent yet, for which it holds as much, be that
 * left or not.  No effect before memory_executed(). */
void memory_set(struct registry *, struct conn *, size_t size);
/* The connection ends. */
void memory_leave(struct registry *, struct conn *);

/* Gives memory to those that wait for it, and disconnects those that have held
 * theirs for too long. */
void memory_run(struct registry *);
/* When memory_run() is to be called next, or CLOCK_NEVER. */
int64_t memory_deadline(const struct registry *);

#endif
