/*
 * Log lines of which others decide how often there is cause for them: one of
 * a kind, then at most one in ten seconds that says how many there were.
 */

#ifndef REGISTRY_WARNING_H
#define REGISTRY_WARNING_H

#include <stdint.h>

#include "common/log_limit.h"
#include "store/store.h"

struct registry;

struct warnings {
	struct log_limit accept, close, damage;
	uint64_t refused_workers; /* for STATS */
};

/* A worker's connection cannot be accepted; errno says why. */
void warning_accept(struct registry *);
/* It is closed, for something else than its end. */
void warning_close(struct registry *, const char *why);
/* The store has found a checksum that does not match. */
void warning_damage(struct registry *);
/* What the store said: damage is logged, and a failure ends the process, since
 * nobody knows what is on the disk. */
void warning_check_store(struct registry *, enum store_result);

#endif
