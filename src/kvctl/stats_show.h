/*
 * The commands about counters: for people, as JSON, and for Prometheus.
 */

#ifndef KVCTL_STATS_SHOW_H
#define KVCTL_STATS_SHOW_H

#include "kvctl/ctl.h"

int stats_show(struct ctl *, const char *argument);

#endif
