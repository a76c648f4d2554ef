/*
 * confine_children: see confine_children.h.  Runs in the master, for which there
 * is no filter: it has to open, bind and make whatever its configuration says,
 * to execute programs, and to signal all processes.
 */

#include <errno.h>
#include <stdbool.h>
#include <sysexits.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "master/confine_children.h"
#include "sandbox/sandbox_compile.h"

static const struct sandbox_list *const lists[STAGES] = {
	[STAGE_CHECKPOINTER] = &sandbox_checkpointer,
	[STAGE_REGISTRY] = &sandbox_registry,
	[STAGE_ACCEPTORS] = &sandbox_acceptor,
};

/* Logs why there can be no filters. */
static bool
is_possible(void)
{
	char error[SANDBOX_ERROR_SIZE];

	if (!sandbox_can_compile(error)) {
		log_info("processes are not confined to their system calls: %s",
		    error);
		return false;
	}
	if (!sandbox_is_possible()) {
		log_warnx("processes are not confined to their system calls: "
			  "the kernel has no seccomp filters; `sandbox no' in "
			  "kvd.conf ends this warning");
		return false;
	}
	return true;
}

/* Returns EX_OK, or the status to exit with: a shortage may be over soon. */
static int
compile(const struct sandbox_list *list, struct sandbox_filter *filter)
{
	char error[SANDBOX_ERROR_SIZE];
	int status;

	if (sandbox_compile(list, 0, filter, error) == 0)
		return EX_OK;
	status = errno == EINVAL ? EX_SOFTWARE : EX_OSERR;
	log_warnx("cannot confine processes to their system calls: %s; "
		  "`sandbox no' in kvd.conf does without",
	    error);
	return status;
}

int
confine_children(struct master *m)
{
	struct child *c;
	int status = EX_OK;

	if (!m->config->sandbox || !is_possible())
		return EX_OK;
	for (c = m->children; status == EX_OK && c < m->children + CHILDREN;
	     c++) {
		status = compile(lists[c->spec->stage],
		    &c->filters[CHANNEL_FILTER_CHILD]);
		if (status == EX_OK && c->spec->stage == STAGE_ACCEPTORS)
			status = compile(&sandbox_worker,
			    &c->filters[CHANNEL_FILTER_WORKER]);
	}
	return status;
}

void
confine_children_clear(struct master *m)
{
	struct child *c;
	int i;

	for (c = m->children; c < m->children + CHILDREN; c++)
		for (i = 0; i < CHANNEL_FILTERS; i++)
			sandbox_free(&c->filters[i]);
}
