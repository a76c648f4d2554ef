/*
 * What a command of kvctl is given, and what most commands do.
 */

#ifndef KVCTL_CTL_H
#define KVCTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "kvctl/ctl_conn.h"
#include "kvctl/ctl_options.h"
#include "kvctl/ctl_status.h"

struct ctl {
	struct ctl_options options;
	const char *path; /* of the control socket */
	int64_t timeout_ms; /* of the command; CLOCK_NEVER: none */
	int64_t deadline_ms; /* the same, as a time of clock_ms() */
	struct ctl_conn conn; /* ctl_ask() opens it */
};

/* Handles a line of a reply. */
typedef void ctl_take(struct ctl *, void *arg, char *line);

/*
 * Connects, if there is no connection yet, sends a request, and passes each line
 * of the reply on, or prints it if `take` is NULL.  Returns enum ctl_status;
 * conn.error says what went wrong.
 */
int ctl_ask(struct ctl *, const char *request, const char *argument, ctl_take *,
    void *arg);
/* Prints what went wrong, unless the status is CTL_DONE.  Returns the
 * status. */
int ctl_complain(const struct ctl *, int status);

#endif
