/*
 * What each program of fuzz/ has in common: one function, which takes any
 * bytes and must return.  libFuzzer calls it with one input after the other,
 * fuzz/main.c with files.  What must hold of the results is said with
 * FUZZ_ASSERT().
 */

#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns 0: libFuzzer wants that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever NDEBUG says: these are the test. */
#define FUZZ_ASSERT(condition)                                             \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
			    __LINE__, #condition);                         \
			abort();                                           \
		}                                                          \
	} while (0)

#endif
