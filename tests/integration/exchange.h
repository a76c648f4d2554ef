/*
 * exchange: sends a request, receives the reply at the same time, and
 * compares it with the one that is expected.  Nothing here fails a test, so
 * that processes other than Check's can use it.
 */

#ifndef INTEGRATION_EXCHANGE_H
#define INTEGRATION_EXCHANGE_H

#include <stddef.h>

enum exchange_result {
	EXCHANGE_OK,
	EXCHANGE_ENDED, /* the connection, before all was sent and received */
	EXCHANGE_WRONG, /* other bytes came, or none in time */
};

struct exchange {
	const void *out;
	size_t out_size;
	const void *want;
	size_t want_size;
	/* Set by exchange_run: */
	size_t got; /* number of bytes that came as expected */
	char instead[64]; /* what came instead, to the end of its line */
	char error[512]; /* the difference, in words */
};

enum exchange_result exchange_run(int fd, struct exchange *);

/*
 * The first bytes of some data in printable form, in one of two static
 * buffers that take turns.
 */
const char *exchange_show(const void *data, size_t size);

#endif
