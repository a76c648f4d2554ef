/*
 * kvd-checkpointer: started by kvd(8).
 */

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/startup.h"
#include "common/title.h"
#include "checkpointer/checkpointer.h"

/* The store has a dozen files and views of them, and there are two sockets. */
#define FDS_MAX 64

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	const char *what;
	struct startup_params params;
	struct config config;
	struct title title;
	int status;

	startup_child("kvd-checkpointer");
	log_init("checkpointer", log_stderr(), false);
	status = channel_recv_config(&config, &params, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("checkpointer", params.log_where, params.verbose);
	if (privileges_drop(&params.privileges, PRIVILEGES_CHECKPOINTER,
		config.core_dumps, &what) == -1)
		fatal(EX_OSERR, "%s", what);
	(void)close(CHANNEL_PROGRAM_FD);
	privileges_limit_descriptors(FDS_MAX);
	if (!channel_is_masters(CHANNEL_CHECKPOINT_FD))
		fatal(EX_OSERR, "the socket to the registry");
	title_init(&title, argc, argv);
	title_set(&title, "kvd: checkpointer");
	status = checkpointer_main(&config, &params, &title);
	config_clear(&config);
	return status;
}
