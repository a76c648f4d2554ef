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

static void
print(const void *text, size_t size)
{
	if (fwrite(text, 1, size, stdout) != size || fflush(stdout) == EOF)
		fatal(EX_IOERR, "standard output");
}

/* Prints the configuration, from which kvd makes the same again. */
static void
print_config(const struct config *config)
{
	struct buf lines;

	buf_init(&lines);
	config_print(config, &lines);
	if (buf_failed(&lines))
		fatalx(EX_OSERR, "out of memory");
	print(buf_data(&lines), buf_size(&lines));
	buf_clear(&lines);
}

/* kvd -n: reports all mistakes and returns the exit status.  With -v, standard
 * output is a configuration file. */
static int
check(const struct config *config, int status, bool verbose, struct buf *errors)
{
	static const char ok[] = "# configuration OK\n";
	int checked;

	if (verbose && status == EX_OK)
		print_config(config);
	checked = check_configuration(config, errors);
	if (status == EX_OK)
		status = checked;
	log_lines(errors);
	check_warn(config);
	if (status == EX_OK && verbose)
		print(ok, strlen(ok));
	else if (status == EX_OK)
		print(ok + 2, strlen(ok) - 2);
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
	log_init("master", log_stderr(), false);
	master_options_parse(&options, argc, argv);
	if (config_init(&config) == -1)
		fatalx(EX_OSERR, "out of memory");
	buf_init(&errors);
	status = master_options_config(&options, &config, false, &errors);
	if (options.check)
		status = check(&config, status, options.verbose, &errors);
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
