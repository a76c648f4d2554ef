/*
 * The table of kv's commands.
 */

#ifndef KV_KV_COMMANDS_H
#define KV_KV_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"
#include "kv/kv_status.h"
#include "proto/message.h"

struct kv;

struct kv_command {
	const char *name;
	const char *word; /* of the protocol */
	/* The message whose fields the arguments are, in this order; 0: they are
	 * any words. */
	enum message_type request;
	size_t args_min, args_max; /* how many arguments there may be */
	const char *options; /* the letters of its own options */
	enum kv_status (*run)(struct kv *, const struct bytes *args, size_t n);
	const char *missing; /* what NOT FOUND means; NULL: not said */
	const char *usage; /* its options and arguments */
	const char *help;
};

/* The name may be that of no command: NULL. */
const struct kv_command *kv_commands_find(struct bytes name);

/* The i-th in order, or NULL. */
const struct kv_command *kv_commands_get(size_t i);

/* Prints what --help or --version ask for, if they were given: true. */
bool kv_commands_inform(const struct kv *);

/* Runs a command with its arguments, as they were given. */
enum kv_status kv_commands_run(struct kv *, char *args[], size_t n);

/* Say on standard error what kv, or this command, wants; KV_USAGE. */
__attribute__((noreturn)) void kv_commands_usage(void);
__attribute__((noreturn)) void kv_commands_usage_of(const struct kv_command *);

#endif
