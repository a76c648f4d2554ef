/*
 * privileges: what a child gives up.  Runs in the registry, the checkpointer
 * and the acceptor before they begin their work, and trusts the master.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "common/privileges.h"

/* Files that a library makes are for nobody else. */
#define UMASK 077

/* A capability would outlive setresuid(2) if whoever has started kvd had set
 * "securebits" (capabilities(7)). */
static bool
has_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof(data));
	return syscall(SYS_capget, &header, data) == -1 ||
	    data[0].permitted != 0 || data[1].permitted != 0;
}

/* Has the switch worked, and is it for good? */
static bool
is_only(const struct privileges_user *u)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1 || getgroups(0, NULL) != 0)
		return false;
	if (ruid != u->uid || euid != u->uid || suid != u->uid ||
	    rgid != u->gid || egid != u->gid || sgid != u->gid)
		return false;
	return u->uid == 0 || (setuid(0) == -1 && !has_capabilities());
}

int
privileges_become(const struct privileges_user *u, const char **what)
{
	*what = "cannot become another user";
	if (setgroups(0, NULL) == -1 ||
	    setresgid(u->gid, u->gid, u->gid) == -1 ||
	    setresuid(u->uid, u->uid, u->uid) == -1)
		return -1;
	if (is_only(u))
		return 0;
	*what = "cannot give up the privileges of root";
	errno = EPERM;
	return -1;
}

static int
leave_file_system(const char **what)
{
	*what = "cannot make the working directory the root";
	return chroot(".") == -1 || chdir("/") == -1 ? -1 : 0;
}

static int
limit(int resource, rlim_t value)
{
	const struct rlimit both = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(resource, &both);
}

/* May standard error be a file, which the log makes larger? */
static bool
logs_to_file(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == -1 || S_ISREG(st.st_mode);
}

static int
set_limits(enum privileges_role role, bool core_dumps, const char **what)
{
	*what = "cannot lower a resource limit";
	if (!core_dumps && limit(RLIMIT_CORE, 0) == -1)
		return -1;
	/* Whoever wants cores is looking for a bug, perhaps with a sanitizer,
	 * which may start a process. */
	if (core_dumps)
		return 0;
	if (role != PRIVILEGES_ACCEPTOR)
		return limit(RLIMIT_NPROC, 0);
	return logs_to_file() ? 0 : limit(RLIMIT_FSIZE, 0);
}

void
privileges_limit_descriptors(int end)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_max > (rlim_t)end)
		(void)limit(RLIMIT_NOFILE, (rlim_t)end);
}

void
privileges_forbid_fork(void)
{
	/* Only raising a limit can fail. */
	(void)limit(RLIMIT_NPROC, 0);
}

void
privileges_set_traceable(bool traceable)
{
	(void)prctl(PR_SET_DUMPABLE, traceable, 0, 0, 0);
}

int
privileges_drop(const struct privileges *p, enum privileges_role role,
    bool core_dumps, const char **what)
{
	bool is_acceptor = role == PRIVILEGES_ACCEPTOR;

	if (p->switches && is_acceptor && leave_file_system(what) == -1)
		return -1;
	if (p->switches &&
	    privileges_become(is_acceptor ? &p->user : &p->registry_user,
		what) == -1)
		return -1;
	*what = "cannot set no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    set_limits(role, core_dumps, what) == -1)
		return -1;
	/* setresuid(2) has taken this away, and execve(2) given it back. */
	privileges_set_traceable(core_dumps);
	(void)umask(UMASK);
	return 0;
}
