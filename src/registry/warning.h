/*
 * Log lines that others can cause as often as they like.  The first of a kind
 * is logged at once, then at most one in ten seconds, which says how many there
 * were.
 */

#ifndef REGISTRY_WARNING_H
#define REGISTRY_WARNING_H

#include <stdint.h>

#include "common/log_limit.h"
#include "store/store.h"

struct registry;

struct warnings {
	struct log_limit accept, close, damage;
};

/* A worker's connection could not be accepted; errno says why. */
void warning_accept(struct registry *);
/* A worker's connection is closed, though the worker did not end it. */
void warning_close(struct registry *, const char *why);
/* The store has found a checksum that does not match. */
void warning_damage(struct registry *);
/* Exits after STORE_FAILED: nobody knows what is on the disk, or memory is
 * short. */
void warning_store_failed(const struct registry *) __attribute__((noreturn));
/* Logs STORE_DAMAGED.  Exits after STORE_FAILED. */
void warning_check_store(struct registry *, enum store_result);

#endif
