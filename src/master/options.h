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
};

/*
 * Reads the command line and the file it names.  Exits with a message on
 * standard error when either is wrong (EX_USAGE, EX_CONFIG), and after -V.
 */
void options_parse(struct options *, struct config *, int argc, char *argv[]);

#endif
