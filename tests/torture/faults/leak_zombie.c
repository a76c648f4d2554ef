/*
 * An acceptor with a fault: it does not reap its dead workers.
 */

#include "acceptor/acceptor.h"
#include "acceptor/workers.h"

void __wrap_workers_reap(struct acceptor *);

void
__wrap_workers_reap(struct acceptor *a)
{
	(void)a;
}
