/*
 * The registry: owns every bucket, and is the only process that opens the
 * store.  It trusts the master, and no worker.
 */

#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

struct config;
struct startup_params;
struct title;

/* Runs until it is told to stop, and returns the exit status. */
int registry_main(struct config *, const struct startup_params *,
    const struct title *);

#endif
