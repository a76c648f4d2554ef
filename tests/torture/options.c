/*
 * options: parsing and printing the torture program's command line.
 */

#include <err.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "torture/ledger.h"
#include "torture/options.h"

const struct name role_names[ROLES] = {
	[ROLE_CHECKPOINTER] = { "checkpointer", 0 },
	[ROLE_REGISTRY] = { "registry", 0 },
	[ROLE_ACCEPTOR] = { "acceptor", 0 },
	[ROLE_WORKER] = { "worker", 0 },
	[ROLE_MASTER] = { "master", 0 },
};

const struct name blow_names[BLOWS] = {
	[BLOW_KILL] = { "KILL", SIGKILL },
	[BLOW_ABORT] = { "ABRT", SIGABRT },
	[BLOW_SEGV] = { "SEGV", SIGSEGV },
	[BLOW_TERM] = { "TERM", SIGTERM },
	[BLOW_STOP] = { "STOP", SIGSTOP },
};

__attribute__((noreturn)) static void
usage(void)
{
	fprintf(stderr,
	    "usage: torture [-kv] [-B interval] [-b build] [-C churn] "
	    "[-c clients]\n"
	    "               [-d seconds] [-i interval] [-K keys] [-l libexec] "
	    "[-n initial]\n"
	    "               [-o option] [-P pipeline] [-p stop] [-r role,...] "
	    "[-S signal,...]\n"
	    "               [-s seed] [-w hang] [-y sync]\n"
	    "Times but -d are in milliseconds.\n");
	exit(EX_USAGE);
}

static long long
get_number(const char *text, long long min, long long max)
{
	const char *error;
	long long n = strtonum(text, min, max, &error);

	if (error != NULL)
		errx(EX_USAGE, "\"%s\": %s", text, error);
	return n;
}

static unsigned int
get_names(const char *text, const struct name *names, unsigned int count)
{
	char *copy = strdup(text), *rest = copy, *word;
	unsigned int bits = 0, i;

	if (copy == NULL)
		err(EX_OSERR, NULL);
	while ((word = strsep(&rest, ",")) != NULL) {
		for (i = 0; i < count && strcmp(names[i].text, word) != 0; i++)
			;
		if (i == count)
			errx(EX_USAGE, "\"%s\" is not known", word);
		bits |= 1U << i;
	}
	free(copy);
	return bits;
}

static void
add_kvd_option(struct options *o, const char *option)
{
	if (o->n_kvd_options == KVD_OPTIONS_MAX)
		errx(EX_USAGE, "too many -o");
	o->kvd_options[o->n_kvd_options++] = option;
}

static void
set_sync(struct options *o, const char *value)
{
	char *option;

	if (asprintf(&option, "sync %s", value) == -1)
		err(EX_OSERR, NULL);
	add_kvd_option(o, option);
}

static void
set_build(struct options *o, const char *dir)
{
	if (realpath(dir, o->build) == NULL)
		err(EX_USAGE, "%s", dir);
}

static void
set_defaults(struct options *o)
{
	const char *build = getenv("KVD_BUILD");
	uint64_t seed;

	if (getentropy(&seed, sizeof(seed)) == -1)
		err(EX_OSERR, "getentropy");
	*o = (struct options){ .duration_ms = 10000,
		.interval_ms = 40,
		.stop_ms = 400,
		.hang_ms = 60000,
		.clients = 24,
		.keys = 8,
		.pipeline = 32,
		.churn = 200,
		/* Short enough to type. */
		.seed = seed % 1000000000,
		.roles = 1U << ROLE_CHECKPOINTER | 1U << ROLE_REGISTRY |
		    1U << ROLE_ACCEPTOR | 1U << ROLE_WORKER,
		.blows = (1U << BLOWS) - 1 };
	set_build(o, build == NULL ? "." : build);
}

static void
set_option(struct options *o, int c)
{
	switch (c) {
	case 'B':
		o->backup_ms = get_number(optarg, 1, 1000000);
		break;
	case 'b':
		set_build(o, optarg);
		break;
	case 'C':
		o->churn = (unsigned int)get_number(optarg, 1, INT_MAX);
		break;
	case 'c':
		o->clients = (unsigned int)get_number(optarg, 1, 10000);
		break;
	case 'd':
		o->duration_ms = get_number(optarg, 1, 1000000) * 1000;
		break;
	case 'i':
		o->interval_ms = get_number(optarg, 1, 1000000);
		break;
	case 'K':
		o->keys = (unsigned int)get_number(optarg, 1, LEDGER_KEYS_MAX);
		break;
	case 'k':
		o->keep = true;
		break;
	case 'l':
		o->libexec = optarg;
		break;
	case 'n':
		o->initial = (unsigned int)get_number(optarg, 0, 100000000);
		break;
	case 'o':
		add_kvd_option(o, optarg);
		break;
	case 'P':
		o->pipeline =
		    (unsigned int)get_number(optarg, 1, LEDGER_OPS_MAX);
		break;
	case 'p':
		o->stop_ms = get_number(optarg, 1, 1000000);
		break;
	case 'r':
		o->roles = get_names(optarg, role_names, ROLES);
		break;
	case 'S':
		o->blows = get_names(optarg, blow_names, BLOWS);
		break;
	case 's':
		o->seed = (uint64_t)get_number(optarg, 0, LLONG_MAX);
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'w':
		o->hang_ms = get_number(optarg, 1, 10000000);
		break;
	case 'y':
		set_sync(o, optarg);
		break;
	default:
		usage();
	}
}

void
options_get(struct options *o, int argc, char *argv[])
{
	int c;

	set_defaults(o);
	while ((c = getopt(argc, argv,
		    "B:b:C:c:d:i:K:kl:n:o:P:p:r:S:s:vw:y:")) != -1)
		set_option(o, c);
	if (optind != argc)
		usage();
	if (o->libexec == NULL)
		o->libexec = o->build;
}

static void
print_names(char letter, unsigned int bits, const struct name *names,
    unsigned int count)
{
	const char *comma = "";
	unsigned int i;

	printf(" -%c ", letter);
	for (i = 0; i < count; i++)
		if (bits & 1U << i) {
			printf("%s%s", comma, names[i].text);
			comma = ",";
		}
}

void
options_print(const struct options *o)
{
	size_t i;

	printf("torture -s %llu -d %lld -i %lld -p %lld -c %u -K %u -P %u "
	       "-C %u -n %u",
	    (unsigned long long)o->seed, (long long)o->duration_ms / 1000,
	    (long long)o->interval_ms, (long long)o->stop_ms, o->clients,
	    o->keys, o->pipeline, o->churn, o->initial);
	if (o->backup_ms > 0)
		printf(" -B %lld", (long long)o->backup_ms);
	print_names('r', o->roles, role_names, ROLES);
	print_names('S', o->blows, blow_names, BLOWS);
	for (i = 0; i < o->n_kvd_options; i++)
		printf(" -o '%s'", o->kvd_options[i]);
	printf("\n");
	(void)fflush(stdout);
}
