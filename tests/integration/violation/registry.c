/*
 * A registry that violates its sandbox when the master asks it for a
 * checkpoint.  Its successor, which is asked again, does not.
 */

#include <stdbool.h>

#include "common/channel.h"
#include "registry/checkpoint.h"
#include "registry/registry.h"
#include "violate.h"

int __real_registry_main(struct config *, const struct startup_params *,
    const struct title *);
int __wrap_registry_main(struct config *, const struct startup_params *,
    const struct title *);
void __real_checkpoint_demand(struct registry *);
void __wrap_checkpoint_demand(struct registry *);

static bool is_first;

int
__wrap_registry_main(struct config *config, const struct startup_params *params,
    const struct title *title)
{
	is_first = params->store.id[0] == 0 && params->store.id[1] == 0;
	return __real_registry_main(config, params, title);
}

void
__wrap_checkpoint_demand(struct registry *r)
{
	if (is_first)
		violate();
	__real_checkpoint_demand(r);
}
