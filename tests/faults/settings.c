/*
 * settings: see settings.h.
 */

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "faults/settings.h"

__attribute__((noreturn)) static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: faults [-akvx] [-b dir] [-c call,...] [-d seconds] "
	    "[-e error]\n"
	    "\t[-f file] [-l dir] [-m once|lasts] [-N number] [-n number] "
	    "[-o option]\n"
	    "\t[-p phase,...] [-R times] [-r role,...] [-s seed]\n"
	    "  -a  try each call with all errors, and once and lasting\n"
	    "  -b  where kvd was built\n"
	    "  -c  the calls that fail, such as pwrite\n"
	    "  -d  end after that time; 0: when all is tried\n"
	    "  -e  fail with this error only: EIO, ...; SHORT: half is done\n"
	    "  -f  try only the faults that the file lists\n"
	    "  -k  keep the directory\n"
	    "  -l  where kvd's helpers are, if not there\n"
	    "  -m  fail only once, or until the fault has gone\n"
	    "  -N  try at most so many calls of a kind in a phase\n"
	    "  -n  try only the call with that number\n"
	    "  -o  an option for kvd\n"
	    "  -p  create, start, serve, restart, reload, stop\n"
	    "  -R  try each fault so many times\n"
	    "  -r  master, checkpointer, registry, acceptor, worker\n"
	    "  -s  the order of the faults, and what clients do\n"
	    "  -v  print each fault, and what kvd logs\n"
	    "  -x  stop (SIGSTOP) at a failure; SIGCONT goes on\n");
	exit(EX_USAGE);
}

static uint64_t
get_bits(const char *text, const char *const *names, unsigned int count)
{
	char *copy = strdup(text), *rest = copy, *word;
	uint64_t bits = 0;
	unsigned int i;

	if (copy == NULL)
		err(EX_OSERR, NULL);
	while ((word = strsep(&rest, ",")) != NULL) {
		for (i = 0; i < count && strcmp(names[i], word) != 0; i++)
			;
		if (i == count)
			errx(EX_USAGE, "\"%s\" is not known", word);
		bits |= (uint64_t)1 << i;
	}
	free(copy);
	return bits;
}

static int64_t
get_number(const char *text, int64_t least, int64_t most)
{
	const char *error;
	long long n = strtonum(text, least, most, &error);

	if (error != NULL)
		errx(EX_USAGE, "%s: %s", text, error);
	return n;
}

static void
get_mode(struct choice *c, const char *text)
{
	c->once = strcmp(text, "once") == 0;
	c->lasts = strcmp(text, "lasts") == 0;
	if (!c->once && !c->lasts)
		usage();
}

static void
add_kvd_option(struct options *o, const char *option)
{
	if (o->n_kvd_options == KVD_OPTIONS_MAX)
		errx(EX_USAGE, "too many -o");
	o->kvd_options[o->n_kvd_options++] = option;
}

static void
set_build(struct options *o, const char *dir)
{
	if (realpath(dir, o->build) == NULL)
		err(EX_USAGE, "%s", dir);
}

static void
set_defaults(struct settings *s)
{
	const char *build = getenv("KVD_BUILD");

	*s = (struct settings){
		.server = { .clients = CLIENTS, .seed = 1 },
		.choice = { .phases = (1U << PHASES) - 1,
		    .roles = (1U << FAULT_ROLES) - 1,
		    .calls = UINT64_MAX,
		    .once = true,
		    .lasts = true,
		    .most = 12 },
		.times = 1,
	};
	set_build(&s->server, build == NULL ? "." : build);
}

static void
set_option(struct settings *s, int c)
{
	struct choice *choice = &s->choice;

	switch (c) {
	case 'a':
		choice->all = true;
		break;
	case 'b':
		set_build(&s->server, optarg);
		break;
	case 'c':
		choice->calls =
		    get_bits(optarg, fault_call_names, FAULT_CALL_COUNT);
		break;
	case 'd':
		s->duration_ms = get_number(optarg, 0, 1000000) * 1000;
		break;
	case 'e':
		choice->error = fault_error_number(optarg);
		if (choice->error == 0)
			errx(EX_USAGE, "\"%s\" is not known", optarg);
		break;
	case 'f':
		s->file = optarg;
		break;
	case 'k':
		s->server.keep = true;
		break;
	case 'l':
		s->server.libexec = optarg;
		break;
	case 'm':
		get_mode(choice, optarg);
		break;
	case 'N':
		choice->most = (uint64_t)get_number(optarg, 2, INT_MAX);
		break;
	case 'n':
		choice->n = (uint64_t)get_number(optarg, 1, INT_MAX);
		break;
	case 'o':
		add_kvd_option(&s->server, optarg);
		break;
	case 'p':
		choice->phases =
		    (unsigned int)get_bits(optarg, phase_names, PHASES);
		break;
	case 'R':
		s->times = (unsigned int)get_number(optarg, 1, INT_MAX);
		break;
	case 'r':
		choice->roles = (unsigned int)get_bits(optarg, fault_role_names,
		    FAULT_ROLES);
		break;
	case 's':
		s->server.seed = (uint64_t)get_number(optarg, 0, INT_MAX);
		break;
	case 'v':
		s->verbose = true;
		break;
	case 'x':
		s->stops = true;
		break;
	default:
		usage();
	}
}

void
settings_get(struct settings *s, int argc, char *argv[])
{
	int c;

	set_defaults(s);
	while (
	    (c = getopt(argc, argv, "ab:c:d:e:f:kl:m:N:n:o:p:R:r:s:vx")) != -1)
		set_option(s, c);
	if (optind != argc)
		usage();
	if (s->server.libexec == NULL)
		s->server.libexec = s->server.build;
}
