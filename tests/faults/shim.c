/*
 * shim: is loaded into each process of kvd (LD_PRELOAD), and lets the calls
 * fail that the page names.  It counts all calls, so that the program knows
 * which there are.
 *
 * kvd has its sandbox meanwhile: what kvd does when a call has failed has to be
 * allowed, too, and so has the little that the shim itself does.
 *
 * Writes to standard error are left alone: its lines show what kvd makes of a
 * fault.  The C library's own calls are not seen, but for those of memory.
 */

/* The checked variants of functions would conflict with those defined here. */
#undef _FORTIFY_SOURCE

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "faults/fault.h"

/* Global, since system calls have no argument for it. */
static struct {
	struct fault_page *page; /* NULL: nothing fails */
	enum fault_role role;
	pid_t pid; /* a worker may not ask for it */
	char program[4096];
} shim;

static const struct {
	const char *program;
	enum fault_role role;
} programs[] = {
	{ "kvd", FAULT_MASTER },
	{ "kvd-checkpointer", FAULT_CHECKPOINTER },
	{ "kvd-registry", FAULT_REGISTRY },
	{ "kvd-acceptor", FAULT_ACCEPTOR },
};

static struct fault_page *
map_page(void)
{
	const char *path = getenv(FAULT_ENVIRONMENT);
	void *page;
	long fd;

	if (path == NULL ||
	    (fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC)) < 0)
		return NULL;
	page = mmap(NULL, sizeof(struct fault_page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, (int)fd, 0);
	(void)syscall(SYS_close, fd);
	return page == MAP_FAILED ? NULL : page;
}

/* Which program is this?  Its descriptor may have been executed, so that
 * neither argv nor the environment says. */
__attribute__((constructor)) static void
load(void)
{
	const char *name;
	size_t i;

	shim.pid = (pid_t)syscall(SYS_getpid);
	(void)readlink("/proc/self/exe", shim.program,
	    sizeof(shim.program) - 1);
	name = strrchr(shim.program, '/');
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (name != NULL &&
		    strcmp(name + 1, programs[i].program) == 0) {
			shim.role = programs[i].role;
			shim.page = map_page();
		}
}

static void
note_hit(struct fault_page *p, void *from)
{
	const char *name;
	Dl_info info;

	if (atomic_fetch_add(&p->hits, 1) > 0)
		return;
	p->pid = shim.pid;
	if (dladdr(from, &info) == 0)
		return;
	/* The name of the program itself is its title. */
	name = strrchr(info.dli_fname, '/');
	if (name == NULL || strstr(name, ".so") == NULL)
		name = strrchr(shim.program, '/');
	(void)strncpy(p->file, name + 1, sizeof(p->file) - 1);
	p->offset = (uint64_t)((char *)from - (char *)info.dli_fbase);
}

/* kvd reserves the memory that libseccomp will use. */
static bool
is_reserved(void *from)
{
	Dl_info info;

	return dladdr(from, &info) != 0 &&
	    strstr(info.dli_fname, "libseccomp") != NULL;
}

/* Returns 0 if the call shall succeed, or else the error, and sets errno. */
static int
check(enum fault_call call, void *from)
{
	struct fault_page *p = shim.page;
	uint64_t n;

	if (p == NULL)
		return 0;
	n = 1 + atomic_fetch_add(&p->calls[shim.role][call], 1);
	if (!atomic_load(&p->armed) || p->fault.role != shim.role ||
	    p->fault.call != call || n < p->fault.n ||
	    (n > p->fault.n && !p->fault.lasts) || is_reserved(from))
		return 0;
	note_hit(p, from);
	errno = p->fault.error;
	return p->fault.error;
}

/* A connection that is reset is at its end for both.  The checkpointer may not
 * call shutdown(2); both its sockets are open elsewhere, too. */
static void
reset(int fd, int error)
{
	if ((error == ECONNRESET || error == EPIPE) &&
	    shim.role != FAULT_CHECKPOINTER)
		(void)syscall(SYS_shutdown, fd, SHUT_RDWR);
	errno = error;
}

#define FAILS(name) check(FAULT_CALL_##name, __builtin_return_address(0))

#define REAL(name, type)                                \
	static __typeof__(type) *real;                  \
	void *symbol;                                   \
                                                        \
	if (real == NULL) {                             \
		symbol = dlsym(RTLD_NEXT, name);        \
		memcpy(&real, &symbol, sizeof(symbol)); \
	}

