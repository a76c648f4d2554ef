/*
 * cell: what is written as a whole, and the check of what is read.
 *
 * A cell is one key, or several keys of one bucket that transactions write
 * together.  A single client writes a cell; each of its writes is a step, and
 * steps are numbered from 1.  A cell is therefore a register with one writer and
 * many readers, whose histories are linearizable (Herlihy and Wing, 1990) if and
 * only if each read can be given a step so that
 *
 *	- the step has what the read has seen, and was sent before the read
 *	  ended;
 *	- the step is not below one that was answered, or was given to a read
 *	  that ended, before this read began.
 *
 * A value names its step.  "Absent" may have several steps to choose from: the
 * lowest is taken, which restricts later reads the least.  So the check, which
 * is made when a read ends, misses nothing and accepts all that is right.
 *
 * No I/O; the times are the caller's, in milliseconds.
 */

#ifndef STRESS_CELL_H
#define STRESS_CELL_H

#include <stdbool.h>
#include <stdint.h>

/* So many of the last steps of a cell are remembered, a power of two. */
#define CELL_STEPS 256
#define CELL_KEYS_MAX 4
/* The longest time by which kvd's clock, which it reads once a turn, may lag
 * behind ours on a busy machine. */
#define CELL_SLACK_MS 500
/* The number in values that are written in transactions that are aborted. */
#define CELL_NO_STEP UINT32_MAX

/* How a cell is written. */
enum cell_kind {
	CELL_SINGLE, /* one key: PUT, DELETE, TAKE */
	CELL_GROUP, /* CELL_KEYS_MAX keys: transactions */
	CELL_DROPPED, /* a bucket of its own: DROP, CREATE, PUT */
	CELL_EXPIRING, /* one key: PUT with EX, PUT, DELETE */
	CELL_KINDS
};

/* What a step leaves; bits, for what a read has seen may be one of several. */
enum cell_content {
	CELL_VALUE = 1,
	CELL_ABSENT = 2, /* the key or the keys */
	CELL_NO_BUCKET = 4
};

struct cell_step {
	enum cell_content content;
	int64_t ttl_ms; /* of a value that expires, else 0 */
	int64_t from_ms; /* did not happen before that */
	int64_t until_ms; /* reads that begin later must not see it */
};

struct cell {
	enum cell_kind kind;
	uint32_t number;
	unsigned int keys;
	uint32_t own; /* the last step that its writer has asked for */
	uint32_t sent; /* the last one: `own', or the expiry of `own' */
	uint32_t floor; /* reads that begin now see this step or a later one */
	struct cell_step steps[CELL_STEPS];
};

/* One read that has ended. */
struct cell_read {
	unsigned int seen; /* contents that it may be */
	uint32_t value; /* CELL_VALUE: the number that was read, if known */
	uint32_t at_least; /* the steps that it may have seen: the cell's ... */
	uint32_t at_most; /* ... floor and UINT32_MAX when the read began */
	int64_t start_ms, end_ms;
};

enum cell_verdict {
	CELL_GOOD,
	CELL_UNCHECKED, /* the steps in question are not remembered */
	CELL_STALE, /* older than what was known when the read began */
	CELL_UNSENT, /* nobody had sent it, or it was not committed */
	CELL_LATE, /* it had expired before the read began */
	CELL_EARLY, /* it was gone before it could expire */
};

/* Before the first step the cell has this content. */
void cell_init(struct cell *, enum cell_kind, uint32_t number,
    enum cell_content);
const struct cell_step *cell_get(const struct cell *, uint32_t step);
enum cell_content cell_now(const struct cell *);
/* The writer asks for the next step, whose number is returned. */
uint32_t cell_write(struct cell *, enum cell_content);
/* The same for a value that expires so many milliseconds after kvd writes it.
 * Its expiry is the step after it, which comes by itself or not at all. */
uint32_t cell_write_expiring(struct cell *, int64_t ttl_ms, int64_t now_ms);
/* kvd has answered that the step is done. */
void cell_done(struct cell *, uint32_t step, int64_t now_ms);
/* Which step has the read seen?  Sets *step if the verdict is CELL_GOOD. */
enum cell_verdict cell_check(const struct cell *, const struct cell_read *,
    uint32_t *step);
/* A read that has ended has seen this step. */
void cell_saw(struct cell *, uint32_t step);

#endif
