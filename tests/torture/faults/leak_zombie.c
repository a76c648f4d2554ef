/*
 * An acceptor with a mistake: it does not wait for its dead workers.
 */

#include "acceptor/acceptor.h"
#include "acceptor/workers.h"

void __wrap_workers_reap(struct acceptor *);

void
__wrap_workers_reap(struct acceptor *a)
{
	(void)a;
}
