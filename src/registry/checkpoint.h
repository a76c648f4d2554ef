/*
 * What the registry has to do with the checkpointer.  While folding is behind,
 * no batch may begin; connections that want to write are held until one may.
 */

#ifndef REGISTRY_CHECKPOINT_H
#define REGISTRY_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

struct registry;

struct checkpoint {
	/* The generation of the sealed segment that it was told of. */
	uint64_t told;
	int64_t tell_at_ms; /* it is told again; CLOCK_NEVER: need not be */
	/* What is committed is to be folded then; CLOCK_NEVER: it need not
	 * be. */
	int64_t request_at_ms;
	/* Connections are held until this generation is folded, for the space
	 * that it may leave. */
	uint64_t awaited;
	/* The master is told when this generation is folded, and that data.mdb
	 * has everything up to this revision; 0: it has not asked. */
	uint64_t demanded, demanded_revision;
};

/* After the start: asks the checkpointer how far it is. */
void checkpoint_init(struct registry *);
/* The checkpointer has sent something. */
void checkpoint_read(struct registry *);
/* After each turn: tells the checkpointer of a segment that was sealed, does
 * what is due, and releases connections that may write again. */
void checkpoint_run(struct registry *);
/* When checkpoint_run() is due; CLOCK_NEVER: after the next turn. */
int64_t checkpoint_deadline(const struct registry *);
/* A bucket was dropped, whose entries are only removed after a fold. */
void checkpoint_request_soon(struct registry *);
/* The master wants to be told when all that is committed is in data.mdb. */
void checkpoint_demand(struct registry *);
/* The disk is full: has all that is committed folded, and holds the held
 * connections until it is.  Ends the batch.  False: it is folded already. */
bool checkpoint_await(struct registry *);

#endif
