/*
 * ctl: one request and its reply.
 */

#include <err.h>
#include <stdio.h>

#include "kvctl/ctl.h"

int
ctl_ask(struct ctl *ctl, const char *request, const char *argument,
    ctl_take *take, void *arg)
{
	struct ctl_conn *c = &ctl->conn;
	int status;

	if (c->fd == -1 &&
	    (status = ctl_conn_open(c, ctl->path, ctl->deadline_ms)) !=
		CTL_DONE)
		return status;
	ctl_conn_ask(c, request, argument);
	for (;;)
		switch (ctl_conn_line(c)) {
		case CTL_LINE_OK:
			return CTL_DONE;
		case CTL_LINE_ERROR:
			return CTL_FAILED;
		case CTL_LINE_DATA:
			if (take != NULL)
				take(ctl, arg, c->line);
			else
				puts(c->line);
		}
}

int
ctl_complain(const struct ctl *ctl, int status)
{
	if (status != CTL_DONE)
		warnx("%s", ctl->conn.error);
	return status;
}
