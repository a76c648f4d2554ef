/*
 * syscall_name: looks up the name of a system call.  Runs in the master, the
 * acceptors and kvd-maintain.
 */

#include <sys/syscall.h>

#include <stddef.h>

#include "common/syscall_name.h"

/* Longer names than any.  Not pointers, which would have to be relocated when an
 * acceptor starts, in memory that each fork copies. */
#define NAME_SIZE 40

static const struct {
	long number;
	char name[NAME_SIZE];
} names[] = {
#define NAME(name) { __NR_##name, #name },
#include "syscall_names.h"
#undef NAME
};

const char *
syscall_name(long number)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}
