/*
 * What kv exits with.  kv(1) says the same.
 */

#ifndef KV_KV_STATUS_H
#define KV_KV_STATUS_H

#include "proto/reply.h"

enum kv_status {
	KV_DONE = 0, /* or found */
	KV_NOT_FOUND = 1, /* or a condition did not hold */
	KV_USAGE = 2,
	KV_UNREACHABLE = 3, /* no server, no answer in time, or nonsense */
	KV_REFUSED = 4, /* the server answered with an error */
	KV_FAILED = 5, /* memory, standard input or standard output */
};

/* The exit status for a status line of the server. */
enum kv_status kv_status_of(const struct reply_line *);

/* Does the server close the connection after this status line? */
bool kv_status_is_farewell(const struct reply_line *);

/* Of two, the one to exit with. */
enum kv_status kv_status_worse(enum kv_status, enum kv_status);

#endif
