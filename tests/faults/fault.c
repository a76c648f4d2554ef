/*
 * fault: the names of what may fail.
 */

#include <errno.h>
#include <string.h>

#include "faults/fault.h"

const char *const fault_role_names[FAULT_ROLES] = {
	[FAULT_MASTER] = "master",
	[FAULT_CHECKPOINTER] = "checkpointer",
	[FAULT_REGISTRY] = "registry",
	[FAULT_ACCEPTOR] = "acceptor",
	[FAULT_WORKER] = "worker",
};

#define NAME(name, ...) [FAULT_CALL_##name] = #name,
const char *const fault_call_names[FAULT_CALL_COUNT] = { FAULT_CALLS(NAME) };

#define ERRORS(name, ...) [FAULT_CALL_##name] = { __VA_ARGS__, 0 },
const int fault_errors[FAULT_CALL_COUNT][FAULT_ERRORS_MAX + 1] = { FAULT_CALLS(
    ERRORS) };

#define ERROR(name)         \
	{                   \
		name, #name \
	}
static const struct {
	int number;
	const char *name;
} names[] = {
	{ FAULT_SHORT, "SHORT" },
	ERROR(EACCES),
	ERROR(EADDRINUSE),
	ERROR(EAGAIN),
	ERROR(EBUSY),
	ERROR(ECONNABORTED),
	ERROR(ECONNREFUSED),
	ERROR(ECONNRESET),
	ERROR(EDQUOT),
	ERROR(EINTR),
	ERROR(EINVAL),
	ERROR(EIO),
	ERROR(EMFILE),
	ERROR(ENFILE),
	ERROR(ENOBUFS),
	ERROR(ENODEV),
	ERROR(ENOLCK),
	ERROR(ENOMEM),
	ERROR(ENOSPC),
	ERROR(ENOSYS),
	ERROR(ENOTCONN),
	ERROR(ENOTTY),
	ERROR(EOPNOTSUPP),
	ERROR(EPERM),
	ERROR(EPIPE),
};

const char *
fault_error_name(int error)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == error)
			return names[i].name;
	return strerror(error);
}

int
fault_error_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].number;
	return 0;
}
