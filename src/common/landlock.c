/*
 * landlock: the rules of landlock(7).  Runs in the registry, the checkpointer,
 * the acceptors and kvd-maintain.
 *
 * The system calls, their numbers and structures are declared here, because the
 * headers may be older than the kernel.
 */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/landlock.h"

/* The same for all kinds of processors but Alpha, where they are 110 more. */
#ifdef SYS_landlock_create_ruleset
#define CREATE_RULESET SYS_landlock_create_ruleset
#define ADD_RULE SYS_landlock_add_rule
#define RESTRICT_SELF SYS_landlock_restrict_self
#else
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#endif

#define CREATE_RULESET_VERSION 0x1
#define RULE_PATH_BENEATH 1

/* Rights of the file system, and the version of the interface that brought
 * them. */
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ALL_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER_2 (UINT64_C(1) << 13)
#define FS_TRUNCATE_3 (UINT64_C(1) << 14)
#define FS_IOCTL_DEV_5 (UINT64_C(1) << 15)
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE_3)
/* bind(2) and connect(2) by TCP. */
#define NET_ALL_4 UINT64_C(3)
/* Abstract Unix sockets, and signals. */
#define SCOPED_ALL_6 UINT64_C(3)

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* from version 4 on */
	uint64_t scoped; /* from version 6 on */
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

static long
interface_version(void)
{
	return syscall(CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);
}

static uint64_t
handled_rights(long version)
{
	uint64_t rights = FS_ALL_1;

	if (version >= 2)
		rights |= FS_REFER_2;
	if (version >= 3)
		rights |= FS_TRUNCATE_3;
	if (version >= 5)
		rights |= FS_IOCTL_DEV_5;
	return rights;
}

int
landlock_begin(void)
{
	long version = interface_version();
	struct ruleset_attr attr = { handled_rights(version), NET_ALL_4,
		SCOPED_ALL_6 };
	size_t size = sizeof(attr);
	int rules = -1;

#ifdef KVD_INSTRUMENTED
	/* The process writes files of its own when it ends. */
	version = 0;
	errno = EOPNOTSUPP;
#endif
	/* An older kernel does not take what it does not know. */
	if (version < 4)
		size = offsetof(struct ruleset_attr, handled_access_net);
	else if (version < 6)
		size = offsetof(struct ruleset_attr, scoped);
	if (version >= 1)
		rules = (int)syscall(CREATE_RULESET, &attr, size, 0);
	return rules == -1 && exit_status_of(errno) != EX_OSERR ?
	    LANDLOCK_NONE :
	    rules;
}

static uint64_t
rights_of(unsigned int access)
{
	uint64_t rights = 0;

	if (access & LANDLOCK_READ)
		rights |= FS_READ_FILE;
	if (access & LANDLOCK_WRITE)
		rights |= FS_WRITE_FILE | FS_TRUNCATE_3;
	if (access & LANDLOCK_EXECUTE)
		rights |= FS_EXECUTE;
	if (access & LANDLOCK_CHANGE)
		rights |= FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG;
	return rights;
}

int
landlock_allow_fd(int rules, int fd, unsigned int access)
{
	struct path_beneath_attr attr = { rights_of(access), fd };
	struct stat st;

	if (rules == LANDLOCK_NONE)
		return 0;
	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= FS_OF_FILES;
	attr.allowed_access &= handled_rights(interface_version());
	return (int)syscall(ADD_RULE, rules, RULE_PATH_BENEATH, &attr, 0);
}

int
landlock_allow(int rules, const char *path, unsigned int access)
{
	int fd, rc, saved;

	if (rules == LANDLOCK_NONE)
		return 0;
	if ((fd = open(path, O_PATH | O_CLOEXEC)) == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	rc = landlock_allow_fd(rules, fd, access);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return rc;
}

int
landlock_enter(int rules)
{
	int rc, saved;

	if (rules == LANDLOCK_NONE)
		return 0;
	if ((rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) == 0)
		rc = (int)syscall(RESTRICT_SELF, rules, 0);
	/* Whoever started kvd has confined it as often as the kernel allows,
	 * which cannot be helped. */
	if (rc == -1 && errno == E2BIG)
		rc = 0;
	saved = errno;
	(void)close(rules);
	errno = saved;
	return rc;
}
