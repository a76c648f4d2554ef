/*
 * Which key comes next, and how it is written.  No I/O.
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
	KEYS_ZIPF, /* the k-th most frequent key: as 1/k^exponent */
	KEYS_SEQUENTIAL,
};

struct keys {
	enum keys_order order;
	uint64_t n; /* how many keys there are */
	uint64_t next, step; /* of KEYS_SEQUENTIAL */
	/* of KEYS_ZIPF: the exponent, and what is computed from it once */
	double exponent;
	double integral_first, integral_last, shift;
};

/* Reads "uniform", "sequential", "zipf" or "zipf:exponent".  Returns false if
 * the text is none of these. */
bool keys_parse(const char *text, enum keys_order *, double *exponent);

/* `n` is from 1 to KEYS_MAX. */
void keys_init(struct keys *, enum keys_order, double exponent, uint64_t n);
/* Sequential keys begin with `first`, and each is `step` after the last one:
 * so `step` threads can share a sequence. */
void keys_share(struct keys *, uint64_t first, uint64_t step);

/* Returns a key from 0 to n - 1. */
uint64_t keys_next(struct keys *, struct random *);

/* Writes KEYS_TEXT_SIZE bytes, without a NUL. */
void keys_print(uint64_t key, uint8_t *text);

#endif
