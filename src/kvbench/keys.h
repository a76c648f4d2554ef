/*
 * Which key next, and how it is written.  Pure.
 */

#ifndef KVBENCH_KEYS_H
#define KVBENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "kvbench/random.h"

#define KEYS_MAX 1000000000
/* "key:" and twelve digits, as redis-benchmark writes them. */
#define KEYS_TEXT_SIZE 16

enum keys_order {
	KEYS_UNIFORM,
	KEYS_ZIPF, /* the k-th most frequent in proportion to 1/k^exponent */
	KEYS_SEQUENTIAL,
};

struct keys {
	enum keys_order order;
	uint64_t n;
	uint64_t next, step; /* sequential */
	double exponent; /* zipf, and what is computed from it once */
	double integral_first, integral_last, shift;
};

/*
 * Reads "uniform", "sequential", "zipf" or "zipf:exponent"; returns false for
 * anything else.
 */
bool keys_parse(const char *text, enum keys_order *, double *exponent);

/* Of `n` keys, 1 to KEYS_MAX. */
void keys_init(struct keys *, enum keys_order, double exponent, uint64_t n);
/* Of a sequence that `step` take turns with, the share of the `first`-th. */
void keys_share(struct keys *, uint64_t first, uint64_t step);

/* From 0 to n - 1. */
uint64_t keys_next(struct keys *, struct random *);

/* Writes KEYS_TEXT_SIZE bytes. */
void keys_print(uint64_t key, uint8_t *text);

#endif
