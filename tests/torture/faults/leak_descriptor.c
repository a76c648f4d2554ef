/*
 * A registry with a mistake: of each worker that goes a descriptor stays.
 */

#include <fcntl.h>

#include "registry/conn.h"
#include "registry/registry.h"

void __real_conn_close(struct registry *, struct conn *);
void __wrap_conn_close(struct registry *, struct conn *);

void
__wrap_conn_close(struct registry *r, struct conn *c)
{
	(void)fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	__real_conn_close(r, c);
}
