/*
 * sandbox_registry: what the registry may do once the store is open.  It reads
 * what workers send, inside of checked messages.
 */

#include "sandbox/sandbox_store.h"

static const struct sandbox_rule rules[] = {
	SANDBOX_ALLOW("epoll_wait|epoll_pwait|epoll_pwait2"),
	SANDBOX_CHILD_RULES,
	SANDBOX_ALLOW("epoll_ctl"),
	SANDBOX_ALLOW("accept4"),
#ifdef SANDBOX_OTHER_LIBC
	SANDBOX_ALLOW("accept"),
#endif
	SANDBOX_ALLOW("getsockopt"),
	SANDBOX_ALLOW("shutdown"),
};

const struct sandbox_list sandbox_registry = { rules,
	sizeof(rules) / sizeof(rules[0]) };
