/*
 * fault: which call of which process fails, and how.  The program and the shim
 * that is loaded into each process of kvd share one page of memory, which says
 * that.
 */

#ifndef FAULTS_FAULT_H
#define FAULTS_FAULT_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The environment variable that names the file with the page. */
#define FAULT_ENVIRONMENT "KVD_FAULTS"
/* In place of an errno: half of the bytes are read or written. */
#define FAULT_SHORT (-1)
#define FAULT_ERRORS_MAX 5

enum fault_role {
	FAULT_MASTER,
	FAULT_CHECKPOINTER,
	FAULT_REGISTRY,
	FAULT_ACCEPTOR,
	FAULT_WORKER,
	FAULT_ROLES
};

/*
 * The calls, and with what each may fail.  Each stands for its variants, too:
 * open for openat, for instance.  Errors that say only that the program is
 * wrong, such as EBADF, are left out: nothing can be done about them.  So is
 * wait4(2), which always finds a child that has ended.
 */
#define FAULT_CALLS(X)                                           \
	X(malloc, ENOMEM)                                        \
	X(calloc, ENOMEM)                                        \
	X(realloc, ENOMEM)                                       \
	X(posix_memalign, ENOMEM)                                \
	X(mmap, ENOMEM)                                          \
	X(open, EMFILE, ENFILE, ENOMEM, EACCES, EIO)             \
	X(opendir, EMFILE, ENOMEM)                               \
	X(pread, EIO, EINTR, FAULT_SHORT)                        \
	X(read, EIO, EINTR)                                      \
	X(pwrite, EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT)       \
	X(pwritev, EIO, ENOSPC, FAULT_SHORT)                     \
	X(write, EIO, ENOSPC, EINTR, FAULT_SHORT)                \
	X(writev, EIO, ENOSPC, FAULT_SHORT)                      \
	X(fdatasync, EIO, ENOSPC, EDQUOT)                        \
	X(fsync, EIO, ENOSPC)                                    \
	X(syncfs, EIO)                                           \
	X(msync, EIO)                                            \
	X(ftruncate, EIO, ENOSPC, EINTR)                         \
	X(fallocate, EIO, ENOSPC, EINTR, EOPNOTSUPP)             \
	X(lseek, EIO)                                            \
	X(fstat, EIO, ENOMEM)                                    \
	X(fstatat, EIO, EACCES)                                  \
	X(fstatfs, EIO)                                          \
	X(flock, ENOLCK, EINTR)                                  \
	X(fcntl, ENOLCK, EMFILE)                                 \
	X(mkdirat, ENOSPC, EACCES)                               \
	X(renameat, ENOSPC, EIO)                                 \
	X(unlinkat, EIO, EACCES)                                 \
	X(close, EIO, EINTR)                                     \
	X(dup2, EINTR, EBUSY)                                    \
	X(fchdir, EACCES)                                        \
	X(ioctl, ENOTTY)                                         \
	X(socket, EMFILE, ENOBUFS, EACCES)                       \
	X(socketpair, EMFILE, ENOBUFS)                           \
	X(bind, EADDRINUSE, ENOBUFS)                             \
	X(listen, EADDRINUSE)                                    \
	X(connect, EAGAIN, ECONNREFUSED, EINTR)                  \
	X(accept4, EMFILE, ENFILE, ENOBUFS, ECONNABORTED, EINTR) \
	X(recv, ECONNRESET, ENOMEM, EINTR, FAULT_SHORT)          \
	X(send, ECONNRESET, ENOBUFS, EINTR, FAULT_SHORT)         \
	X(sendmsg, EPIPE, ENOBUFS)                               \
	X(recvmsg, ENOMEM, EINTR)                                \
	X(setsockopt, ENOMEM, ENOBUFS)                           \
	X(getsockopt, ENOBUFS)                                   \
	X(getsockname, ENOBUFS)                                  \
	X(shutdown, ENOTCONN)                                    \
	X(epoll_create1, EMFILE, ENOMEM)                         \
	X(epoll_ctl, ENOMEM, ENOSPC)                             \
	X(epoll_wait, EINTR)                                     \
	X(ppoll, ENOMEM, EINTR)                                  \
	X(signalfd, EMFILE, ENODEV)                              \
	X(memfd_create, EMFILE, ENOMEM)                          \
	X(pipe2, EMFILE)                                         \
	X(fork, EAGAIN, ENOMEM)                                  \
	X(fexecve, ENOMEM, EACCES)                               \
	X(kill, EPERM)                                           \
	X(prctl, EINVAL)                                         \
	X(setrlimit, EPERM)                                      \
	X(sched_setscheduler, EPERM)                             \
	X(getentropy, ENOSYS)                                    \
	X(clock_gettime, EINVAL)

#define FAULT_ENUM(name, ...) FAULT_CALL_##name,
enum fault_call {
	FAULT_CALLS(FAULT_ENUM) FAULT_CALL_COUNT
};
#undef FAULT_ENUM

/* One fault. */
struct fault {
	enum fault_role role;
	enum fault_call call;
	int error; /* an errno, or FAULT_SHORT */
	bool lasts; /* all calls from this one on fail, until it has gone */
	uint64_t n; /* the n-th call of all processes of this role */
};

struct fault_page {
	struct fault fault;
	atomic_bool armed; /* `fault` is valid */
	atomic_uint hits; /* how often a call has failed */
	atomic_ullong calls[FAULT_ROLES][FAULT_CALL_COUNT];
	/* The first call that failed: where in which program or library. */
	char file[96];
	uint64_t offset;
	pid_t pid;
};

extern const char *const fault_role_names[FAULT_ROLES];
extern const char *const fault_call_names[FAULT_CALL_COUNT];
/* The errors of each call; 0 ends them. */
extern const int fault_errors[FAULT_CALL_COUNT][FAULT_ERRORS_MAX + 1];

/* "EIO", or "SHORT", and back.  Returns 0 if there is no such error. */
const char *fault_error_name(int error);
int fault_error_number(const char *name);

#endif
