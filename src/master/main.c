/*
 * kvd: the master.
 */

#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "master/master.h"
#include "master/options.h"

int
main(int argc, char *argv[], char *envp[])
{
	struct options options;
	struct config config;
	int status;

	setproctitle_init(argc, argv, envp);
	log_init("master", LOG_TO_STDERR, false);
	options_parse(&options, &config, argc, argv);
	status = master_main(&options, &config);
	config_clear(&config);
	return status;
}
