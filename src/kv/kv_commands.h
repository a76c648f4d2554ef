/*
 * The table of kv's commands.
 */

#ifndef KV_KV_COMMANDS_H
#define KV_KV_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "kv/kv.h"

/* NULL: there is no command of this name. */
const struct kv_command *kv_commands_find(struct bytes name);

/* Prints the help or the version if an option asks for it.  Returns false if
 * none does. */
bool kv_commands_inform(const struct kv *);

/* Runs kv->command with its arguments, as they were given.  Exits with
 * KV_USAGE if they are wrong. */
enum kv_status kv_commands_run(struct kv *, char *args[], size_t n);

/* Prints the usage of a command, or, if that is NULL, of kv on standard error;
 * exits with KV_USAGE. */
__attribute__((noreturn)) void kv_commands_usage(const struct kv_command *);

#endif
