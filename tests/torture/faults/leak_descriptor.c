/*
 * A registry with a fault: each worker that ends leaves a descriptor open.
 */

#include <fcntl.h>

#include "registry/conn.h"
#include "registry/state.h"

void __real_conn_close(struct registry *, struct conn *);
void __wrap_conn_close(struct registry *, struct conn *);

void
__wrap_conn_close(struct registry *r, struct conn *c)
{
	(void)open("/dev/null", O_RDONLY | O_CLOEXEC);
	__real_conn_close(r, c);
}
