/*
 * confine: see confine.h.  Runs in the registry and the checkpointer.
 */

#include <paths.h>

#include "common/channel.h"
#include "common/confine.h"
#include "common/landlock.h"

static int
restrict_files(const char *data)
{
	int rules = landlock_begin();

	if (rules == -1)
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
