/*
 * kvd-acceptor: started by kvd(8).
 */

#include <sysexits.h>

#include "acceptor/acceptor.h"
#include "common/channel.h"
#include "common/log.h"
#include "common/startup.h"

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	struct startup_params params;
	struct config config;
	struct title title;
	int status;

	startup_child(ACCEPTOR_NAME);
	log_init("acceptor", log_stderr(), false);
	status = channel_recv_config(&config, &params, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("acceptor", params.log_where, params.verbose);
	title_init(&title, argc, argv);
	title_set(&title, "kvd: acceptor");
	status = acceptor_main(&config, &params, &title);
	config_clear(&config);
	return status;
}
