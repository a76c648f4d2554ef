/*
 * run_maintain: see run_maintain.h.  Runs in the process that would become the
 * master.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/log.h"
#include "master/prepare.h"
#include "master/run_maintain.h"
#include "master/users.h"

/* Run by root, the program becomes the owner of the data directory, who has to
 * be the one who is to have the store.  Anybody else works as they are. */
static int
provide_data(const struct config *config, char *error)
{
	struct privileges p;

	if (geteuid() != 0)
		return 0;
	if (users_find(config, &p, error) == -1)
		return -1;
	return users_provide_data(config, &p, error);
}

int
run_maintain(const struct master_options *o, const struct config *config)
{
	char path[STATE_PATH_SIZE], error[CONFIG_ERROR_SIZE], size[32];
	int fd = prepare_program(config->libexec, "maintain", path, error);
	int status;

	if (fd == -1) {
		status = exit_status_of(errno);
		log_warnx("%s", error);
		return status;
	}
	(void)close(fd);
	if (provide_data(config, error) == -1) {
		status = exit_status_of(errno);
		log_warnx("%s", error);
		return status;
	}
	(void)snprintf(size, sizeof(size), "%" PRId64, config->log_size);
	(void)execl(path, "kvd", o->maintain, "-l", size,
	    config->sandbox ? "--" : "-s", config->data, o->maintain_file,
	    (char *)NULL);
	log_warn("cannot execute %s", path);
	return EX_UNAVAILABLE;
}
