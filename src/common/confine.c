/*
 * confine: see confine.h.  Runs in the registry and the checkpointer.
 */

#include <errno.h>
#include <paths.h>
#include <sysexits.h>

#include "common/channel.h"
#include "common/confine.h"
#include "common/exit.h"
#include "common/landlock.h"

static int
restrict_files(const char *data)
{
	int rules = landlock_begin();

	/* Without memory, not without landlock(7). */
	if (rules == -1 && exit_status_of(errno) == EX_OSERR)
		return -1;
	if (landlock_allow(rules, data,
		LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_CHANGE) == -1 ||
	    landlock_allow(rules, _PATH_DEVNULL,
		LANDLOCK_READ | LANDLOCK_WRITE) == -1)
		return -1;
	return landlock_enter(rules);
}

int
confine_to_data(const struct config *config,
    const struct sandbox_filter *filter)
{
	if (!config->sandbox)
		return 0;
	if (restrict_files(config->data) == -1)
		return -1;
	return sandbox_enter(filter, channel_send_violation);
}
