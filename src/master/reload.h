/*
 * SIGHUP: the configuration is read again, and what can change is changed
 * without dropping anyone.
 */

#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include "master/state.h"

/* A configuration that cannot be used is reported, and changes nothing. */
void reload(struct master *);

#endif
