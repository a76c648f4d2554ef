/*
 * kvd-registry: started by kvd(8).
 */

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "registry/registry.h"

int
main(int argc, char *argv[], char *envp[])
{
	char error[CONFIG_ERROR_SIZE];
	struct channel_log log;
	struct config config;
	int status;

	setproctitle_init(argc, argv, envp);
	log_init("registry", LOG_TO_STDERR, false);
	if (channel_recv_config(&config, &log, error) == -1)
		fatalx(EX_USAGE, "%s", error);
	log_init("registry", log.where, log.verbose);
	setproctitle("-kvd: registry");
	status = registry_main(&config);
	config_clear(&config);
	return status;
}
