/*
 * kvd: the master.
 */

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "master/master.h"
#include "master/options.h"

int
main(int argc, char *argv[], char *envp[])
{
	char error[CONFIG_ERROR_SIZE];
	struct options options;
	struct config config;
	int status;

	setproctitle_init(argc, argv, envp);
	log_init("master", LOG_TO_STDERR, false);
	options_parse(&options, argc, argv);
	if (config_init(&config) == -1)
		fatalx(EX_OSERR, "out of memory");
	if ((status = options_config(&options, &config, error)) != EX_OK)
		fatalx(status, "%s", error);
	status = master_main(&options, &config);
	config_clear(&config);
	free(options.file);
	return status;
}
