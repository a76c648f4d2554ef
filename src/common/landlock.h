/*
 * Confines a process to a few files and directories, with landlock(7), where
 * the kernel has that; no library is needed.  What is not allowed fails with
 * EACCES.  The process also can neither listen on TCP nor connect by it, and
 * can neither signal processes that are not confined with it nor connect to
 * their abstract Unix sockets; each as far as the kernel knows of that.
 *
 * Descriptors that are open already are not affected, nor is connecting to a
 * Unix socket that has a path.
 */

#ifndef COMMON_LANDLOCK_H
#define COMMON_LANDLOCK_H

/* What is allowed.  Of a directory: for all that is beneath it. */
enum landlock_access {
	LANDLOCK_READ = 0x1, /* files */
	LANDLOCK_WRITE = 0x2, /* files, also truncate them */
	LANDLOCK_EXECUTE = 0x4,
	LANDLOCK_CHANGE = 0x8, /* list directories, make and remove files */
};

/* Where the kernel has no landlock(7), or does not use it. */
#define LANDLOCK_NONE (-2)

/*
 * Begins a set of rules.  Returns its descriptor (close-on-exec), or
 * LANDLOCK_NONE, with which the functions below do nothing, or -1 with errno: a
 * shortage of memory or descriptors.
 */
int landlock_begin(void);
/* Allows access to a file or directory.  One that does not exist is left out.
 * Returns 0, or -1 with errno. */
int landlock_allow(int rules, const char *path, unsigned int access);
/* The same for an open one. */
int landlock_allow_fd(int rules, int fd, unsigned int access);
/*
 * Confines this process, and those that it forks, for good, and closes the
 * descriptor.  Sets no_new_privs.  Returns 0, or -1 with errno.
 */
int landlock_enter(int rules);

#endif
