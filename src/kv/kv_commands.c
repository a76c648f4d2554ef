/*
 * kv_commands: which commands kv has, and which options and arguments they
 * take.
 */

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/number.h"
#include "kv/export.h"
#include "kv/import.h"
#include "kv/kv_commands.h"
#include "kv/list.h"
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
	{ "get", "GET", MESSAGE_GET, 2, 2, "", simple_get, BUCKET, "bucket key",
	    "print a value" },
	{ "put", "PUT", MESSAGE_PUT, 3, 3, "e", simple_run, BUCKET,
	    "[-e seconds] bucket key value", "set a value" },
	{ "delete", "DELETE", MESSAGE_DELETE, 2, 2, "", simple_run, BUCKET,
	    "bucket key", "remove a key" },
	{ "create", "CREATE", MESSAGE_CREATE, 1, 1, "", simple_run, NULL,
	    "bucket", "create a bucket" },
	{ "drop", "DROP", MESSAGE_DROP, 1, 1, "", simple_run, BUCKET, "bucket",
	    "remove a bucket and everything in it" },
	{ "add", "ADD", MESSAGE_ADD, 3, 3, "", simple_run, BUCKET,
	    "bucket key value", "set a value if the key does not exist" },
	{ "cas", "CAS", MESSAGE_CAS, 4, 4, "", simple_run, BUCKET,
	    "bucket key old new", "replace a value if it is the old one" },
	{ "incr", "INCR", MESSAGE_INCR, 2, 3, "", simple_number, BUCKET,
	    "bucket key [n]", "add n, or 1, to a number and print the sum" },
	{ "exists", "EXISTS", MESSAGE_EXISTS, 2, 2, "", simple_run, NULL,
	    "bucket key", "exit with 0 if the key exists, with 1 if not" },
	{ "expire", "EXPIRE", MESSAGE_EXPIRE, 3, 3, "", simple_run,
	    BUCKET_OR_KEY, "bucket key seconds", "give a key a time to live" },
	{ "persist", "PERSIST", MESSAGE_PERSIST, 2, 2, "", simple_run,
	    BUCKET_OR_KEY, "bucket key", "remove the time to live of a key" },
	{ "ttl", "TTL", MESSAGE_TTL, 2, 2, "", simple_number, BUCKET,
	    "bucket key", "print how many seconds a key has left to live" },
	{ "keys", "KEYS", 0, 1, 1, "ALP0", list_names, BUCKET,
	    "[-0] [-P prefix] [-A after] [-L limit] bucket",
	    "print keys, one a line" },
	{ "entries", "ENTRIES", 0, 1, 1, "ALP", list_pairs, BUCKET,
	    "[-P prefix] [-A after] [-L limit] bucket",
	    "print keys and values" },
	{ "buckets", "BUCKETS", 0, 0, 0, "ALP0", list_names, NULL,
	    "[-0] [-P prefix] [-A after] [-L limit]",
	    "print buckets, one a line" },
	{ "count", "COUNT", MESSAGE_COUNT, 1, 1, "", simple_number, BUCKET,
	    "bucket", "print the number of keys" },
	{ "watch", "SUBSCRIBE", MESSAGE_SUBSCRIBE, 1, 1, "", watch_run, BUCKET,
	    "bucket", "print the changes of a bucket as they happen" },
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
kv_commands_usage(void)
{
	print_usage(stderr);
	fputs("       kv --help | --version\n", stderr);
	exit(KV_USAGE);
}

__attribute__((noreturn)) static void
usage_of(const struct kv_command *command)
{
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

/* As read(2), but it waits even if standard input is non-blocking, as another
 * process may have made it. */
static ssize_t
read_input(void *to, size_t size)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;

	do
		n = read(STDIN_FILENO, to, size);
	while (n == -1 &&
	    (errno == EINTR ||
		(errno == EAGAIN && io_poll(&pfd, 1, CLOCK_NEVER) > 0)));
	return n;
}

/* Reads all of standard input as a value. */
static struct bytes
read_value(struct kv *kv)
{
	uint8_t *to;
	ssize_t n;

	do {
		to = buf_reserve(&kv->value, 65536);
		if (to == NULL)
			err(KV_FAILED, NULL);
		n = read_input(to, 65536);
		if (n > 0)
			buf_commit(&kv->value, (size_t)n);
		if (buf_size(&kv->value) > KV_CONN_VALUE_MAX)
			errx(KV_REFUSED,
			    "standard input: the value is too long");
	} while (n > 0);
	if (n == -1)
		err(KV_FAILED, "standard input");
	return buf_bytes(&kv->value);
}

/* Is this field a number that the server would refuse? */
static bool
is_bad_number(enum field field, const char *arg)
{
	int64_t min = INT64_MIN, max = INT64_MAX, number;

	if (field == FIELD_TIME) {
		min = 1;
		max = MESSAGE_SECONDS_MAX;
	} else if (field != FIELD_NUMBER)
		return false;
	return !number_in_range(arg, min, max, &number);
}

static struct bytes
take_arg(struct kv *kv, enum field field, char *arg)
{
	if ((field == FIELD_VALUE || field == FIELD_OLD) &&
	    strcmp(arg, "-") == 0) {
		if (kv->value.base != NULL)
			errx(KV_USAGE,
			    "only one value can come from standard input");
		return read_value(kv);
	}
	if (is_bad_number(field, arg))
		errx(KV_USAGE, "%s: not a number, or out of range: %s",
		    kv->command->name, arg);
	return kv_word(kv, arg);
}

/* Which field the i-th argument is.  FIELD_END: it may be any word. */
static enum field
field_of(const struct kv_command *command, size_t i)
{
	return command->request == 0 ? FIELD_END :
				       schema_find(command->request)->fields[i];
}

/* Exits if the command does not have one of the options that were given. */
static void
check_options(const struct kv *kv)
{
	const char *p;

	for (p = kv->options.own; *p != '\0'; p++)
		if (strchr(kv->command->options, *p) == NULL)
			usage_of(kv->command);
}

enum kv_status
kv_commands_run(struct kv *kv, char *args[], size_t n)
{
	const struct kv_command *command = kv->command;
	enum kv_status status;
	struct bytes *words;
	size_t i;

	check_options(kv);
	if (n < command->args_min || n > command->args_max)
		usage_of(command);
	words = calloc(n + 1, sizeof(*words));
	if (words == NULL)
		err(KV_FAILED, NULL);
	for (i = 0; i < n; i++)
		words[i] = take_arg(kv, field_of(command, i), args[i]);
	status = command->run(kv, words, n);
	free(words);
	return status;
}
