/*
 * sandbox_checkpointer: what the checkpointer may do once the store is open.
 */

#include "sandbox/sandbox_store.h"

static const struct sandbox_rule rules[] = { SANDBOX_CHILD_RULES };

const struct sandbox_list sandbox_checkpointer = { rules,
	sizeof(rules) / sizeof(rules[0]) };
