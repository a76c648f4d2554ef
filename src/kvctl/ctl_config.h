/*
 * What kvctl reads out of the configuration file.
 */

#ifndef KVCTL_CTL_CONFIG_H
#define KVCTL_CTL_CONFIG_H

#include "common/config.h"

/*
 * Reads this file, or the default one (NULL), which need not exist.  Mistakes
 * in it are for kvd to report.  Exits with a message if it cannot be read.  The
 * caller clears the configuration.
 */
void ctl_config_read(struct config *, const char *file);

#endif
