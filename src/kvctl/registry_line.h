/*
 * A connection to the registry, which the master has made and passed on.  It
 * may ask for the names of buckets and for numbers.
 */

#ifndef KVCTL_REGISTRY_LINE_H
#define KVCTL_REGISTRY_LINE_H

#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "kvctl/ctl.h"
#include "proto/schema.h"

struct registry_line {
	int fd; /* -1: closed */
	int64_t timeout_ms; /* for one answer; CLOCK_NEVER: none */
	uint64_t sequence;
	struct buf in;
	size_t taken; /* bytes of `in` that the last page had */
	char error[CTL_ERROR_SIZE];
};

/* Asks the master for the connection, and greets the registry.  Returns enum
 * ctl_status, with the reason in ctl->conn.error. */
int registry_line_open(struct registry_line *, struct ctl *);
void registry_line_close(struct registry_line *);
/* Sends LIST with these fields, and waits for the page.  Its lines are in
 * page->rest, and valid until the next call.  Returns 0, or -1 with the reason
 * in `error`. */
int registry_line_list(struct registry_line *, const struct fields *list,
    struct fields *page);

#endif
