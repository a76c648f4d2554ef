/*
 * confine: see confine.h.  Runs in the acceptor, and in a new worker until that
 * calls worker_run().
 */

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "acceptor/confine.h"
#include "common/activity.h"
#include "common/landlock.h"
#include "common/log.h"
#include "common/sandbox.h"

/* Set when the acceptor is confined, and then only read. */
static struct acceptor *self;

/* Called by a signal handler, in the acceptor or in a worker. */
static void
report_violation(int number)
{
	if (self->is_worker)
		self->activity->violation = (uint32_t)number + 1;
	else
		channel_send_violation(number);
}

/* The dynamic linker opens the libraries again when the acceptor executes
 * itself.  By then they may be newer files in the same directories. */
static int
allow_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	const int *rules = arg;
	const char *slash = strrchr(info->dlpi_name, '/');
	char dir[PATH_MAX];

	(void)size;
	if (slash == NULL)
		return 0;
	if (snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - info->dlpi_name),
		info->dlpi_name) >= (int)sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return landlock_allow(*rules, dir, LANDLOCK_READ | LANDLOCK_EXECUTE);
}

/* All that an acceptor opens when it executes itself again.  A worker opens
 * nothing, and its filter sees to that. */
static int
restrict_files(void)
{
	int rules = landlock_begin();

	if (rules == -1)
		return -1;
	/* An acceptor that cannot execute itself may have closed its program. */
	if (landlock_allow_fd(rules, CHANNEL_PROGRAM_FD,
		LANDLOCK_READ | LANDLOCK_EXECUTE) == -1 &&
	    errno != EBADF && errno != EBADFD)
		return -1;
	if (dl_iterate_phdr(allow_library, &rules) != 0 ||
	    landlock_allow(rules, "/etc/ld.so.cache", LANDLOCK_READ) == -1 ||
	    landlock_allow(rules, "/etc/ld.so.preload", LANDLOCK_READ) == -1 ||
	    landlock_allow(rules, "/etc/localtime", LANDLOCK_READ) == -1 ||
	    landlock_allow(rules, "/usr/share/zoneinfo", LANDLOCK_READ) == -1 ||
	    landlock_allow(rules, _PATH_DEVNULL,
		LANDLOCK_READ | LANDLOCK_WRITE) == -1)
		return -1;
	return landlock_enter(rules);
}

/* What channel_recv_config() has read is overwritten by the next message. */
static int
copy_filter(struct sandbox_filter *to, const struct sandbox_filter *from)
{
	size_t size = (size_t)from->count * SANDBOX_INSTRUCTION;
	void *code;

	to->count = from->count;
	if (size == 0)
		return 0;
	if ((code = malloc(size)) == NULL)
		return -1;
	to->code = memcpy(code, from->code, size);
	return 0;
}

void
confine_acceptor(struct acceptor *a, const struct startup_params *params)
{
	self = a;
	if (!a->config->sandbox)
		return;
	/* Restricted once more, it could not kill its earlier workers. */
	if (!a->again && restrict_files() == -1)
		fatal(EX_OSERR, "landlock");
	if (copy_filter(&a->worker_filter,
		&params->filters[CHANNEL_FILTER_WORKER]) == -1 ||
	    sandbox_enter(&params->filters[CHANNEL_FILTER_CHILD],
		report_violation) == -1)
		fatal(EX_OSERR, "sandbox");
}

void
confine_worker(const struct acceptor *a)
{
	if (sandbox_narrow(&a->worker_filter) == -1)
		fatal(EX_OSERR, "sandbox");
}
