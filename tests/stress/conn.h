/*
 * conn: the connection of a client, and the requests on it that are not yet
 * answered.
 */

#ifndef STRESS_CONN_H
#define STRESS_CONN_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "stress/cell.h"
#include "stress/history.h"

/* Requests that may be unanswered, a power of two.  A transaction has one for
 * each of its replies. */
#define CONN_ASKS 1024

/* What the reply is like. */
enum ask_what {
	ASK_WORD, /* one status, which must be `word' */
	ASK_VALUES, /* the values of the keys, and OK; or NOT FOUND */
	ASK_ENTRY, /* key and value, or an empty line; and OK */
	ASK_COUNT, /* 1 or 0, whether there was a value; and OK */
	ASK_EXISTS, /* OK or NOT FOUND */
};

struct ask {
	enum ask_what what;
	bool same; /* of the same moment as the read before it */
	bool own; /* the client is the one that writes the cell */
	uint8_t first_key, keys;
	const char *word;
	struct cell *cell; /* NULL: the reply is about no cell */
	uint32_t done; /* the step that an OK says is done; 0: none */
	uint32_t at_least, at_most; /* see cell.h */
	/* When it was sent, in calls (history.h) and in milliseconds; the
	 * connection sets them. */
	uint64_t start;
	int64_t start_ms;
};

/* What the lines of the reply to the first ask have said so far. */
struct reading {
	unsigned int lines;
	enum cell_content content;
	uint32_t value;
};

struct conn {
	unsigned int number;
	int fd; /* -1: not connected */
	bool served; /* has had a reply since it connected */
	int64_t connect_ms;
	int64_t waiting_ms; /* since when it waits; CLOCK_NEVER: it does not */
	struct buf in, out;
	struct ask asks[CONN_ASKS];
	unsigned int head, count;
	struct reading now, before; /* before: of the read before that */
	uint32_t *seen; /* of each cell, the highest step that it has seen */
};

enum conn_result {
	CONN_OPEN,
	CONN_ENDED, /* by kvd */
};

void conn_init(struct conn *, unsigned int number, unsigned int cells);
void conn_clear(struct conn *);
/* Connects.  Returns false, with errno, if that fails at once. */
bool conn_open(struct conn *, const struct sockaddr_in *, int64_t now_ms);
/* Closes it, and forgets what is unanswered. */
void conn_close(struct conn *);
/* There is room for so many more requests. */
bool conn_has_room(const struct conn *, unsigned int n);
/* The request has been put into `out'. */
void conn_ask(struct conn *, const struct ask *, const struct history *,
    int64_t now_ms);
/* Sends as much of `out' as the socket takes. */
void conn_send(struct conn *, struct history *);
/* Receives once. */
enum conn_result conn_receive(struct conn *, struct history *);
/* The first line that was received, without its end; false: none is whole.
 * conn_skip_line() removes it. */
bool conn_line(const struct conn *, struct bytes *line);
void conn_skip_line(struct conn *, struct bytes line);

static inline struct ask *
conn_first(struct conn *c)
{
	return &c->asks[c->head % CONN_ASKS];
}

/* The first request is answered. */
static inline void
conn_next(struct conn *c)
{
	c->before = c->now;
	c->now = (struct reading){ .lines = 0 };
	c->head++;
	c->count--;
}

#endif
