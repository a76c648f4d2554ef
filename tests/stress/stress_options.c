/*
 * stress_options: parsing and printing the stress program's command line.
 */

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "stress/stress_options.h"

/* About the least cache that kvd does not take for none. */
#define TINY_CACHE "cache 96k"
#define DAY_S 86400
#define DURATION_MS 10000 /* without -d and -n */
#define DURATION_MAX_S (30 * DAY_S)

__attribute__((noreturn)) static void
usage(void)
{
	fprintf(stderr,
	    "usage: stress [-Dmv] [-b build] [-c cells] [-d seconds] "
	    "[-k kills] [-l libexec]\n"
	    "              [-n reads] [-o option] [-r readers] [-s seed] "
	    "[-w writers]\n");
	exit(EX_USAGE);
}

static unsigned long long
get_number(unsigned long long min, unsigned long long max)
{
	const char *error;
	long long n = strtonum(optarg, (long long)min, (long long)max, &error);

	if (error != NULL)
		errx(EX_USAGE, "\"%s\": %s", optarg, error);
	return (unsigned long long)n;
}

static void
set_build(struct options *o, const char *dir)
{
	if (realpath(dir, o->build) == NULL)
		err(EX_USAGE, "%s", dir);
}

static void
add_kvd_option(struct options *o, const char *option)
{
	if (o->n_kvd_options == KVD_OPTIONS_MAX)
		errx(EX_USAGE, "too many -o");
	o->kvd_options[o->n_kvd_options++] = option;
}

static void
set_defaults(struct stress_options *o)
{
	const char *build = getenv("KVD_BUILD");
	uint64_t seed;

	if (getentropy(&seed, sizeof(seed)) == -1)
		err(EX_OSERR, "getentropy");
	*o = (struct stress_options){ .readers = 16,
		.writers = 4,
		.cells = 1000,
		/* Short enough to type. */
		.seed = seed % 1000000000 };
	set_build(&o->server, build == NULL ? "." : build);
	/* A kill loses nothing that kvd has written. */
	add_kvd_option(&o->server, "sync never");
}

static void
set_number(struct stress_options *o, int c)
{
	switch (c) {
	case 'c':
		/* At least two for each writer, of each kind. */
		o->cells = (unsigned int)get_number(64, 100000);
		break;
	case 'd':
		o->duration_ms = (int64_t)get_number(1, DURATION_MAX_S) * 1000;
		break;
	case 'k':
		o->kills = (unsigned int)get_number(0, 100);
		break;
	case 'n':
		o->reads = get_number(1, LLONG_MAX);
		break;
	case 'r':
		o->readers = (unsigned int)get_number(1, 200);
		break;
	case 's':
		o->seed = get_number(0, LLONG_MAX);
		break;
	case 'w':
		o->writers = (unsigned int)get_number(1, 8);
		break;
	default:
		usage();
	}
}

static void
set_option(struct stress_options *o, int c)
{
	switch (c) {
	case 'b':
		set_build(&o->server, optarg);
		break;
	case 'D':
		o->server.keep = true;
		break;
	case 'l':
		o->server.libexec = optarg;
		break;
	case 'm':
		add_kvd_option(&o->server, TINY_CACHE);
		break;
	case 'o':
		add_kvd_option(&o->server, optarg);
		break;
	case 'v':
		o->verbose = true;
		break;
	default:
		set_number(o, c);
	}
}

void
stress_options_get(struct stress_options *o, int argc, char *argv[])
{
	int c;

	set_defaults(o);
	while ((c = getopt(argc, argv, "b:c:Dd:k:l:mn:o:r:s:vw:")) != -1)
		set_option(o, c);
	if (optind != argc)
		usage();
	if (o->server.libexec == NULL)
		o->server.libexec = o->server.build;
	o->server.clients = o->readers + o->writers;
	if (o->duration_ms == 0)
		o->duration_ms = o->reads == 0 ? DURATION_MS :
						 (int64_t)DURATION_MAX_S * 1000;
}

void
stress_options_print(const struct stress_options *o)
{
	size_t i;

	printf("stress -s %llu -d %lld -r %u -w %u -c %u -k %u",
	    (unsigned long long)o->seed, (long long)o->duration_ms / 1000,
	    o->readers, o->writers, o->cells, o->kills);
	if (o->reads > 0)
		printf(" -n %llu", (unsigned long long)o->reads);
	for (i = 0; i < o->server.n_kvd_options; i++)
		printf(" -o '%s'", o->server.kvd_options[i]);
	printf("\n");
	(void)fflush(stdout);
}
