/*
 * sandbox_maintain: what kvd-maintain may do once it has become the user that
 * owns the data, and before it reads any of it.  It trusts neither the store nor
 * a backup.
 *
 * What is missing on purpose: sockets, other processes and other programs.
 */

#include <sys/ioctl.h>

#include <linux/fs.h>

#include "sandbox/sandbox_store.h"

static const struct sandbox_rule rules[] = {
	SANDBOX_STORE_RULES,

	SANDBOX_ALLOW("syncfs"),
	/* A new file takes the place of the old one, or gets its name. */
	SANDBOX_ALLOW("renameat|renameat2|rename"),
	SANDBOX_ALLOW("unlinkat|unlink"),
	SANDBOX_ALLOW("linkat|link"),
	/* Is there a file of this name? */
	SANDBOX_ALLOW("lstat|lstat64|stat|stat64"),

	/* Signals that ask it to stop, the timer that interrupts a slow write,
	 * and the pace. */
	SANDBOX_ALLOW("rt_sigaction"),
	SANDBOX_ALLOW("rt_sigreturn|sigreturn"),
	SANDBOX_ALLOW("setitimer"),
	SANDBOX_ALLOW("time"),

	/* LMDB asks for the version of the kernel. */
	SANDBOX_ALLOW("uname"),

	/* What leads to the data directory. */
	SANDBOX_ALLOW("readlinkat|readlink"),

	/* Of a new store: no copies when it is written over (btrfs). */
	SANDBOX_ALLOW_IF("ioctl", 1, SANDBOX_INT, FS_IOC_GETFLAGS),
	SANDBOX_ALLOW_IF("ioctl", 1, SANDBOX_INT, FS_IOC_SETFLAGS),

	/* Are standard output and standard error terminals? */
	SANDBOX_ALLOW_IF("ioctl", 1, SANDBOX_INT, TCGETS),
	SANDBOX_ALLOW_IF("ioctl", 1, SANDBOX_INT, TIOCGWINSZ),

	/* A backup that root has asked for gets its name as root. */
	SANDBOX_ALLOW("geteuid|geteuid32"),
	SANDBOX_ALLOW("getuid|getuid32"),
	SANDBOX_ALLOW_IF("setresuid|setresuid32", 1, SANDBOX_INT, 0),
};

const struct sandbox_list sandbox_maintain = { rules,
	sizeof(rules) / sizeof(rules[0]) };
