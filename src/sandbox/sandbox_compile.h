/*
 * Makes the filters of common/sandbox.h out of the lists of system calls that
 * each role may make, with libseccomp.  Runs in the master, which sends its
 * children their filters, in kvd-maintain, for itself, and in tests.
 */

#ifndef SANDBOX_SANDBOX_COMPILE_H
#define SANDBOX_SANDBOX_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sandbox.h"

/* Holds if (argument & mask) == value. */
struct sandbox_check {
	unsigned int argument; /* its number, from 0 on */
	uint64_t mask, value;
};

/* For arguments of type int, whose upper half the kernel does not look at. */
#define SANDBOX_INT UINT32_MAX

#define SANDBOX_CHECKS_MAX 2

/*
 * Allows a system call if all checks hold.  The same call under other names,
 * which it has for other processors or C libraries, is separated by `|', and
 * names that this processor does not have are left out.  A call may have
 * several rules.  Those that are called often come first: where the kernel does
 * not remember what a filter allows, it looks at them in this order.
 */
struct sandbox_rule {
	const char *names;
	/* 0: allowed.  Otherwise the call is not executed, and fails with this
	 * error, for callers that can do without it. */
	int error;
	size_t checks;
	struct sandbox_check check[SANDBOX_CHECKS_MAX];
};

struct sandbox_list {
	const struct sandbox_rule *rules;
	size_t count;
};

#define SANDBOX_ALLOW(names)            \
	{                               \
		names, 0, 0,            \
		{                       \
			{               \
				0, 0, 0 \
			}               \
		}                       \
	}
#define SANDBOX_ALLOW_IF(names, argument, mask, value) \
	{                                              \
		names, 0, 1,                           \
		{                                      \
			{                              \
				argument, mask, value  \
			}                              \
		}                                      \
	}
#define SANDBOX_ALLOW_IF_BOTH(names, a, mask_a, value_a, b, mask_b, value_b) \
	{                                                                    \
		names, 0, 2,                                                 \
		{                                                            \
			{ a, mask_a, value_a },                              \
			{                                                    \
				b, mask_b, value_b                           \
			}                                                    \
		}                                                            \
	}
#define SANDBOX_REFUSE(names, error)    \
	{                               \
		names, error, 0,        \
		{                       \
			{               \
				0, 0, 0 \
			}               \
		}                       \
	}

/* The lists are to have what other C libraries than glibc call in addition.
 * tests/system/musl defines this, too. */
#ifndef __GLIBC__
#define SANDBOX_OTHER_LIBC
#endif

extern const struct sandbox_list sandbox_acceptor;
/* The acceptor's is in force as well. */
extern const struct sandbox_list sandbox_worker;
extern const struct sandbox_list sandbox_registry;
extern const struct sandbox_list sandbox_checkpointer;
extern const struct sandbox_list sandbox_maintain;

/* The size of a message about what is wrong, NUL included. */
#define SANDBOX_ERROR_SIZE 128

/* Can this build make filters?  If not, `error` says why. */
bool sandbox_can_compile(char *error);
/*
 * Makes the filter of a list.  `arch' is 0 for this processor, or another one of
 * libseccomp's (SCMP_ARCH_*), for tests.  The caller frees it with
 * sandbox_free().  Forks a child for the work, and waits for its end.  Returns
 * 0, or -1 with one line in `error`; errno is EINVAL if libseccomp cannot make
 * such a filter, and something else if memory, descriptors or processes are
 * short.
 */
int sandbox_compile(const struct sandbox_list *, uint32_t arch,
    struct sandbox_filter *, char *error);
void sandbox_free(struct sandbox_filter *);

#endif
