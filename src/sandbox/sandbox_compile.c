/*
 * sandbox_compile: see sandbox_compile.h.  Trusts the lists.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/sandbox_compile.h"

#ifdef HAVE_SECCOMP

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <malloc.h>
#include <seccomp.h>
#include <unistd.h>

/* The longest name, and more. */
#define NAME_SIZE 40
/* The memory that libseccomp may use, in bytes.  It uses about 110 KiB. */
#define RESERVE (1 << 20)
/* A filter takes a few milliseconds of processor time. */
#define SECONDS_MAX 5

/* What the child has made, in memory that it shares with its parent. */
struct result {
	int error; /* an errno; 0: there is a filter */
	char text[SANDBOX_ERROR_SIZE];
	uint16_t count;
	unsigned char code[SANDBOX_COUNT_MAX * SANDBOX_INSTRUCTION];
};

bool
sandbox_can_compile(char *error)
{
	error[0] = '\0';
	return true;
}

static uint32_t
action_of(const struct sandbox_rule *rule)
{
	return rule->error == 0 ? SCMP_ACT_ALLOW :
				  SCMP_ACT_ERRNO((uint32_t)rule->error);
}

/* The arguments of the old mmap(2) of some processors are in memory, where a
 * filter cannot check them.  C libraries use mmap2(2) there. */
static bool
is_superseded(uint32_t arch, const char *name)
{
	return strcmp(name, "mmap") == 0 &&
	    seccomp_syscall_resolve_name_arch(arch, "mmap2") >= 0;
}

/* Here those of mmap(2) are always in memory, and those of socket(2) and its
 * like may be.  Such a call is allowed whatever its arguments. */
static bool
keeps_in_memory(uint32_t arch)
{
	return arch == SCMP_ARCH_S390 || arch == SCMP_ARCH_S390X;
}

/* Adds a rule for one of its names.  `place` is that of the rule in its list.
 * Returns 0, or an error of libseccomp. */
static int
add_name(scmp_filter_ctx ctx, uint32_t arch, const struct sandbox_rule *rule,
    const char *name, size_t place)
{
	struct scmp_arg_cmp checks[SANDBOX_CHECKS_MAX];
	int number = seccomp_syscall_resolve_name(name), rc;
	size_t i;

	/* This libseccomp is older than the call. */
	if (number == __NR_SCMP_ERROR || is_superseded(arch, name))
		return 0;
	for (i = 0; i < rule->checks; i++)
		checks[i] =
		    SCMP_CMP64(rule->check[i].argument, SCMP_CMP_MASKED_EQ,
			rule->check[i].mask, rule->check[i].value);
	rc = seccomp_rule_add_array(ctx, action_of(rule), number,
	    (unsigned int)rule->checks, checks);
	if (rc == -EINVAL && rule->checks > 0 && keeps_in_memory(arch))
		rc = seccomp_rule_add_array(ctx, action_of(rule), number, 0,
		    NULL);
	if (rc == 0 && place < UINT8_MAX)
		(void)seccomp_syscall_priority(ctx, number,
		    (uint8_t)(UINT8_MAX - place));
	/* There is already a rule that allows it, whatever its arguments. */
	return rc == -EEXIST ? 0 : rc;
}

static int
add_rule(scmp_filter_ctx ctx, uint32_t arch, const struct sandbox_rule *rule,
    size_t place, char *error)
{
	const char *p = rule->names, *end;
	char name[NAME_SIZE];
	int rc;

	for (; *p != '\0'; p = end + (*end == '|')) {
		end = p + strcspn(p, "|");
		snprintf(name, sizeof(name), "%.*s", (int)(end - p), p);
		if ((rc = add_name(ctx, arch, rule, name, place)) == 0)
			continue;
		snprintf(error, SANDBOX_ERROR_SIZE, "%s: %s", name,
		    strerror(-rc));
		errno = -rc;
		return -1;
	}
	return 0;
}

/* libseccomp before 2.6 can write a filter only to a file. */
static int
export_filter(scmp_filter_ctx ctx, int fd, struct result *r)
{
	int rc = seccomp_export_bpf(ctx, fd);
	off_t size = lseek(fd, 0, SEEK_END);

	if (rc < 0 || size == -1) {
		errno = rc < 0 ? -rc : errno;
		return -1;
	}
	errno = EINVAL;
	if (size == 0 || size % SANDBOX_INSTRUCTION != 0 ||
	    size > (off_t)sizeof(r->code))
		return -1;
	errno = EIO;
	if (pread(fd, r->code, (size_t)size, 0) != size)
		return -1;
	r->count = (uint16_t)(size / SANDBOX_INSTRUCTION);
	return 0;
}

/* A call in the way of another processor, such as i386 on x86-64, kills the
 * process at once. */
