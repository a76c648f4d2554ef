/*
 * An acceptor with a fault: its workers die when it dies.  It has no sandbox,
 * which would not allow that.
 */

#include <sys/prctl.h>

#include <signal.h>

#include "acceptor/confine.h"
#include "worker/worker.h"

void __wrap_confine_acceptor(struct acceptor *, const struct startup_params *);

void __real_worker_run(const struct config *, const struct worker_params *);
void __wrap_worker_run(const struct config *, const struct worker_params *);

void
__wrap_worker_run(const struct config *config,
    const struct worker_params *params)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	__real_worker_run(config, params);
}

void
__wrap_confine_acceptor(struct acceptor *a, const struct startup_params *params)
{
	(void)a;
	(void)params;
}
