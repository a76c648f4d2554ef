/*
 * Opens a directory that belongs to kvd alone: the data directory or the
 * runtime directory.  A path is refused if other users could make it lead to a
 * directory of their own.
 */

#ifndef COMMON_DIRECTORY_H
#define COMMON_DIRECTORY_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Opens the directory at an absolute path.  If only the last component does not
 * exist, it is made with exactly this mode, regardless of the umask; with mode
 * -1 nothing is made.  Returns a descriptor, or -1 with errno and one sentence
 * in `error`.
 *
 * errno is EPERM when the directory belongs to another user than this process
 * runs as, when its group or others may write to it, and when the path leads
 * through a symbolic link in a directory that its group or others may write to
 * (sticky or not).  In all other cases errno is that of the system call, so
 * that the caller can tell a shortage from a refusal.
 */
int directory_open(const char *path, int mode, char *error, size_t error_size);

/*
 * Root: makes sure that there is such a directory, and that it belongs to this
 * user.  If only the last component does not exist, it is made with this mode
 * and group.  Returns 0, or -1 as above; errno is also EPERM when others than
 * root could exchange a directory that is made.
 */
int directory_provide(const char *path, mode_t mode, uid_t owner, gid_t group,
    char *error, size_t error_size);

/*
 * Checks whether directory_open() would succeed, and changes nothing.  Returns
 * 0 when the directory can be used or can be made, else -1 as above.
 */
int directory_check(const char *path, char *error, size_t error_size);

#endif