/* A function `name` that fails as `call` does. */
#define VARIANT(call, type, name, params, args, failed) \
	type name params                                \
	{                                               \
		REAL(#name, type params)                \
                                                        \
		if (FAILS(call) != 0)                   \
			return failed;                  \
		return real args;                       \
	}
#define FAULTY(type, name, params, args) \
	VARIANT(name, type, name, params, args, (type)-1)

/* A function that transfers `size` bytes, or half of them. */
#define TRANSFER(call, name, params, args)              \
	ssize_t name params                             \
	{                                               \
		REAL(#name, ssize_t params)             \
		int error = skip(fd) ? 0 : FAILS(call); \
                                                        \
		if (error > 0) {                        \
			reset(fd, error);               \
			return -1;                      \
		}                                       \
		if (error == FAULT_SHORT && size > 1)   \
			size /= 2;                      \
		return real args;                       \
	}

static bool
skip(int fd)
{
	return fd == STDERR_FILENO;
}

/* Memory */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *
malloc(size_t size)
{
	return FAILS(malloc) != 0 ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return FAILS(calloc) != 0 ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return FAILS(realloc) != 0 ? NULL : __libc_realloc(old, size);
}

VARIANT(posix_memalign, int, posix_memalign,
    (void **p, size_t alignment, size_t size), (p, alignment, size), ENOMEM)
FAULTY(void *, mmap,
    (void *at, size_t size, int rights, int flags, int fd, off_t from),
    (at, size, rights, flags, fd, from))

/* Files */

static mode_t
mode_of(int flags, va_list args)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	REAL("open", int(const char *, int, ...))
	mode_t mode;
	va_list args;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return FAILS(open) != 0 ? -1 : real(path, flags, mode);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
	REAL("openat", int(int, const char *, int, ...))
	mode_t mode;
	va_list args;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return FAILS(open) != 0 ? -1 : real(dirfd, path, flags, mode);
}

VARIANT(opendir, DIR *, opendir, (const char *path), (path), NULL)
VARIANT(opendir, DIR *, fdopendir, (int fd), (fd), NULL)

TRANSFER(pread, pread, (int fd, void *to, size_t size, off_t at),
    (fd, to, size, at))
TRANSFER(read, read, (int fd, void *to, size_t size), (fd, to, size))
TRANSFER(pwrite, pwrite, (int fd, const void *from, size_t size, off_t at),
    (fd, from, size, at))
TRANSFER(write, write, (int fd, const void *from, size_t size),
    (fd, from, size))

/* The first of several pieces is the shorter part of all. */
ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	REAL("pwritev", ssize_t(int, const struct iovec *, int, off_t))
	int error = FAILS(pwritev);

	if (error > 0)
		return -1;
	return real(fd, iov, error == FAULT_SHORT && n > 1 ? n / 2 : n, at);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	REAL("writev", ssize_t(int, const struct iovec *, int))
	int error = skip(fd) ? 0 : FAILS(writev);

	if (error > 0)
		return -1;
	return real(fd, iov, error == FAULT_SHORT && n > 1 ? n / 2 : n);
}

FAULTY(int, fdatasync, (int fd), (fd))
FAULTY(int, fsync, (int fd), (fd))
FAULTY(int, syncfs, (int fd), (fd))
FAULTY(int, msync, (void *at, size_t size, int flags), (at, size, flags))
FAULTY(int, ftruncate, (int fd, off_t size), (fd, size))
FAULTY(int, fallocate, (int fd, int mode, off_t at, off_t size),
    (fd, mode, at, size))
FAULTY(off_t, lseek, (int fd, off_t at, int from), (fd, at, from))
FAULTY(int, fstat, (int fd, struct stat *st), (fd, st))
VARIANT(fstatat, int, stat, (const char *path, struct stat *st), (path, st), -1)
VARIANT(fstatat, int, lstat, (const char *path, struct stat *st), (path, st),
    -1)
FAULTY(int, fstatat, (int fd, const char *path, struct stat *st, int flags),
    (fd, path, st, flags))
FAULTY(int, fstatfs, (int fd, struct statfs *st), (fd, st))
FAULTY(int, flock, (int fd, int how), (fd, how))
FAULTY(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
FAULTY(int, renameat, (int fd, const char *from, int to_fd, const char *to),
    (fd, from, to_fd, to))
FAULTY(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
VARIANT(unlinkat, int, unlink, (const char *path), (path), -1)
FAULTY(int, dup2, (int from, int to), (from, to))
FAULTY(int, fchdir, (int fd), (fd))

/* A descriptor is closed even if close(2) fails. */
int
close(int fd)
{
	REAL("close", int(int))
	int error = FAILS(close), rc = real(fd);

	if (error != 0)
		errno = error;
	return error != 0 ? -1 : rc;
}

/* A descriptor, or a lock; the flags of a descriptor can always be read. */
static bool
takes_something(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ||
	    command == F_SETLK || command == F_SETLKW || command == F_ADD_SEALS;
}

int
fcntl(int fd, int command, ...)
{
	REAL("fcntl", int(int, int, ...))
	void *arg;
	va_list args;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (takes_something(command) && FAILS(fcntl) != 0)
		return -1;
	return real(fd, command, arg);
}

int
ioctl(int fd, unsigned long request, ...)
{
	REAL("ioctl", int(int, unsigned long, ...))
	void *arg;
	va_list args;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	return FAILS(ioctl) != 0 ? -1 : real(fd, request, arg);
}

/* Sockets */

FAULTY(int, socket, (int family, int type, int protocol),
    (family, type, protocol))
FAULTY(int, socketpair, (int family, int type, int protocol, int fds[2]),
    (family, type, protocol, fds))
FAULTY(int, bind, (int fd, const struct sockaddr *to, socklen_t size),
    (fd, to, size))
FAULTY(int, listen, (int fd, int backlog), (fd, backlog))
FAULTY(int, connect, (int fd, const struct sockaddr *to, socklen_t size),
    (fd, to, size))
FAULTY(int, accept4,
    (int fd, struct sockaddr *from, socklen_t *size, int flags),
    (fd, from, size, flags))

/* The peer of a Unix socket has a pid.  The checkpointer, which has no others,
 * may not ask. */
static bool
is_local(int fd)
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);

	return shim.role == FAULT_CHECKPOINTER ||
	    (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer,
		 &size) == 0 &&
		peer.pid != 0);
}

