/*
 * Commands about the store of a running kvd: kvd-maintain does them.
 */

#ifndef KVCTL_MAINTAIN_H
#define KVCTL_MAINTAIN_H

#include "kvctl/ctl.h"

/* Each makes a checkpoint, and then becomes kvd-maintain.  They return only if
 * that fails. */
int maintain_backup(struct ctl *, const char *argument);
int maintain_verify(struct ctl *, const char *argument);

#endif
