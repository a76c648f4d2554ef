/*
 * What goes on, shown again and again.
 */

#ifndef KVCTL_TOP_H
#define KVCTL_TOP_H

#include "kvctl/ctl.h"

int top_show(struct ctl *, const char *argument);

#endif
