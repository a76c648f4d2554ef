/*
 * An acceptor with a fault: its workers die when it dies.
 */

#include <sys/prctl.h>

#include <signal.h>

#include "worker/worker.h"

void __real_worker_run(const struct config *, const struct worker_params *);
void __wrap_worker_run(const struct config *, const struct worker_params *);

void
__wrap_worker_run(const struct config *config,
    const struct worker_params *params)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	__real_worker_run(config, params);
}
