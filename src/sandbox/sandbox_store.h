/*
 * What those who work on the files of the store may do alike: the registry, the
 * checkpointer and kvd-maintain.  Only for the lists of these three.
 */

#ifndef SANDBOX_SANDBOX_STORE_H
#define SANDBOX_SANDBOX_STORE_H

#include <sys/mman.h>
#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include "sandbox/sandbox_compile.h"

/* clang-format off */
/* The registry and the checkpointer. */
#define SANDBOX_CHILD_RULES \
	/* The master, each other, and syslogd. */ \
	SANDBOX_ALLOW("recvfrom|recv"), \
	SANDBOX_ALLOW("sendto|send"), \
	SANDBOX_ALLOW("recvmsg"), \
	SANDBOX_ALLOW("ppoll|ppoll_time64"), \
	SANDBOX_ALLOW("connect"), \
	SANDBOX_ALLOW_IF("socket", 0, SANDBOX_INT, AF_UNIX), \
	SANDBOX_STORE_RULES

/* All three: the files of the store, with LMDB. */
#define SANDBOX_STORE_RULES \
	SANDBOX_ALLOW("close"), \
	SANDBOX_ALLOW("read"), \
	SANDBOX_ALLOW("write"), \
	SANDBOX_ALLOW("clock_gettime|clock_gettime64"), \
	SANDBOX_ALLOW("exit_group"), \
	SANDBOX_ALLOW("getpid"), \
	SANDBOX_ALLOW("pread64"), \
	SANDBOX_ALLOW("pwrite64"), \
	SANDBOX_ALLOW("writev"), \
	SANDBOX_ALLOW("fdatasync"), \
	SANDBOX_ALLOW("fsync"), \
	SANDBOX_ALLOW("lseek|_llseek"), \
	SANDBOX_ALLOW("fallocate"), \
	SANDBOX_ALLOW("ftruncate|ftruncate64"), \
	SANDBOX_ALLOW("openat"), \
	SANDBOX_ALLOW("open"), \
	SANDBOX_ALLOW("fstat|fstat64|newfstatat|fstatat64|statx"), \
	SANDBOX_ALLOW("fstatfs|fstatfs64"), \
	SANDBOX_ALLOW("fcntl|fcntl64"), \
	SANDBOX_ALLOW("flock"), \
	SANDBOX_ALLOW("msync"), \
	SANDBOX_ALLOW("getrandom"), \
	SANDBOX_ALLOW("futex|futex_time64"), \
	SANDBOX_ALLOW("nanosleep|clock_nanosleep|clock_nanosleep_time64"), \
	/* What one of these was doing when the process was stopped. */ \
	SANDBOX_ALLOW("restart_syscall"), \
	/* qsort(3) asks how much memory there is. */ \
	SANDBOX_ALLOW("sysinfo"), \
	/* malloc(3), and mappings, none of which can be executed. */ \
	SANDBOX_ALLOW("brk"), \
	SANDBOX_ALLOW_IF("mmap|mmap2", 2, PROT_EXEC, 0), \
	SANDBOX_ALLOW_IF("mprotect", 2, PROT_EXEC, 0), \
	SANDBOX_ALLOW("mremap"), \
	SANDBOX_ALLOW("munmap"), \
	SANDBOX_ALLOW("madvise"), \
	/* To abort, as LMDB and the C library do. */ \
	SANDBOX_ALLOW("rt_sigprocmask"), \
	SANDBOX_ALLOW("gettid"), \
	SANDBOX_ALLOW_IF("tgkill", 2, SANDBOX_INT, SIGABRT) \
	SANDBOX_STORE_OTHER_LIBC

#ifdef SANDBOX_OTHER_LIBC
/* To abort, and for fstatat(3) of a path from the root. */
#define SANDBOX_STORE_OTHER_LIBC \
	, SANDBOX_ALLOW_IF("tkill", 1, SANDBOX_INT, SIGABRT), \
	SANDBOX_ALLOW("stat|stat64|lstat|lstat64")
#else
#define SANDBOX_STORE_OTHER_LIBC
#endif
/* clang-format on */

#endif
