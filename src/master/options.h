/*
 * The command line of kvd(8), and the configuration to which it leads.
 */

#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include <stdbool.h>

#include "common/config.h"

struct master_options {
	bool foreground; /* -d */
	bool check; /* -n */
	/* What kvd-maintain is to do instead (-c, -C, -R): its command; or
	 * NULL.  And its file. */
	const char *maintain;
	const char *maintain_file;
	bool verbose; /* -v */
	int ready_fd; /* -r, or -1 */
	char *file; /* -f, absolute; NULL: the default one */
	bool file_read; /* it existed, and must exist at a reload */
	int argc; /* kept for -o and -p, which a reload applies again */
	char **argv;
};

/*
 * Reads all options except -o and -p.  Exits with a message on standard error
 * if they are wrong, and after -h and -V.
 */
void master_options_parse(struct master_options *, int argc, char *argv[]);
/*
 * Reads the configuration file, and then -o and -p, which override it.  Appends
 * a line to `errors` about each mistake.  Returns EX_OK, or the status to exit
 * with.  `again` is true at a reload, see config_file().
 */
int master_options_config(struct master_options *, struct config *, bool again,
    struct buf *errors);

#endif
