/*
 * commands: which there are, and what they want.
 */

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/commands.h"
#include "kv/export.h"
#include "kv/import.h"
#include "kv/kv.h"
#include "kv/list.h"
#include "kv/raw.h"
#include "kv/simple.h"
#include "kv/watch.h"

#define BUCKET "no such bucket"
#define BUCKET_OR_KEY "no such bucket or key"

static enum kv_status run_help(struct kv *, const struct bytes *, size_t);

static const struct command commands[] = {
	{ "get", "GET", "bk", "", simple_get, BUCKET, "bucket key",
	    "print a value" },
	{ "put", "PUT", "bkv", "e", simple_run, BUCKET,
	    "[-e seconds] bucket key value", "set a value" },
	{ "delete", "DELETE", "bk", "", simple_run, BUCKET, "bucket key",
	    "remove a key" },
	{ "create", "CREATE", "b", "", simple_run, NULL, "bucket",
	    "make a bucket" },
	{ "drop", "DROP", "b", "", simple_run, BUCKET, "bucket",
	    "remove a bucket and all in it" },
	{ "add", "ADD", "bkv", "", simple_run, BUCKET, "bucket key value",
	    "set a value if there is none" },
	{ "cas", "CAS", "bkvv", "", simple_run, BUCKET, "bucket key old new",
	    "set a value if it is the old one" },
	{ "incr", "INCR", "bki?", "", simple_number, BUCKET, "bucket key [n]",
	    "add to a number and print it" },
	{ "exists", "EXISTS", "bk", "", simple_run, NULL, "bucket key",
	    "is there such a key?" },
	{ "expire", "EXPIRE", "bks", "", simple_run, BUCKET_OR_KEY,
	    "bucket key seconds", "give a key a time to live" },
	{ "persist", "PERSIST", "bk", "", simple_run, BUCKET_OR_KEY,
	    "bucket key", "take a key's time to live away" },
	{ "ttl", "TTL", "bk", "", simple_number, BUCKET, "bucket key",
	    "print the seconds that a key has left" },
	{ "keys", "KEYS", "b", "ALP0", list_names, BUCKET,
	    "[-0] [-P prefix] [-A after] [-L limit] bucket",
	    "print keys, one a line" },
	{ "entries", "ENTRIES", "b", "ALP", list_pairs, BUCKET,
	    "[-P prefix] [-A after] [-L limit] bucket",
	    "print keys and values" },
	{ "buckets", "BUCKETS", "", "ALP0", list_names, NULL,
	    "[-0] [-P prefix] [-A after] [-L limit]",
	    "print buckets, one a line" },
	{ "count", "COUNT", "b", "", simple_number, BUCKET, "bucket",
	    "print the number of keys" },
	{ "watch", "SUBSCRIBE", "b", "", watch_run, BUCKET, "bucket",
	    "print what changes, as it does" },
	{ "import", "PUT", "", "q", import_run, NULL, "[-q]",
	    "read requests from standard input" },
	{ "export", "ENTRIES", "b*", "qs", export_run, BUCKET,
	    "[-qs] [bucket ...]", "print requests that make the buckets" },
	{ "raw", "", "w*", "", raw_run, NULL, "[word ...]",
	    "send a request, or standard input" },
	{ "ping", "PING", "", "", simple_run, NULL, "",
	    "does the server answer?" },
	{ "stats", "STATS", "", "", list_pairs, NULL, "",
	    "print what the server counts" },
	{ "help", "", "w?", "", run_help, NULL, "[command]", "print this" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
commands_get(size_t i)
{
	return i < COMMANDS ? &commands[i] : NULL;
}

const struct command *
commands_find(struct bytes name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (strlen(commands[i].name) == name.size &&
		    memcmp(commands[i].name, name.data, name.size) == 0)
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
commands_usage(void)
{
	print_usage(stderr);
	fputs("       kv --help | --version\n", stderr);
	exit(KV_USAGE);
}

void
commands_usage_of(const struct command *command)
{
	fprintf(stderr, "usage: kv %s%s%s\n", command->name,
	    command->usage[0] == '\0' ? "" : " ", command->usage);
	exit(KV_USAGE);
}

/* NULL: of all. */
static void
print_help(const struct command *command)
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
commands_inform(const struct kv *kv)
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
	const struct command *command = NULL;

	(void)kv;
	if (n == 1 && (command = commands_find(args[0])) == NULL)
		errx(KV_USAGE, "no command: %.*s; see kv help",
		    (int)args[0].size, (const char *)args[0].data);
	print_help(command);
	output_stdio();
	return KV_DONE;
}

/* As read(2), but waits also when standard input does not block. */
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

/* All of standard input, as a value. */
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
		if (buf_size(&kv->value) > CONN_VALUE_MAX)
			errx(KV_REFUSED, "value too long");
	} while (n > 0);
	if (n == -1)
		err(KV_FAILED, "standard input");
	return (struct bytes){ buf_data(&kv->value), buf_size(&kv->value) };
}

static struct bytes
take_arg(struct kv *kv, char kind, char *arg)
{
	if (kind == 'v' && strcmp(arg, "-") == 0) {
		if (kv->value.base != NULL)
			errx(KV_USAGE, "only one value can be -");
		return read_value(kv);
	}
	if ((kind == 'i' && !options_is_integer(arg, LLONG_MIN, LLONG_MAX)) ||
	    (kind == 's' && !options_is_integer(arg, 1, COMMANDS_SECONDS_MAX)))
		errx(KV_USAGE, "%s: no number, or out of range: %s",
		    kv->command->name, arg);
	return kv_word(kv, arg);
}

/* Each option must be one that the command has. */
static void
check_options(const struct kv *kv)
{
	const char *p;

	for (p = kv->options.own; *p != '\0'; p++)
		if (strchr(kv->command->options, *p) == NULL)
			commands_usage_of(kv->command);
}

enum kv_status
commands_run(struct kv *kv, char *args[], size_t n)
{
	const char *want = kv->command->args;
	enum kv_status status;
	struct bytes *words;
	size_t i;

	check_options(kv);
	words = calloc(n + 1, sizeof(*words));
	if (words == NULL)
		err(KV_FAILED, NULL);
	for (i = 0; i < n; i++) {
		if (*want == '\0')
			commands_usage_of(kv->command);
		words[i] = take_arg(kv, *want, args[i]);
		if (want[1] != '*')
			want += want[1] == '?' ? 2 : 1;
	}
	if (*want != '\0' && want[1] != '?' && want[1] != '*')
		commands_usage_of(kv->command);
	status = kv->command->run(kv, words, n);
	free(words);
	return status;
}
