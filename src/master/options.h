/*
 * The command line of kvd(8), and the configuration that it makes.
 */

#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include <stdbool.h>

#include "common/config.h"

struct options {
	bool foreground; /* -d */
	bool check; /* -n */
	bool verbose; /* -v */
	int ready_fd; /* -r, or -1 */
	char *file; /* -f, absolute; NULL: the default one */
	bool file_read; /* it was there, and has to be there again */
	int argc; /* -o and -p are read again with the file */
	char **argv;
};

/*
 * Reads the command line, but for the configuration.  Exits with a message
 * on standard error when it is wrong, and after -V.
 */
void options_parse(struct options *, int argc, char *argv[]);
/*
 * Reads the configuration: the file, and what the command line replaces of
 * it.  Returns EX_OK, or, having appended a line to `errors` about each
 * mistake, EX_USAGE or EX_CONFIG.  `again`: at a reload (config_file()).
 */
int options_config(struct options *, struct config *, bool again,
    struct buf *errors);

#endif
