/*
 * The limit of open files, and which process the kernel kills first when memory
 * runs out.
 */

#ifndef MASTER_LIMITS_H
#define MASTER_LIMITS_H

#include <stdint.h>

#include "common/config.h"

/* Raises the limit of open files as far as is allowed, for this process and its
 * children. */
void limits_raise(void);
/*
 * Returns how many clients the limit of open files allows under this
 * configuration: the registry needs a descriptor for each of them, and each
 * process some for itself.  0: kvd itself needs more than the limit.  *limit is
 * set to the limit.
 */
int64_t limits_clients(const struct config *, int64_t *limit);
/* How many descriptors the limit allows the master beyond what it needs. */
int64_t limits_spare(const struct config *);
/* Can kvd work with that limit?  Returns 0, or -1 having logged why not. */
int limits_check(const struct config *);
/*
 * Lowers max-clients to what that limit allows, with a warning.  Returns 0, or
 * -1 when kvd cannot work with the limit, having logged it.
 */
int limits_apply(struct config *);

/*
 * When memory runs out, the kernel prefers to kill processes whose
 * oom_score_adj (proc(5)) is high.  limits_protect() lowers that of this
 * process, if root runs it and nobody else has set the value.  limits_expose()
 * raises it, before an acceptor is executed, and leaves the file open as
 * `keep_fd` (-1: closes it): the acceptor raises it once more while it forks a worker
 * (acceptor/expendable.h), and its sandbox hides the file from it.
 */
void limits_protect(void);
void limits_expose(int keep_fd);

#endif
