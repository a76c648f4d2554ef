/*
 * ctl_config: see ctl_config.h.
 */

#include <err.h>
#include <errno.h>
#include <unistd.h>

#include "kvctl/ctl_config.h"
#include "kvctl/ctl_status.h"

#define DEFAULT_CONFIG KVD_SYSCONFDIR "/kvd.conf"

void
ctl_config_read(struct config *config, const char *file)
{
	const char *path = file != NULL ? file : DEFAULT_CONFIG;
	struct buf mistakes;

	if (config_init(config) == -1)
		errx(CTL_FAILED, "out of memory");
	buf_init(&mistakes);
	if (access(path, R_OK) == 0)
		(void)config_file(config, path, true, &mistakes);
	else if (file != NULL || errno != ENOENT)
		err(CTL_FAILED, "%s", path);
	buf_clear(&mistakes);
}
