/*
 * Confines kvd-maintain, as the children of the master are: to the system calls
 * that it needs (common/sandbox.h), and to the files in the data directory
 * (common/landlock.h).  What is open stays open.
 */

#ifndef MAINTAIN_MAINTAIN_CONFINE_H
#define MAINTAIN_MAINTAIN_CONFINE_H

#include "maintain/maintain.h"

/*
 * Both, to be called before any of the data is read.  Does nothing with -s, nor
 * where the build or the kernel has no means.  Exits with a message if there are
 * means and they fail.
 */
void maintain_confine(const struct maintain_options *);
/* The two parts of it.  `dir` is a directory besides that of the data in which
 * files may be made, or NULL. */
void maintain_confine_files(const struct maintain_options *, const char *dir);
void maintain_confine_calls(const struct maintain_options *);

#endif
