/*
 * What status, tree and top show, collected from the master's replies.
 */

#ifndef KVCTL_VIEW_H
#define KVCTL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "kvctl/ctl.h"

/* The reply to `status`.  Texts in a buffer end in NUL each. */
struct view_status {
	int64_t uptime_ms, clients, max_clients;
	long pid;
	char version[64], state[128], log[16];
	int64_t scrub_next_ms, scrub_ended_s, scrub_found;
	char scrub[16]; /* "off", "waiting" or "running" */
	struct buf listens, restarts, alarms;
};

/* Returns enum ctl_status; to be cleared in any case. */
int view_status_get(struct ctl *, struct view_status *);
void view_status_clear(struct view_status *);
/* Goes through the texts of a buffer: the first with NULL, NULL behind the
 * last. */
const char *view_next_text(const struct buf *, const char *text);
void view_add_text(struct buf *, const char *text);

#endif
