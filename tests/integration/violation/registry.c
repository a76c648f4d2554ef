/*
 * A registry that violates its sandbox when the master asks it for a checkpoint.
 */

#include "registry/checkpoint.h"
#include "violate.h"

void __wrap_checkpoint_demand(struct registry *);

void
__wrap_checkpoint_demand(struct registry *r)
{
	(void)r;
	violate();
}
