/*
 * check_sandbox: these tests try system calls from inside the sandbox of each
 * role, each in a process of its own (common/sandbox, sandbox/).  What the
 * roles need, the integration tests show: all of them run with the sandbox.
 */

#include "unit.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/sandbox.h"
#include "common/syscall_name.h"
#include "sandbox/sandbox_compile.h"

#ifdef HAVE_SECCOMP

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <seccomp.h>

/* Of the worker's system calls, which doc/architecture.md promises. */
#define WORKER_MAX 15
/* Longer than any child takes. */
#define CHILD_S 20
/* By which a limit of memory grows, in bytes. */
#define MEMORY_STEP 16384

enum {
	WORKER = 0x1,
	ACCEPTOR = 0x2,
	REGISTRY = 0x4,
	CHECKPOINTER = 0x8,
	MAINTAIN = 0x10,
	ALL = WORKER | ACCEPTOR | REGISTRY | CHECKPOINTER | MAINTAIN
};

static const struct role {
	const char *name;
	int bit;
	const struct sandbox_list *list, *narrower;
} roles[] = {
	{ "worker", WORKER, &sandbox_acceptor, &sandbox_worker },
	{ "acceptor", ACCEPTOR, &sandbox_acceptor, NULL },
	{ "registry", REGISTRY, &sandbox_registry, NULL },
	{ "checkpointer", CHECKPOINTER, &sandbox_checkpointer, NULL },
	{ "maintain", MAINTAIN, &sandbox_maintain, NULL },
};

/* What a child has seen; it shares this memory. */
static struct seen {
	int violations;
	int number; /* of the last violation */
	long result;
	int error;
} * seen;

static char error[SANDBOX_ERROR_SIZE];

static void
setup(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
}

static void
teardown(void)
{
	(void)munmap(seen, sizeof(*seen));
}

static void
note_violation(int number)
{
	seen->violations++;
	seen->number = number;
}

static struct sandbox_filter
compile(const struct sandbox_list *list)
{
	struct sandbox_filter filter = { NULL, 0 };

	if (list != NULL)
		ck_assert_msg(sandbox_compile(list, 0, &filter, error) == 0,
		    "%s", error);
	return filter;
}

