/*
 * kv_commands: which commands kv has, and which options and arguments they
 * take.
 */

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "kv/clear.h"
#include "kv/export.h"
#include "kv/import.h"
#include "kv/kv_commands.h"
#include "kv/list.h"
#include "kv/lock.h"
#include "kv/raw.h"
#include "kv/simple.h"
#include "kv/watch.h"
#include "proto/schema.h"

#define BUCKET "no such bucket"
#define BUCKET_OR_KEY "no such bucket or key"

static enum kv_status run_help(struct kv *, const struct bytes *, size_t);

/* Any number of arguments. */
#define ANY SIZE_MAX

static const struct kv_command commands[] = {
	{ "get", "GET", MESSAGE_GET, 2, ANY, "", simple_get, BUCKET,
	    "bucket key ...", "print the values of keys" },
	{ "put", "PUT", MESSAGE_PUT, 3, 3, "e:", simple_run, BUCKET,
	    "[-e time] bucket key value", "set a value" },
	{ "delete", "DELETE", MESSAGE_DELETE, 2, 2, "i:", simple_run, BUCKET,
	    "[-i value] bucket key",
	    "remove a key, or only if it has a value" },
	{ "take", "TAKE", MESSAGE_TAKE, 2, 2, "", simple_get, BUCKET,
	    "bucket key", "remove a key and print its value" },
	{ "create", "CREATE", MESSAGE_CREATE, 1, 1, "", simple_run, NULL,
	    "bucket", "create a bucket" },
	{ "drop", "DROP", MESSAGE_DROP, 1, 1, "", simple_run, BUCKET, "bucket",
	    "remove a bucket and everything in it" },
	{ "add", "ADD", MESSAGE_ADD, 3, 3, "e:", simple_run, BUCKET,
	    "[-e time] bucket key value",
	    "set a value if the key does not exist" },
	{ "cas", "CAS", MESSAGE_CAS, 4, 4, "", simple_run, BUCKET,
	    "bucket key old new", "replace a value if it is the old one" },
	{ "incr", "INCR", MESSAGE_INCR, 2, 3, "e:", simple_number, BUCKET,
	    "[-e time] bucket key [n]",
	    "add n, or 1, to a number and print the sum" },
	{ "exists", "EXISTS", MESSAGE_EXISTS, 2, 2, "", simple_run, NULL,
	    "bucket key", "exit with 0 if the key exists, with 1 if not" },
	{ "expire", "EXPIRE", MESSAGE_EXPIRE, 3, 3, "", simple_run,
	    BUCKET_OR_KEY, "bucket key time", "give a key a time to live" },
	{ "persist", "PERSIST", MESSAGE_PERSIST, 2, 2, "", simple_run,
	    BUCKET_OR_KEY, "bucket key", "remove the time to live of a key" },
	{ "ttl", "TTL", MESSAGE_TTL, 2, 2, "", simple_number, BUCKET,
	    "bucket key", "print how many seconds a key has left to live" },
	{ "keys", "KEYS", 0, 1, 1, "0A:L:P:", list_names, BUCKET,
	    "[-0] [-P prefix] [-A after] [-L limit] bucket",
	    "print keys, one a line" },
	{ "entries", "ENTRIES", 0, 1, 1, "A:L:P:", list_pairs, BUCKET,
	    "[-P prefix] [-A after] [-L limit] bucket",
	    "print keys and values" },
	{ "buckets", "BUCKETS", 0, 0, 0, "0A:L:P:", list_names, NULL,
	    "[-0] [-P prefix] [-A after] [-L limit]",
	    "print buckets, one a line" },
	{ "count", "COUNT", MESSAGE_COUNT, 1, 1, "", simple_number, BUCKET,
	    "bucket", "print the number of keys" },
	{ "pop", "POP", 0, 1, 1, "P:p:", list_pop, BUCKET, "[-p prefix] bucket",
	    "remove the first key and print it with its value" },
	{ "clear", "CLEAR", 0, 1, 1, "P:p:q", clear_run, BUCKET,
	    "[-q] [-p prefix] bucket",
	    "remove all keys and print how many there were" },
	{ "watch", "SUBSCRIBE", 0, 1, 1, "P:p:s:", watch_run, BUCKET,
	    "[-p prefix] [-s revision] bucket",
	    "print the changes of a bucket as they happen" },
	{ "lock", "SUBSCRIBE", 0, 3, ANY, "e:kw:", lock_run, NULL,
	    "[-k] [-e time] [-w time] bucket key command [argument ...]",
	    "run a command while a key is locked" },
	{ "import", "PUT", 0, 0, 0, "q", import_run, NULL, "[-q]",
	    "carry out requests from standard input" },
	{ "export", "ENTRIES", 0, 0, ANY, "qs", export_run, BUCKET,
	    "[-qs] [bucket ...]",
	    "print requests that create the buckets again" },
	{ "raw", "", 0, 0, ANY, "", raw_run, NULL, "[word ...]",
	    "send a request, or all of standard input" },
	{ "ping", "PING", MESSAGE_PING, 0, 0, "", simple_run, NULL, "",
	    "exit with 0 if the server answers" },
	{ "stats", "STATS", MESSAGE_STATS, 0, 0, "", list_pairs, NULL, "",
	    "print the statistics of the server" },
	{ "help", "", 0, 0, 1, "", run_help, NULL, "[command]",
	    "print the usage of a command, or of all" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct kv_command *
kv_commands_find(struct bytes name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (bytes_are(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static void
print_usage(FILE *file)
{
	fputs("usage: kv [-jVw] [-h host] [-p port] [-u socket] [-t seconds]"
	      " [command ...]\n",
	    file);
}

void
kv_commands_usage(const struct kv_command *command)
{
	if (command == NULL) {
		print_usage(stderr);
		fputs("       kv --help | --version\n", stderr);
	} else
		fprintf(stderr, "usage: kv %s%s%s\n", command->name,
		    command->usage[0] == '\0' ? "" : " ", command->usage);
	exit(KV_USAGE);
}

/* NULL: the help for all commands. */
static void
print_help(const struct kv_command *command)
{
	size_t i;

	if (command != NULL) {
		printf("  %s %s\n          %s\n", command->name, command->usage,
		    command->help);
		return;
	}
	print_usage(stdout);
	for (i = 0; i < COMMANDS; i++)
		print_help(&commands[i]);
}

bool
kv_commands_inform(const struct kv *kv)
{
	if (kv->options.help)
		print_help(kv->command);
	else if (kv->options.version)
		puts("kv " PACKAGE_VERSION);
	else
		return false;
	output_stdio();
	return true;
}

static enum kv_status
run_help(struct kv *kv, const struct bytes *args, size_t n)
{
	const struct kv_command *command = NULL;

	(void)kv;
	if (n == 1 && (command = kv_commands_find(args[0])) == NULL)
		errx(KV_USAGE, "not a command: %.*s; see kv help",
		    (int)args[0].size, (const char *)args[0].data);
	print_help(command);
	output_stdio();
	return KV_DONE;
}

/* Exits if this field is a number or a time that the server would refuse. */
static void
check_arg(struct kv *kv, enum field field, const char *arg)
{
	int64_t number;

	if (field == FIELD_TIME)
		(void)kv_options_time_ms(kv->command->name, arg);
	if (field == FIELD_NUMBER &&
	    !number_in_range(arg, INT64_MIN, INT64_MAX, &number))
		errx(KV_USAGE, "%s: not a number, or out of range: %s",
		    kv->command->name, arg);
}

/* Which field the i-th argument is.  FIELD_END: it may be any word. */
static enum field
field_of(const struct kv_command *command, size_t i)
{
	const uint8_t *p;

	if (command->request == 0)
		return FIELD_END;
	for (p = schema_find((uint16_t)command->request)->fields;
	     *p != FIELD_END && i > 0; p++)
		i--;
	return *p;
}

static struct bytes
take_arg(struct kv *kv, size_t i, char *arg)
{
	enum field field = field_of(kv->command, i);

	/* The command that lock runs gets its arguments as they are. */
	if (kv->command->run == lock_run && i >= LOCK_ARGS)
		return bytes_from_text(arg);
	if (field == FIELD_VALUE || field == FIELD_OLD)
		return kv_value(kv, arg);
	check_arg(kv, field, arg);
	return kv_word(kv, arg);
}

enum kv_status
kv_commands_run(struct kv *kv, char *args[], size_t n)
{
	const struct kv_command *command = kv->command;
	enum kv_status status;
	struct bytes *words;
	size_t i;

	if (n < command->args_min || n > command->args_max)
		kv_commands_usage(command);
	words = calloc(n + 1, sizeof(*words));
	if (words == NULL)
		err(KV_FAILED, NULL);
	for (i = 0; i < n; i++)
		words[i] = take_arg(kv, i, args[i]);
	status = command->run(kv, words, n);
	free(words);
	return status;
}
