/*
 * Commands that show what the master says about itself, on one screen.
 */

#ifndef KVCTL_SHOW_H
#define KVCTL_SHOW_H

#include "kvctl/ctl.h"

int show_status(struct ctl *, const char *argument);
int show_tree(struct ctl *, const char *argument);

#endif
