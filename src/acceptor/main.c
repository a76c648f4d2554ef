/*
 * kvd-acceptor: started by kvd(8).
 */

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "acceptor/acceptor.h"
#include "common/channel.h"
#include "common/log.h"
#include "common/privileges.h"
#include "common/startup.h"

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	const char *what;
	struct startup_params params;
	struct config config;
	struct title title;
	int status;

	startup_child(ACCEPTOR_NAME);
	/* The master may have had no file to hand on.  Nothing else may get the
	 * number, since workers close it. */
	if (fcntl(CHANNEL_OOM_FD, F_GETFD) == -1)
		(void)dup2(STDIN_FILENO, CHANNEL_OOM_FD);
	log_init("acceptor", log_stderr(), false);
	status = channel_recv_config(&config, &params, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("acceptor", params.log_where, params.verbose);
	if (privileges_drop(&params.privileges, PRIVILEGES_ACCEPTOR,
		config.core_dumps, &what) == -1)
		fatal(EX_OSERR, "%s", what);
	title_init(&title, argc, argv);
	title_set(&title, "kvd: acceptor");
	status = acceptor_main(&config, &params, &title, argc > 2);
	config_clear(&config);
	return status;
}
