/*
 * confine_children: see confine_children.h.  Runs in the master, for which there
 * is no filter: it has to open, bind and make whatever its configuration says,
 * to execute programs, and to signal all processes.
 */

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

static int
compile(const struct sandbox_list *list, struct sandbox_filter *filter)
{
	char error[SANDBOX_ERROR_SIZE];

	if (sandbox_compile(list, 0, filter, error) == 0)
		return 0;
	log_warnx("cannot confine processes to their system calls: %s; "
		  "`sandbox no' in kvd.conf does without",
	    error);
	return -1;
}

int
confine_children(struct master *m)
{
	struct child *c;

	if (!m->config->sandbox || !is_possible())
		return EX_OK;
	for (c = m->children; c < m->children + CHILDREN; c++) {
		if (compile(lists[c->spec->stage],
			&c->filters[CHANNEL_FILTER_CHILD]) == -1)
			return EX_SOFTWARE;
		if (c->spec->stage == STAGE_ACCEPTORS &&
		    compile(&sandbox_worker,
			&c->filters[CHANNEL_FILTER_WORKER]) == -1)
			return EX_SOFTWARE;
	}
	return EX_OK;
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
