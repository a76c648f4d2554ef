/*
 * What the system allows, and whom it is to take first when memory runs out.
 */

#ifndef MASTER_LIMITS_H
#define MASTER_LIMITS_H

#include <stdint.h>

#include "common/config.h"

/* Takes all descriptors that may be had, for this process and its children. */
void limits_raise(void);
/*
 * Checks what the configuration wants of descriptors: the registry needs one
 * for each client, and each process some of its own.  Returns how many
 * clients fit, or 0 if there is no room for kvd itself; *limit is how many
 * descriptors a process may have.
 */
int64_t limits_clients(const struct config *, int64_t *limit);
/*
 * Lowers max-clients to what fits, with a warning.  Returns 0, or -1 having
 * logged why kvd cannot work like this.
 */
int limits_apply(struct config *);

/*
 * When memory runs out, the kernel ends first whose oom_score_adj (proc(5)) is
 * highest.  limits_protect() lowers that of this process, if it may and nobody
 * has set it; limits_expose() raises it, before an acceptor is executed.
 */
void limits_protect(void);
void limits_expose(void);

#endif
