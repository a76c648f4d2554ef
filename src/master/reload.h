/*
 * SIGHUP: reads the configuration again, and applies it without disconnecting
 * any client.
 */

#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include "master/state.h"

/* A configuration that has mistakes is logged and changes nothing. */
void reload(struct master *);

#endif
