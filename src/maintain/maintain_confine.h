/*
 * Confines kvd-maintain, as the children of the master are: to the system calls
 * that it needs (common/sandbox.h), and to the files in the data directory
 * (common/landlock.h).  What is open stays open.
 */

#ifndef MAINTAIN_MAINTAIN_CONFINE_H
#define MAINTAIN_MAINTAIN_CONFINE_H

#include <stdbool.h>

/*
 * Both, to be called before any of the data is read.  Does nothing if it is not
 * wanted, nor where the build or the kernel has no means.  Exits with a message
 * if there are means and they fail.
 */
void maintain_confine(bool wanted, const char *data);
/* The two parts of it.  `dir` is a directory besides that of the data in which
 * files may be made, or NULL. */
void maintain_confine_files(bool wanted, const char *data, const char *dir);
void maintain_confine_calls(bool wanted);

#endif
