/*
 * SIGHUP: the configuration is read again, and what can change is changed
 * without dropping anyone.
 */

#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include "master/state.h"

/* A configuration that cannot be used is reported, and changes nothing. */
void reload(struct master *);
/* All acceptors are replaced, one after the other's end: none is without an
 * acceptor for longer than one takes to start. */
void reload_acceptors(struct master *);

#endif
