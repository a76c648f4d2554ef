/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): a hash whose values nobody can
 * choose who does not know its key.  The names that it is given are the
 * clients' choice.
 */

#ifndef STORE_SIPHASH_H
#define STORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *data, size_t size);

#endif
