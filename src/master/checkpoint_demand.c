/*
 * checkpoint_demand: checkpoints that somebody has asked for.  Runs in the
 * master.
 */

#include "common/channel.h"
#include "common/log.h"
#include "master/checkpoint_demand.h"

void
checkpoint_tell_registry(struct master *m)
{
	/* A registry that dies before it has answered leaves it to its
	 * successor. */
	if (m->checkpoints.asked > m->checkpoints.done &&
	    child_answers(&m->children[REGISTRY]))
		(void)channel_send(m->children[REGISTRY].channel_fd,
		    CHANNEL_CHECKPOINT);
}

uint64_t
checkpoint_ask(struct master *m)
{
	struct checkpoint_demand *d = &m->checkpoints;

	if (d->asked > d->done) {
		d->again = true;
		return d->asked + 1;
	}
	d->asked++;
	checkpoint_tell_registry(m);
	return d->asked;
}

void
checkpoint_made(struct master *m, uint64_t revision)
{
	struct checkpoint_demand *d = &m->checkpoints;

	d->done = d->asked;
	d->revision = revision;
	log_info("checkpoint: data.mdb has everything up to revision %llu",
	    (unsigned long long)revision);
	if (d->again) {
		d->again = false;
		(void)checkpoint_ask(m);
	}
}
