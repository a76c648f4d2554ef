/*
 * ctl: runs kvctl, and talks to the control socket without it.  Functions fail
 * the running test.
 */

#ifndef INTEGRATION_CTL_H
#define INTEGRATION_CTL_H

#include "fixture.h"

#define CTL(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Runs kvctl with these words for this server.  Returns its exit status; what
 * it wrote, to standard error, too, is in a static buffer. */
int ctl_run(const struct server *, const char *const words[],
    const char **output);
/* The exit status is this one, and so is the output. */
void ctl_expect(const struct server *, const char *const words[], int status,
    const char *output);
/* The exit status is this one, and the output has this part. */
void ctl_expect_part(const struct server *, const char *const words[],
    int status, const char *part);
/* The path of the control socket, in a static buffer. */
const char *ctl_path(const struct server *);
/* A connection to the control socket, which has greeted. */
int ctl_connect(const struct server *);

#endif
