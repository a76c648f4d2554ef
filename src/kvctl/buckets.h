/*
 * The list of buckets.
 */

#ifndef KVCTL_BUCKETS_H
#define KVCTL_BUCKETS_H

#include "kvctl/ctl.h"

int buckets_show(struct ctl *, const char *argument);

#endif
