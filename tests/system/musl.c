/*
 * musl: calls in the filter of each role what the role calls, with another C
 * library.  It is linked with no more than common/sandbox.c, since the libraries
 * that kvd needs may not be there for musl.  Whether the calls succeed does not
 * matter, only that none is a violation.
 */

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/sandbox.h"

#define FILTER_SIZE (SANDBOX_COUNT_MAX * SANDBOX_INSTRUCTION)
#define LARGE ((size_t)64 << 20)
/* The end of a role that has done all. */
#define DONE 42

static const struct sockaddr_un nowhere = { AF_UNIX, "/nonexistent" };
static const struct timespec moment = { 0, 1000 };
static int epoll_fd; /* of the registry, opened before */

static void
report(int number)
{
	char text[64];
	int n =
	    snprintf(text, sizeof(text), "violation: system call %d\n", number);

	(void)!write(STDERR_FILENO, text, (size_t)n);
}

static struct sandbox_filter
read_filter(const char *name)
{
	struct sandbox_filter filter;
	char *code = malloc(FILTER_SIZE);
	FILE *f = fopen(name, "r");

	if (code == NULL || f == NULL)
		err(1, "%s", name);
	filter.count =
	    (uint16_t)fread(code, SANDBOX_INSTRUCTION, SANDBOX_COUNT_MAX, f);
	filter.code = code;
	(void)fclose(f);
	return filter;
}

static void
use_memory(void)
{
	size_t size;
	char *p = NULL;

	for (size = 1; size <= LARGE; size *= 2) {
		if ((p = realloc(p, size)) == NULL)
			_exit(1);
		memset(p, 'x', size);
	}
	while ((size /= 2) > 1)
		p = realloc(p, size);
	free(p);
}

static void
use_log(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)!write(STDERR_FILENO, "", 0);
}

static void
use_socket(int type)
{
	const struct timeval timeout = { 1, 0 };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char byte = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
	    sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
	    sizeof(timeout));
	(void)connect(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere));
	(void)ppoll(&pfd, 1, &moment, NULL);
	(void)send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)recv(fd, &byte, 1, MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	(void)close(fd);
}

static void
run_worker(void)
{
	struct sandbox_filter filter = read_filter("worker");

	if (sandbox_narrow(&filter) == -1)
		_exit(1);
	use_socket(SOCK_STREAM);
	use_memory();
	use_log();
	exit(DONE);
}

/* What comes from the master or from syslogd. */
static void
use_channel(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	(void)connect(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere));
	(void)ppoll(&pfd, 1, &moment, NULL);
	(void)recvmsg(fd, &m, MSG_DONTWAIT);
	(void)recv(fd, &byte, 1, MSG_DONTWAIT);
	(void)send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void
run_acceptor(void)
{
	int status, fd;
	pid_t pid;

	if ((pid = fork()) == 0)
		run_worker();
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != DONE)
		errx(1, "worker: wait status %x", (unsigned int)status);
	(void)kill(0x7ffffff, SIGKILL);
	(void)accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)dup2(fd, fd);
	(void)fcntl(fd, F_GETFD);
	(void)close(fd);
	(void)nanosleep(&moment, NULL);
	(void)getentropy(&fd, sizeof(fd));
	use_channel();
	use_memory();
	use_log();
	exit(DONE);
}

static void
use_file(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char block[4096] = "";
	struct statvfs vfs;
	struct stat st;
	void *at;

	(void)!write(fd, block, sizeof(block));
	(void)!pwrite(fd, block, sizeof(block), sizeof(block));
	(void)!pread(fd, block, 1, 0);
	(void)lseek(fd, 0, SEEK_SET);
	(void)!read(fd, block, 1);
	(void)fstat(fd, &st);
	(void)fstatat(fd, "file", &st, 0);
	(void)fstatat(AT_FDCWD, "/", &st, AT_SYMLINK_NOFOLLOW);
	(void)fstatvfs(fd, &vfs);
	(void)!ftruncate(fd, 2 * sizeof(block));
	(void)fallocate(fd, 0, 0, 4 * sizeof(block));
	(void)fdatasync(fd);
	(void)fsync(fd);
	(void)flock(fd, LOCK_SH | LOCK_NB);
	(void)fcntl(fd, F_SETLK, &lock);
	at = mmap(NULL, sizeof(block), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	(void)msync(at, sizeof(block), MS_SYNC);
	(void)madvise(at, sizeof(block), MADV_WILLNEED);
	(void)munmap(at, sizeof(block));
	(void)nanosleep(&moment, NULL);
	(void)getpid();
	(void)close(fd);
	use_memory();
	use_log();
}

static void
run_registry(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	use_file();
	use_channel();
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	(void)epoll_wait(epoll_fd, &event, 1, 0);
	(void)accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
	(void)shutdown(STDIN_FILENO, SHUT_WR);
	exit(DONE);
}

static void
run_checkpointer(void)
{
	use_file();
	use_channel();
	exit(DONE);
}

static void
ignore(int signo)
{
	(void)signo;
}

static void
run_maintain(void)
{
	const struct itimerval timer = { { 0, 0 }, { 0, 1000 } };
	const struct timespec pause = { 0, 5000000 };
	char name[] = "kvd.XXXXXX", target[16];
	struct stat st;
	int fd;

	(void)signal(SIGALRM, ignore);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
	(void)nanosleep(&pause, NULL);
	use_file();
	(void)!readlinkat(AT_FDCWD, "none", target, sizeof(target));
	(void)rename("file", "other");
	(void)!link("other", "file");
	(void)unlink("other");
	(void)unlinkat(AT_FDCWD, "file", 0);
	(void)lstat("file", &st);
	fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)syncfs(fd);
	(void)close(fd);
	fd = mkostemp(name, O_CLOEXEC);
	(void)close(fd);
	(void)isatty(STDERR_FILENO);
	(void)seteuid(getuid() == 0 ? 0 : geteuid());
	(void)time(NULL);
	(void)puts("");
	(void)fflush(stdout);
	exit(DONE);
}

/* Runs this in the filter of a role, and expects that end. */
static int
try(const char *name, void (*run)(void), const char *what, int want)
{
	struct sandbox_filter filter;
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		filter = read_filter(name);
		(void)freopen("/dev/null", "w", stdout);
		if (sandbox_enter(&filter, report) == -1)
			err(1, "sandbox");
		run();
		_exit(1);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (status == want) {
		printf("%s: %s: ok\n", name, what);
		return 0;
	}
	printf("%s: %s: wait status %x, not %x\n", name, what,
	    (unsigned int)status, (unsigned int)want);
	return 1;
}

int
main(void)
{
	const int done = DONE << 8;
	int bad = 0;

	(void)setvbuf(stdout, NULL, _IONBF, 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bad += try("acceptor", run_acceptor, "works, and its worker", done);
	bad += try("registry", run_registry, "works", done);
	bad += try("checkpointer", run_checkpointer, "works", done);
	bad += try("maintain", run_maintain, "works", done);
	bad += try("acceptor", abort, "aborts", SIGABRT);
	bad += try("registry", abort, "aborts", SIGABRT);
	bad += try("maintain", abort, "aborts", SIGABRT);
	return bad == 0 ? 0 : 1;
}
