/*
 * Opens a directory that a process is to own, by a path that leads nowhere
 * else than it says: the data directory and the runtime directory.  What
 * others could replace by something of theirs is refused.
 */

#ifndef COMMON_DIRECTORY_H
#define COMMON_DIRECTORY_H

#include <stddef.h>

/*
 * Opens the directory at an absolute path.  When its last component does not
 * exist it is made with exactly this mode, whatever the umask; with mode -1
 * nothing is made.  Returns a descriptor, or -1 with errno and one sentence in
 * `error`.  errno is EPERM when the directory belongs to another user than
 * this process runs as, when its group or others may write to it, and when
 * the path leads through a symbolic link in a directory that its group or
 * others may write to (sticky or not).  It is what the system call said in
 * all other cases, so that a shortage can be told from a refusal.
 */
int directory_open(const char *path, int mode, char *error, size_t error_size);

/*
 * Would directory_open() succeed?  Changes nothing.  Returns 0 when the
 * directory can be used, and when it can be made; else -1, as above.
 */
int directory_check(const char *path, char *error, size_t error_size);

#endif
