/*
 * warning: log lines that others cause.  Runs in the registry.
 */

#include <errno.h>
#include <string.h>

#include <sysexits.h>

#include "common/clock.h"
#include "common/log.h"
#include "registry/state.h"
#include "registry/warning.h"
#include "store/store.h"

static void
warn_limited(struct log_limit *limit, const char *what, const char *why)
{
	unsigned long skipped;

	if (!log_limit_allows(limit, clock_ms(), &skipped))
		return;
	log_warnx("%s: %s", what, why);
	log_suppressed(skipped);
}

void
warning_accept(struct registry *r)
{
	(*registry_counter(r, COUNTER_REFUSED_WORKERS))++;
	warn_limited(&r->warnings.accept, "cannot accept a worker",
	    strerror(errno));
}

void
warning_close(struct registry *r, const char *why)
{
	(*registry_counter(r, COUNTER_REFUSED_WORKERS))++;
	warn_limited(&r->warnings.close, "closing a worker's connection", why);
}

void
warning_damage(struct registry *r)
{
	warn_limited(&r->warnings.damage, "data damaged",
	    store_error(r->store));
}

void
warning_store_failed(const struct registry *r)
{
	fatalx(store_exit_status(r->store), "%s", store_error(r->store));
}

void
warning_check_store(struct registry *r, enum store_result result)
{
	if (result == STORE_FAILED)
		warning_store_failed(r);
	if (result == STORE_DAMAGED)
		warning_damage(r);
}
