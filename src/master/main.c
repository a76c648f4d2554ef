/*
 * kvd: the main program, which becomes the master, or checks the configuration.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/startup.h"
#include "master/check.h"
#include "master/master.h"
#include "master/options.h"
#include "master/run_maintain.h"

/* kvd -n: reports all mistakes and returns the exit status. */
static int
check(const struct config *config, int status, struct buf *errors)
{
	int checked = check_configuration(config, errors);

	if (status == EX_OK)
		status = checked;
	log_lines(errors);
	if (status == EX_OK &&
	    (puts("configuration OK") == EOF || fflush(stdout) == EOF))
		fatal(EX_IOERR, "standard output");
	return status;
}

int
main(int argc, char *argv[], char *envp[])
{
	struct master_options options;
	struct config config;
	struct buf errors;
	int status;

	startup_master();
	setproctitle_init(argc, argv, envp);
	log_init("master", LOG_TO_STDERR, false);
	master_options_parse(&options, argc, argv);
	if (config_init(&config) == -1)
		fatalx(EX_OSERR, "out of memory");
	buf_init(&errors);
	status = master_options_config(&options, &config, false, &errors);
	if (options.check)
		status = check(&config, status, &errors);
	else if (status == EX_OK && options.maintain != NULL)
		status = run_maintain(&options, &config);
	else if (status == EX_OK)
		status = master_main(&options, &config);
	else
		log_lines(&errors);
	buf_clear(&errors);
	config_clear(&config);
	free(options.file);
	return status;
}
