/*
 * kvd-registry: started by kvd(8).
 */

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/startup.h"
#include "common/title.h"
#include "registry/registry.h"

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	const char *what;
	struct startup_params params;
	struct config config;
	struct title title;
	int status;

	startup_child("kvd-registry");
	log_init("registry", log_stderr(), false);
	status = channel_recv_config(&config, &params, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("registry", params.log_where, params.verbose);
	if (privileges_drop(&params.privileges, PRIVILEGES_REGISTRY,
		config.core_dumps, &what) == -1)
		fatal(EX_OSERR, "%s", what);
	(void)close(CHANNEL_PROGRAM_FD);
	if (!channel_is_masters(CHANNEL_CHECKPOINT_FD))
		fatal(EX_OSERR, "the socket to the checkpointer");
	title_init(&title, argc, argv);
	title_set(&title, "kvd: registry recovering");
	status = registry_main(&config, &params, &title);
	config_clear(&config);
	return status;
}