/* This runs `run` in the sandbox of a role, and returns its wait status. */
static int
run_as(const struct role *role, void (*run)(const void *), const void *arg)
{
	struct sandbox_filter filter = compile(role->list);
	struct sandbox_filter narrower = compile(role->narrower);
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	if ((pid = test_fork()) == 0) {
		(void)alarm(CHILD_S);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (sandbox_enter(&filter, note_violation) == -1 ||
		    sandbox_narrow(&narrower) == -1)
			_exit(99);
		run(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	sandbox_free(&filter);
	sandbox_free(&narrower);
	return status;
}

/* These calls are forbidden to some roles.  With their arguments they would do
 * no harm if they were allowed. */

static char memory[8192] __attribute__((aligned(4096)));
static char no_file[] = "/dev/null", program[] = "/bin/true";
static char *no_arguments[] = { NULL };

#define AT(p) ((long)(uintptr_t)(p))

struct call {
	const char *name;
	int roles; /* that must not make it */
	long number;
	long arguments[6];
};

static const struct call forbidden[] = {
#define CALL(name) #name, ALL, SYS_##name
#define CALL_OF(name, roles) #name, roles, SYS_##name
	/* Other programs, other processes. */
	{ CALL_OF(execve, ALL & ~ACCEPTOR),
	    { AT(program), AT(no_arguments), AT(no_arguments) } },
	{ CALL(execveat),
	    { AT_FDCWD, AT(program), AT(no_arguments), AT(no_arguments), 0 } },
	{ CALL(execveat),
	    { 99, AT(""), AT(no_arguments), AT(no_arguments), AT_EMPTY_PATH } },
	{ CALL(ptrace), { PTRACE_ATTACH, 1 } },
	{ CALL(process_vm_readv), { 1 } },
	{ CALL(process_vm_writev), { 1 } },
	{ CALL(pidfd_open), { 1 } },
	{ CALL(pidfd_getfd), { -1 } },
	{ CALL(kcmp), { 1, 1 } },
	{ CALL(kill), { 1, 0 } },
	{ CALL_OF(kill, ALL & ~ACCEPTOR), { 0x7ffffff, SIGKILL } },
	{ CALL(tkill), { 0x7ffffff, SIGABRT } },
	{ CALL(tgkill), { 0x7ffffff, 0x7ffffff, SIGKILL } },
	{ CALL(rt_sigqueueinfo), { 0x7ffffff } },
	{ CALL_OF(clone, ALL & ~ACCEPTOR), { SIGCHLD } },
	{ CALL(clone), { CLONE_NEWUSER | SIGCHLD } },
	{ CALL(clone), { CLONE_VM | CLONE_THREAD | CLONE_SIGHAND } },
	{ CALL_OF(clone3, ALL & ~ACCEPTOR), { 0 } },
	{ CALL_OF(wait4, ALL & ~ACCEPTOR), { -1, 0, WNOHANG } },
	{ CALL(setns), { -1 } },
	{ CALL(unshare), { 0 } },
	{ CALL_OF(prlimit64, ALL & ~ACCEPTOR), { 1, RLIMIT_NOFILE } },
	{ CALL_OF(sched_setscheduler, ALL & ~ACCEPTOR), { 0x7ffffff } },
	{ CALL_OF(prctl, ALL & ~ACCEPTOR), { PR_GET_DUMPABLE } },
	{ CALL(prctl), { PR_SET_KEEPCAPS, 0 } },
	{ CALL(prctl), { PR_SET_SECCOMP, 99 } },
	{ CALL_OF(seccomp, ALL & ~ACCEPTOR), { SECCOMP_SET_MODE_FILTER } },
	{ CALL(seccomp), { SECCOMP_SET_MODE_STRICT, 1 } },
	/* Sockets to elsewhere. */
	{ CALL(socket), { AF_INET, SOCK_STREAM } },
	{ CALL_OF(socket, MAINTAIN), { AF_UNIX, SOCK_STREAM } },
	{ CALL_OF(connect, MAINTAIN), { -1 } },
	{ CALL_OF(sendto, MAINTAIN), { -1 } },
	{ CALL(socket), { AF_INET6, SOCK_DGRAM } },
	{ CALL(socket), { AF_NETLINK, SOCK_RAW } },
	{ CALL(socket), { AF_PACKET, SOCK_RAW } },
	{ CALL(socket), { AF_VSOCK, SOCK_STREAM } },
	{ CALL(socketpair), { AF_UNIX, SOCK_STREAM, 0, AT(memory) } },
	{ CALL(bind), { -1 } },
	{ CALL(listen), { -1 } },
	{ CALL_OF(accept4, ALL & ~(ACCEPTOR | REGISTRY)), { -1 } },
	/* Descriptors from others, and to them. */
	{ CALL(sendmsg), { -1, AT(memory) } },
	{ CALL_OF(recvmsg, WORKER | MAINTAIN), { -1, AT(memory) } },
	{ CALL(sendmmsg), { -1, AT(memory) } },
	{ CALL_OF(getsockopt, CHECKPOINTER | MAINTAIN), { -1 } },
	{ CALL_OF(getsockopt, WORKER), { -1, SOL_SOCKET, SO_ERROR } },
	{ CALL_OF(setsockopt, WORKER), { -1, SOL_SOCKET, SO_ATTACH_FILTER } },
	{ CALL(setsockopt), { -1, 6 } },
	/* Files. */
	{ CALL_OF(openat, WORKER), { AT_FDCWD, AT(no_file), O_RDONLY } },
	{ CALL_OF(openat, WORKER | ACCEPTOR),
	    { AT_FDCWD, AT(no_file), O_RDWR | O_CREAT } },
	{ CALL(openat2), { AT_FDCWD, AT(no_file) } },
	{ CALL(open_by_handle_at), { -1 } },
	{ CALL_OF(unlinkat, ALL & ~MAINTAIN), { -1, AT("") } },
	{ CALL_OF(renameat, ALL & ~MAINTAIN), { -1, AT(""), -1, AT("") } },
	{ CALL_OF(linkat, ALL & ~MAINTAIN), { -1, AT(""), -1, AT("") } },
	{ CALL(symlinkat), { AT(""), -1, AT("") } },
	{ CALL(mkdirat), { -1, AT("") } },
	{ CALL(mknodat), { -1, AT("") } },
	{ CALL(fchmod), { -1 } },
	{ CALL(fchmodat), { -1, AT("") } },
	{ CALL(fchown), { -1 } },
	{ CALL(fchownat), { -1, AT("") } },
	{ CALL(getdents64), { -1 } },
	{ CALL(chdir), { AT("") } },
	{ CALL(fchdir), { -1 } },
	{ CALL(chroot), { AT("") } },
	{ CALL(pivot_root), { AT(""), AT("") } },
	{ CALL(mount), { 0 } },
	{ CALL(umount2), { AT("") } },
	{ CALL(ioctl), { 0, TIOCSTI, AT("x") } },
	{ CALL(memfd_create), { 0 } },
	{ CALL(inotify_init1), { -1 } },
	{ CALL(fanotify_init), { -1 } },
	{ CALL(splice), { -1, 0, -1 } },
	{ CALL(sendfile), { -1, -1 } },
	{ CALL_OF(read, WORKER), { -1 } },
	{ CALL_OF(fcntl, WORKER), { 0, F_GETFD } },
	{ CALL(dup), { -1 } },
	{ CALL_OF(pwrite64, WORKER | ACCEPTOR), { -1 } },
	{ CALL_OF(pread64, WORKER), { -1 } },
	{ CALL_OF(write, WORKER), { 1 } },
	{ CALL_OF(writev, WORKER), { STDERR_FILENO } },
	{ CALL_OF(fdatasync, WORKER | ACCEPTOR), { -1 } },
	{ CALL_OF(ftruncate, WORKER | ACCEPTOR), { -1 } },
	{ CALL_OF(fallocate, WORKER | ACCEPTOR), { -1 } },
	/* Memory that can be executed. */
	{ CALL(mprotect), { AT(memory), 4096, PROT_READ | PROT_EXEC } },
	{ CALL(mprotect),
	    { AT(memory), 4096, PROT_READ | PROT_WRITE | PROT_EXEC } },
	{ CALL(pkey_mprotect), { AT(memory), 4096, PROT_READ, -1 } },
	{ CALL_OF(mprotect, WORKER), { AT(memory), 4096, PROT_READ } },
	{ CALL(mmap),
	    { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ CALL_OF(mmap, ALL & ~ACCEPTOR),
	    { 0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ CALL_OF(mmap, WORKER),
	    { 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1 } },
	{ CALL_OF(mmap, WORKER), { 0, 4096, PROT_READ, MAP_PRIVATE, 0 } },
	{ CALL(remap_file_pages), { AT(memory) } },
	{ CALL(personality), { 0xffffffff } },
	/* Rights. */
	{ CALL(setuid), { 0 } },
	{ CALL(setresuid), { -1, -1, -1 } },
	{ CALL(setresuid), { -1, 1, -1 } },
	{ CALL_OF(setresuid, ALL & ~MAINTAIN), { -1, 0, -1 } },
	{ CALL(setgroups), { -1 } },
	{ CALL(capset), { 0 } },
	{ CALL_OF(getpid, WORKER), { 0 } },
	{ CALL_OF(getrandom, WORKER), { AT(memory), 1 } },
	/* The more dangerous parts of the kernel. */
	{ CALL(bpf), { -1 } },
	{ CALL(userfaultfd), { -1 } },
	{ CALL(io_uring_setup), { 0 } },
	{ CALL(io_uring_enter), { -1 } },
	{ CALL(io_setup), { 0 } },
	{ CALL(perf_event_open), { 0, 0, 0, -1 } },
	{ CALL(add_key), { 0 } },
	{ CALL(request_key), { 0 } },
	{ CALL(keyctl), { -1 } },
	{ CALL(init_module), { 0 } },
	{ CALL(finit_module), { -1 } },
	{ CALL(delete_module), { 0 } },
	{ CALL(kexec_load), { -1, 99 } },
	{ CALL(reboot), { 0 } },
	{ CALL(swapon), { 0 } },
	{ CALL(acct), { -1 } },
	{ CALL(quotactl), { -1 } },
	{ CALL(syslog), { -1 } },
	{ CALL(settimeofday), { -1, -1 } },
	{ CALL(clock_settime), { -1 } },
	{ CALL(timer_create), { -1 } },
	{ CALL_OF(setitimer, ALL & ~MAINTAIN), { -1 } },
	{ CALL(shmget), { 0 } },
	{ CALL(msgget), { 0 } },
	{ CALL(vhangup), { 0 } },
	{ CALL_OF(restart_syscall, WORKER), { 0 } },
#undef CALL
#undef CALL_OF
};

static void
make_call(const void *arg)
{
	const struct call *c = arg;
	const long *a = c->arguments;

	seen->result = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	seen->error = errno;
}

static void
expect_violation(const struct role *role, const struct call *c)
{
	int status = run_as(role, make_call, c);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "%s: %s: status %x, result %ld, errno %d", role->name, c->name,
	    (unsigned int)status, seen->result, seen->error);
	ck_assert_int_eq(seen->violations, 1);
	ck_assert_int_eq(seen->number, (int)c->number);
}

TEST(test_forbidden)
{
	size_t i;

	for (i = 0; i < COUNT(forbidden); i++)
		if (forbidden[i].roles & roles[_i].bit)
			expect_violation(&roles[_i], &forbidden[i]);
}

static const struct {
	int role; /* an index into `roles` */
	int error;
	struct call call;
} refused[] = {
	{ 0, ENOMEM,
	    { "mremap", 0, SYS_mremap, { AT(memory), 4096, 8192, 1 } } },
	{ 0, EINVAL, { "madvise", 0, SYS_madvise, { AT(memory), 4096, 4 } } },
	{ 1, EACCES, { "execve", 0, SYS_execve, { AT(program) } } },
	{ 1, ENOSYS, { "clone3", 0, SYS_clone3, { 0 } } },
	{ 1, EALREADY, { "seccomp", 0, SYS_seccomp, { SANDBOX_MARK } } },
};

/* Some calls fail, for callers that can do without them. */
TEST(test_refused)
{
	const struct call *c = &refused[_i].call;
	int status = run_as(&roles[refused[_i].role], make_call, c);

	ck_assert_int_eq(status, 0);
	ck_assert_int_eq((int)seen->result, -1);
	ck_assert_int_eq(seen->error, refused[_i].error);
}

/* What a worker does. */

static bool
can_use_sockets(void)
{
	const struct timeval tv = { .tv_sec = 1 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/nonexistent" };
	struct timespec ts = { 0, 1000 };
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char byte = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };

	return fd != -1 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 &&
	    errno == ENOENT && ppoll(&pfd, 1, &ts, NULL) >= 0 &&
	    send(fd, &byte, 1, MSG_NOSIGNAL) == -1 && errno == ENOTCONN &&
	    recv(fd, &byte, 1, 0) == -1 && shutdown(fd, SHUT_WR) <= 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    close(fd) == 0;
}

static bool
can_use_memory(void)
{
	size_t size;
	char *p = NULL;

	for (size = 1; size <= (size_t)64 << 20; size *= 2) {
		if ((p = realloc(p, size)) == NULL)
			return false;
		memset(p, 'x', size);
	}
	while ((size /= 2) > 1)
		if ((p = realloc(p, size)) == NULL || p[size - 1] != 'x')
			return false;
	free(p);
	return true;
}

static void
work(const void *arg)
{
	struct timespec ts;

	(void)arg;
	seen->result = can_use_sockets() && can_use_memory() &&
	    clock_gettime(CLOCK_MONOTONIC, &ts) == 0 &&
	    syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0 &&
	    write(STDERR_FILENO, "", 0) == 0;
	_exit(42);
}

TEST(test_worker)
{
	int status = run_as(&roles[0], work, NULL);

	ck_assert_int_eq(seen->violations, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
	ck_assert_int_eq((int)seen->result, 1);
}

/* What the others do: abort(3) must not look like a violation. */
static void
end_abnormally(const void *arg)
{
	(void)arg;
	abort();
}

TEST(test_abort)
{
	int status = run_as(&roles[1 + _i], end_abnormally, NULL);

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}

/* The handler */

/* Somebody who has taken over the process has changed what the handler does. */
static void
violate_again(int number)
{
	note_violation(number);
	(void)syscall(SYS_ptrace, -1L, 0L, 0L, 0L);
	seen->result = 1;
}

TEST(test_second_violation)
{
	struct sandbox_filter filter = compile(&sandbox_registry);
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid;

	if ((pid = test_fork()) == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (sandbox_enter(&filter, violate_again) == -1)
			_exit(99);
		(void)syscall(SYS_chroot, "");
		_exit(98);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
	ck_assert_int_eq(seen->violations, 1);
	ck_assert_int_eq((int)seen->result, 0);
	sandbox_free(&filter);
}

static void
wait_long(const void *arg)
{
	(void)arg;
	seen->result = 1;
	(void)ppoll(NULL, 0, NULL, NULL);
}

/* A SIGSYS of somebody else ends the process, and is no violation. */
TEST(test_other_signal)
{
	struct sandbox_filter filter = compile(&sandbox_registry);
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid;

	if ((pid = test_fork()) == 0) {
		(void)alarm(CHILD_S);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (sandbox_enter(&filter, note_violation) == -1)
			_exit(99);
		wait_long(NULL);
		_exit(98);
	}
	while (*(volatile long *)&seen->result == 0)
		(void)poll(NULL, 0, 1);
	ck_assert_int_eq(kill(pid, SIGSYS), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
	ck_assert_int_eq(seen->violations, 0);
	sandbox_free(&filter);
}

/* Executing again */

/* How many filters are in force; -1: the kernel does not say. */
static int
count_filters(void)
{
	char line[128];
	FILE *file = fopen("/proc/self/status", "r");
	int n = -1;

	while (
	    file != NULL && n == -1 && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "Seccomp_filters: %d", &n);
	if (file != NULL)
		(void)fclose(file);
	return n;
}

static int
enter_twice(void)
{
	struct sandbox_filter filter = compile(&sandbox_acceptor);
	int before;

	if (sandbox_is_entered() ||
	    sandbox_enter(&filter, note_violation) == -1 ||
	    !sandbox_is_entered())
		return 1;
	before = count_filters();
	if (sandbox_enter(&filter, note_violation) == -1)
		return 2;
	return count_filters() == before ? 0 : 3;
}

/* An acceptor executes itself again as often as its workers crash.  It must not
 * add a filter each time. */
TEST(test_entered_again)
{
	int status;
	pid_t pid;

	if ((pid = test_fork()) == 0)
		_exit(enter_twice());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

TEST(test_no_filter)
{
	static const struct sandbox_filter none;

	ck_assert_int_eq(sandbox_enter(&none, note_violation), 0);
	ck_assert_int_eq(sandbox_narrow(&none), 0);
	ck_assert_int_eq((int)syscall(SYS_unshare, 0), 0);
}

/* The lists */

static void
add_number(int *numbers, size_t *n, int number)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (numbers[i] == number)
			return;
	numbers[(*n)++] = number;
}

/* This counts the system calls of this processor that a list allows, if their
 * arguments fit. */
static size_t
count_allowed(const struct sandbox_list *list)
{
	int numbers[256], number;
	const struct sandbox_rule *rule;
	size_t n = 0;
	char names[256], *name, *next;

	for (rule = list->rules; rule < list->rules + list->count; rule++) {
		if (rule->error != 0)
			continue;
		ck_assert_uint_lt(strlen(rule->names), sizeof(names));
		next = strcpy(names, rule->names);
		while ((name = strsep(&next, "|")) != NULL) {
			number = seccomp_syscall_resolve_name(name);
			ck_assert_int_ne(number, __NR_SCMP_ERROR);
			ck_assert_uint_lt(n, COUNT(numbers));
			if (number >= 0)
				add_number(numbers, &n, number);
		}
	}
	return n;
}

TEST(test_counts)
{
	size_t worker = count_allowed(&sandbox_worker);

	printf("system calls allowed: worker %zu, acceptor %zu, registry %zu, "
	       "checkpointer %zu, maintain %zu\n",
	    worker, count_allowed(&sandbox_acceptor),
	    count_allowed(&sandbox_registry),
	    count_allowed(&sandbox_checkpointer),
	    count_allowed(&sandbox_maintain));
	ck_assert_uint_le(worker, WORKER_MAX);
}

/* This executes a filter as the kernel does, as far as libseccomp uses its
 * instructions, and returns the action. */
static uint32_t
simulate(const struct sandbox_filter *f, const struct seccomp_data *data)
{
	const struct sock_filter *code = f->code, *in;
	uint32_t a = 0, i;

	for (i = 0; i < f->count; i++) {
		in = &code[i];
		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + in->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= in->k;
			break;
		case BPF_JMP | BPF_JA:
			i += in->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == in->k ? in->jt : in->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			i += a > in->k ? in->jt : in->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= in->k ? in->jt : in->jf;
			break;
		case BPF_RET | BPF_K:
			return in->k;
		default:
			ck_abort_msg("instruction %x", in->code);
		}
	}
	ck_abort_msg("the filter has no end");
	return 0;
}

/* Little-endian ones, since a filter is for one byte order. */
static const uint32_t processors[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86,
	SCMP_ARCH_ARM, SCMP_ARCH_AARCH64, SCMP_ARCH_RISCV64, SCMP_ARCH_PPC64LE,
	SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64 };

static uint32_t
action(const struct sandbox_filter *f, uint32_t arch, const char *name,
    uint64_t first, uint64_t third)
{
	struct seccomp_data data = { .arch = arch,
		.args = { first, 0, third, MAP_PRIVATE | MAP_ANONYMOUS } };

	data.nr = seccomp_syscall_resolve_name_arch(arch, name);
	return data.nr < 0 ? SECCOMP_RET_TRAP : simulate(f, &data);
}

/* `talks`: the process has sockets. */
static void
expect_filter(const struct sandbox_filter *f, uint32_t arch, bool talks)
{
	const uint32_t allow = SECCOMP_RET_ALLOW;
	struct seccomp_data data = { .arch = arch ^ 1 };
	bool direct = seccomp_syscall_resolve_name_arch(arch, "socketcall") < 0;
	const char *map =
	    seccomp_syscall_resolve_name_arch(arch, "mmap2") >= 0 ? "mmap2" :
								    "mmap";

	ck_assert_uint_eq(action(f, arch, "exit_group", 0, 0), allow);
	ck_assert_uint_eq(action(f, arch, "close", 0, 0), allow);
	ck_assert_uint_eq(action(f, arch, map, 0, PROT_READ), allow);
	ck_assert_int_eq(action(f, arch, "ppoll", 0, 0) == allow, talks);
	if (direct) {
		ck_assert_int_eq(action(f, arch, "sendto", 0, 0) == allow,
		    talks);
		ck_assert_int_eq(action(f, arch, "socket", AF_UNIX, 0) == allow,
		    talks);
		ck_assert_uint_ne(action(f, arch, "socket", AF_INET, 0), allow);
	}
	ck_assert_uint_ne(action(f, arch, map, 0, PROT_WRITE | PROT_EXEC),
	    allow);
	ck_assert_uint_ne(action(f, arch, "mprotect", 0, PROT_EXEC), allow);
	ck_assert_uint_ne(action(f, arch, "execve", 0, 0), allow);
	ck_assert_uint_ne(action(f, arch, "ptrace", 0, 0), allow);
	data.nr = seccomp_syscall_resolve_name_arch(arch, "close");
	ck_assert_uint_eq(simulate(f, &data), SECCOMP_RET_KILL_PROCESS);
}

TEST(test_processors)
{
	static const struct sandbox_list *const lists[] = { &sandbox_acceptor,
		&sandbox_worker, &sandbox_registry, &sandbox_checkpointer,
		&sandbox_maintain };
	struct sandbox_filter filter;
	size_t i;

	for (i = 0; i < COUNT(lists); i++) {
		ck_assert_msg(sandbox_compile(lists[i], processors[_i], &filter,
				  error) == 0,
		    "%s", error);
		expect_filter(&filter, processors[_i],
		    lists[i] != &sandbox_maintain);
		sandbox_free(&filter);
	}
}

/* Arguments that a filter cannot check do not keep it from being made. */
TEST(test_arguments_in_memory)
{
	struct sandbox_filter filter;

	ck_assert_msg(sandbox_compile(&sandbox_worker, SCMP_ARCH_S390X, &filter,
			  error) == 0,
	    "%s", error);
	sandbox_free(&filter);
}

TEST(test_impossible_rule)
{
	static const struct sandbox_rule rules[] = { SANDBOX_ALLOW_IF("close",
	    9, UINT32_MAX, 0) };
	static const struct sandbox_list list = { rules, 1 };
	struct sandbox_filter filter = { NULL, 0 };

	ck_assert_int_eq(sandbox_compile(&list, 0, &filter, error), -1);
	ck_assert_ptr_nonnull(strstr(error, "close: "));
}

static rlim_t
address_space(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	ck_assert_int_eq(fclose(f), 0);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* In a child with a limit of memory.  It exits with 0 if the filter was made,
 * with 1 if that was refused because memory is short, and else with 2. */
__attribute__((noreturn)) static void
compile_with(rlim_t size, const struct sandbox_filter *expected)
{
	const struct rlimit limit = { size, size };
	struct sandbox_filter filter = { NULL, 0 };
	char text[SANDBOX_ERROR_SIZE];

	if (setrlimit(RLIMIT_AS, &limit) == -1)
		_exit(2);
	if (sandbox_compile(&sandbox_registry, 0, &filter, text) == -1)
		_exit(errno == ENOMEM ? 1 : 2);
	_exit(filter.count == expected->count &&
		    memcmp(filter.code, expected->code,
			filter.count * (size_t)SANDBOX_INSTRUCTION) == 0 ?
		0 :
		2);
}

/* However little memory there is, a filter is made as it should be, or not at
 * all. */
TEST(test_memory_short)
{
	struct sandbox_filter expected = compile(&sandbox_registry);
	rlim_t used = address_space(), more = 0;
	int status, failures = 0;

	for (;; more += MEMORY_STEP) {
		if (test_fork() == 0)
			compile_with(used + more, &expected);
		ck_assert_int_ne(wait(&status), -1);
		ck_assert(WIFEXITED(status));
		ck_assert_int_le(WEXITSTATUS(status), 1);
		if (WEXITSTATUS(status) == 0)
			break;
		failures++;
	}
	ck_assert_int_gt(failures, 2);
	sandbox_free(&expected);
}

static const struct test tests[] = {
	CASE("sandbox", setup, teardown),
	EACH(test_forbidden, roles),
	EACH(test_refused, refused),
	ONCE(test_worker),
	LOOP(test_abort, COUNT(roles) - 1),
	ONCE(test_second_violation),
	ONCE(test_other_signal),
	ONCE(test_entered_again),
	ONCE(test_no_filter),
	ONCE(test_counts),
	EACH(test_processors, processors),
	ONCE(test_arguments_in_memory),
	ONCE(test_impossible_rule),
	ONCE(test_memory_short),
};

#else

/* A kvd without libseccomp says so, and makes no filters. */
TEST(test_absent)
{
	struct sandbox_filter filter;
	char error[SANDBOX_ERROR_SIZE];

	ck_assert(!sandbox_can_compile(error));
	ck_assert_ptr_nonnull(strstr(error, "kvd was built with"));
	ck_assert_int_eq(sandbox_compile(NULL, 0, &filter, error), -1);
	ck_assert_uint_eq(filter.count, 0);
}

static const struct test tests[] = {
	CASE("sandbox", NULL, NULL),
	ONCE(test_absent),
};

#endif

SUITE("sandbox", tests)