/* What a process has sent over a Unix socket before it died can still be read.
 * The clients of the load take it for granted that nothing of theirs is executed
 * after the end of their connection, so what they have sent is thrown away. */
ssize_t
recv(int fd, void *to, size_t size, int flags)
{
	REAL("recv", ssize_t(int, void *, size_t, int))
	int error = FAILS(recv);
	ssize_t n;

	if (error == FAULT_SHORT && size > 1)
		size /= 2;
	if (error <= 0)
		return real(fd, to, size, flags);
	reset(fd, error);
	if (error == ECONNRESET && is_local(fd) &&
	    (n = real(fd, to, size, flags | MSG_DONTWAIT)) > 0)
		return n;
	errno = error;
	return -1;
}

TRANSFER(send, send, (int fd, const void *from, size_t size, int flags),
    (fd, from, size, flags))
TRANSFER(send, sendto,
    (int fd, const void *from, size_t size, int flags,
	const struct sockaddr *to, socklen_t to_size),
    (fd, from, size, flags, to, to_size))
ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL("sendmsg", ssize_t(int, const struct msghdr *, int))
	int error = FAILS(sendmsg);

	if (error == 0)
		return real(fd, m, flags);
	reset(fd, error);
	return -1;
}
FAULTY(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
FAULTY(int, setsockopt,
    (int fd, int level, int name, const void *value, socklen_t size),
    (fd, level, name, value, size))
FAULTY(int, getsockopt,
    (int fd, int level, int name, void *value, socklen_t *size),
    (fd, level, name, value, size))
FAULTY(int, getsockname, (int fd, struct sockaddr *name, socklen_t *size),
    (fd, name, size))
FAULTY(int, shutdown, (int fd, int how), (fd, how))
FAULTY(int, epoll_create1, (int flags), (flags))
FAULTY(int, epoll_wait,
    (int fd, struct epoll_event *events, int n, int timeout_ms),
    (fd, events, n, timeout_ms))
FAULTY(int, signalfd, (int fd, const sigset_t *mask, int flags),
    (fd, mask, flags))

/* Without descriptors it is a sleep, which needs no memory. */
int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	REAL("ppoll",
	    int(struct pollfd *, nfds_t, const struct timespec *,
		const sigset_t *))

	if (n > 0 && !(n == 1 && skip(fds[0].fd)) && FAILS(ppoll) != 0)
		return -1;
	return real(fds, n, timeout, mask);
}

/* Only to add a descriptor takes memory. */
int
epoll_ctl(int fd, int op, int on, struct epoll_event *event)
{
	REAL("epoll_ctl", int(int, int, int, struct epoll_event *))

	if (op == EPOLL_CTL_ADD && FAILS(epoll_ctl) != 0)
		return -1;
	return real(fd, op, on, event);
}

/* Processes */

FAULTY(int, memfd_create, (const char *name, unsigned int flags), (name, flags))
FAULTY(int, pipe2, (int fds[2], int flags), (fds, flags))
FAULTY(int, fexecve, (int fd, char *const argv[], char *const env[]),
    (fd, argv, env))
FAULTY(int, kill, (pid_t pid, int signo), (pid, signo))
FAULTY(int, setrlimit,
    (__rlimit_resource_t resource, const struct rlimit *limit),
    (resource, limit))
FAULTY(int, sched_setscheduler,
    (pid_t pid, int policy, const struct sched_param *param),
    (pid, policy, param))
FAULTY(int, getentropy, (void *to, size_t size), (to, size))
FAULTY(int, clock_gettime, (clockid_t id, struct timespec *time), (id, time))

/* What an acceptor has forked is a worker. */
static pid_t
note_fork(pid_t pid)
{
	if (pid != 0)
		return pid;
	shim.pid = (pid_t)syscall(SYS_getpid);
	if (shim.role == FAULT_ACCEPTOR)
		shim.role = FAULT_WORKER;
	return 0;
}

pid_t
fork(void)
{
	REAL("fork", pid_t(void))

	return FAILS(fork) != 0 ? -1 : note_fork(real());
}

pid_t
_Fork(void)
{
	REAL("_Fork", pid_t(void))

	return FAILS(fork) != 0 ? -1 : note_fork(real());
}

int
prctl(int what, ...)
{
	REAL("prctl", int(int, ...))
	unsigned long arg[4];
	va_list args;
	int i;

	va_start(args, what);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(args, unsigned long);
	va_end(args);
	if (FAILS(prctl) != 0)
		return -1;
	return real(what, arg[0], arg[1], arg[2], arg[3]);
}