static int
set_up(scmp_filter_ctx ctx, uint32_t arch)
{
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
		SCMP_ACT_KILL_PROCESS) != 0)
		return -1;
	if (arch == seccomp_arch_native())
		return 0;
	/* Two of different byte orders cannot be in one filter. */
	return seccomp_arch_remove(ctx, seccomp_arch_native()) == 0 &&
		seccomp_arch_add(ctx, arch) == 0 ?
	    0 :
	    -1;
}

static int
compile(const struct sandbox_list *list, uint32_t arch, struct result *r)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int fd, saved;
	size_t i;

	errno = ENOMEM;
	if (arch == 0)
		arch = seccomp_arch_native();
	if (ctx == NULL || set_up(ctx, arch) == -1)
		return -1;
	for (i = 0; i < list->count; i++)
		if (add_rule(ctx, arch, &list->rules[i], i, r->text) == -1)
			return -1;
	if ((fd = memfd_create("filter", MFD_CLOEXEC)) == -1 ||
	    export_filter(ctx, fd, r) == -1) {
		saved = errno;
		snprintf(r->text, sizeof(r->text), "%s: %s",
		    fd == -1 ? "memfd_create" : "export", strerror(saved));
		errno = saved;
		return -1;
	}
	return 0;
}

/* Where memory cannot be reserved, libseccomp may crash, or not come to an
 * end. */
static bool
reserve_memory(void)
{
#ifdef M_TRIM_THRESHOLD
	void *volatile memory;

	/* All from one heap that never shrinks. */
	(void)mallopt(M_MMAP_MAX, 0);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	if ((memory = malloc(RESERVE)) == NULL)
		return false;
	free(memory);
#endif
	return true;
}

/* What it uses is freed when it ends.  If it crashes there is no core file. */
__attribute__((noreturn)) static void
run_child(const struct sandbox_list *list, uint32_t arch, struct result *r)
{
	const struct rlimit limit = { SECONDS_MAX, SECONDS_MAX };

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CPU, &limit);
	if (reserve_memory())
		r->error = compile(list, arch, r) == -1 ? errno : 0;
	_exit(0);
}

/*
 * libseccomp 2.5 does not bear that memory is short: it may crash, or leave out
 * rules without an error.  So it works in a child, for which memory is reserved
 * before.
 */
static int
ask_child(const struct sandbox_list *list, uint32_t arch, struct result *r)
{
	int status = 0;
	pid_t pid;

	/* Unless the child says something else. */
	r->error = ENOMEM;
	snprintf(r->text, sizeof(r->text), "out of memory");
	if ((pid = fork()) == -1)
		return -1;
	if (pid == 0)
		run_child(list, arch, r);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(r->text, sizeof(r->text),
		    "libseccomp died of signal %d; memory may be short",
		    WTERMSIG(status));
	return 0;
}

/* Returns 0, or -1 with errno, and one line in `error`. */
static int
take_filter(const struct result *r, struct sandbox_filter *filter, char *error)
{
	size_t size = r->count * (size_t)SANDBOX_INSTRUCTION;
	void *code;

	memcpy(error, r->text, SANDBOX_ERROR_SIZE);
	errno = r->error;
	if (r->error != 0)
		return -1;
	if ((code = malloc(size)) == NULL) {
		snprintf(error, SANDBOX_ERROR_SIZE, "out of memory");
		return -1;
	}
	memcpy(code, r->code, size);
	filter->code = code;
	filter->count = r->count;
	return 0;
}

int
sandbox_compile(const struct sandbox_list *list, uint32_t arch,
    struct sandbox_filter *filter, char *error)
{
	struct result *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc = -1, saved;

	if (r == MAP_FAILED || ask_child(list, arch, r) == -1)
		snprintf(error, SANDBOX_ERROR_SIZE, "%s", strerror(errno));
	else
		rc = take_filter(r, filter, error);
	saved = errno;
	if (r != MAP_FAILED)
		(void)munmap(r, sizeof(*r));
	errno = saved;
	return rc;
}

#else

bool
sandbox_can_compile(char *error)
{
	snprintf(error, SANDBOX_ERROR_SIZE, "%s",
#ifdef KVD_INSTRUMENTED
	    "kvd was built with sanitizers or for coverage"
#else
	    "kvd was built without libseccomp"
#endif
	);
	return false;
}

int
sandbox_compile(const struct sandbox_list *list, uint32_t arch,
    struct sandbox_filter *filter, char *error)
{
	(void)list;
	(void)arch;
	filter->code = NULL;
	filter->count = 0;
	(void)sandbox_can_compile(error);
	errno = EINVAL;
	return -1;
}

#endif

void
sandbox_free(struct sandbox_filter *filter)
{
	void *code;

	memcpy(&code, &filter->code, sizeof(code));
	free(code);
	filter->code = NULL;
	filter->count = 0;
}
