/*
 * sandbox_acceptor: what an acceptor may do once it accepts clients.  It never
 * looks at what they send.  The filter stays in force in the workers, which add
 * a narrower one, and when the acceptor executes itself again: hence the part
 * for the start of a program.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/sched.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/channel.h"
#include "sandbox/sandbox_compile.h"

/* What fork(3) passes to clone(2).  All else, such as new namespaces and
 * threads, is not allowed. */
#define FORK_FLAGS (0xffu | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)
#ifdef __s390__
#define CLONE_FLAGS_ARGUMENT 1
#else
#define CLONE_FLAGS_ARGUMENT 0
#endif

#define PRCTL(operation) SANDBOX_ALLOW_IF("prctl", 0, SANDBOX_INT, operation)

static const struct sandbox_rule rules[] = {
	/* First what the workers call most. */
	SANDBOX_ALLOW("recvfrom|recv"),
	SANDBOX_ALLOW("sendto|send"),
	SANDBOX_ALLOW("ppoll|ppoll_time64"),
	SANDBOX_ALLOW("close"),
	SANDBOX_ALLOW("connect"),
	SANDBOX_ALLOW_IF("socket", 0, SANDBOX_INT, AF_UNIX),
	SANDBOX_ALLOW_IF("setsockopt", 1, SANDBOX_INT, SOL_SOCKET),
	SANDBOX_ALLOW("shutdown"),
	SANDBOX_ALLOW("exit_group"),

	/* Clients and workers. */
	SANDBOX_ALLOW("accept4"),
#ifdef SANDBOX_OTHER_LIBC
	/* accept4(3), if the other call has failed with EINVAL. */
	SANDBOX_ALLOW("accept"),
#endif
	SANDBOX_ALLOW_IF("clone", CLONE_FLAGS_ARGUMENT,
	    UINT32_MAX & ~(uint64_t)FORK_FLAGS, 0),
	SANDBOX_ALLOW("fork"),
	/* Its flags are in memory.  The C library then calls clone(2). */
	SANDBOX_REFUSE("clone3", ENOSYS),
	SANDBOX_ALLOW("set_robust_list"),
	SANDBOX_ALLOW("wait4|waitid"),
	SANDBOX_ALLOW_IF("kill", 1, SANDBOX_INT, SIGKILL),
	SANDBOX_ALLOW("getpid"),
	/* Who is the master, if not root? */
	SANDBOX_ALLOW("geteuid"),
	SANDBOX_ALLOW("getrandom"),
	SANDBOX_ALLOW("getsockopt"),
	SANDBOX_ALLOW("pread64"),
	SANDBOX_ALLOW("read"),
	SANDBOX_ALLOW("write"),
	/* From the master, which may pass descriptors. */
	SANDBOX_ALLOW("recvmsg"),
	SANDBOX_ALLOW("futex|futex_time64"),
	SANDBOX_ALLOW("clock_gettime|clock_gettime64"),
	SANDBOX_ALLOW("nanosleep|clock_nanosleep|clock_nanosleep_time64"),
	/* What one of these was doing when the process was stopped. */
	SANDBOX_ALLOW("restart_syscall"),

	/* malloc(3), and mapping files, but never memory that can be written
	 * and executed. */
	SANDBOX_ALLOW("brk"),
	SANDBOX_ALLOW_IF("mmap|mmap2", 2, PROT_WRITE | PROT_EXEC, 0),
	SANDBOX_ALLOW_IF("mmap|mmap2", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE),
	SANDBOX_ALLOW_IF("mmap|mmap2", 2, PROT_WRITE | PROT_EXEC, PROT_EXEC),
	SANDBOX_ALLOW_IF("mprotect", 2, PROT_EXEC, 0),
	SANDBOX_ALLOW("mremap"),
	SANDBOX_ALLOW("munmap"),
	SANDBOX_ALLOW("madvise"),

	/* To abort, as the C library does when it finds damage. */
	SANDBOX_ALLOW("rt_sigprocmask"),
	SANDBOX_ALLOW("gettid"),
	SANDBOX_ALLOW_IF("tgkill", 2, SANDBOX_INT, SIGABRT),
#ifdef SANDBOX_OTHER_LIBC
	SANDBOX_ALLOW_IF("tkill", 1, SANDBOX_INT, SIGABRT),
#endif
	SANDBOX_ALLOW_IF("writev", 0, SANDBOX_INT, STDERR_FILENO),

	/* Executing itself again, and nothing else. */
	SANDBOX_ALLOW_IF_BOTH("execveat", 0, SANDBOX_INT, CHANNEL_PROGRAM_FD, 4,
	    SANDBOX_INT, AT_EMPTY_PATH),
	SANDBOX_ALLOW("fcntl|fcntl64"),
	/* The start of a program and of acceptor_main().  The filter is there
	 * already, and the worker's is added to it. */
	SANDBOX_REFUSE("execve", EACCES),
	{ "seccomp", EALREADY, 1, { { 0, SANDBOX_INT, SANDBOX_MARK } } },
	SANDBOX_ALLOW_IF("seccomp", 0, SANDBOX_INT, SECCOMP_SET_MODE_FILTER),
	PRCTL(PR_SET_NAME),
	PRCTL(PR_SET_NO_NEW_PRIVS),
	PRCTL(PR_GET_DUMPABLE),
	PRCTL(PR_SET_DUMPABLE),
	SANDBOX_ALLOW("rt_sigaction"),
	SANDBOX_ALLOW("signalfd4"),
	SANDBOX_ALLOW("sched_setscheduler"),
	SANDBOX_ALLOW("umask"),
	SANDBOX_ALLOW("dup2|dup3"),
	SANDBOX_ALLOW_IF("openat", 2, O_CREAT | O_TRUNC, 0),
	SANDBOX_ALLOW_IF("open", 1, O_CREAT | O_TRUNC, 0),
	SANDBOX_ALLOW("fstat|fstat64|newfstatat|fstatat64|statx|stat|stat64"),
	SANDBOX_ALLOW("lseek|_llseek"),
	SANDBOX_ALLOW("access|faccessat|faccessat2"),
	SANDBOX_ALLOW("readlink|readlinkat"),
	SANDBOX_ALLOW("readv"),
	SANDBOX_ALLOW("prlimit64|ugetrlimit|getrlimit"),
	SANDBOX_ALLOW("set_tid_address"),
	SANDBOX_ALLOW("rseq"),
	SANDBOX_ALLOW("uname"),
	SANDBOX_ALLOW("arch_prctl|set_tls|set_thread_area|riscv_flush_icache"),
	SANDBOX_REFUSE("riscv_hwprobe", ENOSYS),
};

const struct sandbox_list sandbox_acceptor = { rules,
	sizeof(rules) / sizeof(rules[0]) };
