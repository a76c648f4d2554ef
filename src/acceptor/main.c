/*
 * kvd-acceptor: started by kvd(8).
 */

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "acceptor/acceptor.h"
#include "common/channel.h"
#include "common/log.h"

int
main(int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	struct channel_terms terms;
	struct config config;
	struct title title;
	/* The process's title is going to be where argv[0] points to. */
	char *program = strdup(argv[0]);
	int status;

	log_init("acceptor", LOG_TO_STDERR, false);
	status = channel_recv_config(&config, &terms, error);
	if (status != EX_OK)
		fatalx(status, "%s", error);
	log_init("acceptor", terms.log_where, terms.verbose);
	if (program == NULL)
		fatal(EX_OSERR, "program");
	title_init(&title, argc, argv);
	title_set(&title, "kvd: acceptor");
	status = acceptor_main(&config, program, &title);
	config_clear(&config);
	free(program);
	return status;
}
