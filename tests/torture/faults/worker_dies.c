/*
 * An acceptor with a mistake: its workers die with it.
 */

#include <sys/prctl.h>

#include <signal.h>

#include "worker/worker.h"

void __real_worker_run(const struct config *, int, int, int, char *);
void __wrap_worker_run(const struct config *, int, int, int, char *);

void
__wrap_worker_run(const struct config *config, int fd, int signal_fd,
    int lifeline_fd, char *cell)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	__real_worker_run(config, fd, signal_fd, lifeline_fd, cell);
}
