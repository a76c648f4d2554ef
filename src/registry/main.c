/*
 * kvd-registry: started by kvd(8).
 */

#include <stdlib.h>
#include <sysexits.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/startup.h"
#include "common/title.h"
#include "registry/registry.h"

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	struct channel_terms terms;
	struct config config;
	struct title title;
	int status;

	startup_child("kvd-registry");
	log_init("registry", LOG_TO_STDERR, false);
	status = channel_recv_config(&config, &terms, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("registry", terms.log_where, terms.verbose);
	title_init(&title, argc, argv);
	title_set(&title, "kvd: registry");
	status = registry_main(&config, &terms);
	config_clear(&config);
	return status;
}
