/*
 * kvd-maintain: started by kvd(8) and kvctl(8), which pass their own name as
 * argv[0], for messages.
 */

#include <err.h>
#include <inttypes.h>
#include <libutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/startup.h"
#include "maintain/maintain.h"
#include "maintain/scrub.h"

/* Less would make a wait for one block very long. */
#define RATE_MIN ((uint64_t)64 << 10)

static const struct command {
	const char *name;
	bool has_file;
	int (*run)(const struct maintain_options *);
} commands[] = {
	{ "check", false, maintain_check },
	{ "walk", false, maintain_walk },
	{ "scrub", false, maintain_scrub },
	{ "scrubbed", false, maintain_scrubbed },
	{ "backup", true, maintain_backup },
	{ "restore", true, maintain_restore },
	{ "compact", false, maintain_compact },
};

__attribute__((noreturn)) static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: kvd-maintain check [-su] data\n"
	    "       kvd-maintain scrub|scrubbed [-su] [-r rate] data\n"
	    "       kvd-maintain walk [-sw] data\n"
	    "       kvd-maintain compact [-s] [-l log-size] data\n"
	    "       kvd-maintain backup [-fsu] [-k size] [-r rate] data file\n"
	    "       kvd-maintain restore [-s] [-l log-size] data file\n");
	exit(EX_USAGE);
}

static uint64_t
size_of(char option, const char *text, uint64_t min)
{
	uint64_t size;

	if (expand_number(text, &size) == 0 && size >= min)
		return size;
	errx(EX_USAGE, "-%c: %s is not a size of at least %" PRIu64 "K", option,
	    text, min >> 10);
}

static void
parse(struct maintain_options *o, int argc, char *argv[])
{
	int c;

	while ((c = getopt(argc, argv, "fk:l:r:suw")) != -1) {
		switch (c) {
		case 'f':
			o->replace = true;
			break;
		case 'k':
			o->kept_max = size_of('k', optarg, 1024);
			break;
		case 'l':
			o->log_size = (size_t)size_of('l', optarg, 1024);
			break;
		case 'r':
			o->rate = size_of('r', optarg, RATE_MIN);
			break;
		case 's':
			o->no_sandbox = true;
			break;
		case 'u':
			o->in_use = true;
			break;
		case 'w':
			o->wider = true;
			break;
		default:
			usage();
		}
	}
}

int
main(int argc, char *argv[])
{
	struct maintain_options options = { .log_size = 0 };
	const struct command *c;
	size_t i;

	startup_descriptors();
	startup_unblock();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc < 2)
		usage();
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		c = &commands[i];
		if (strcmp(argv[1], c->name) != 0)
			continue;
		parse(&options, argc - 1, argv + 1);
		argc -= optind + 1;
		argv += optind + 1;
		if (argc != 1 + c->has_file)
			usage();
		options.data = argv[0];
		options.file = argv[1];
		return c->run(&options);
	}
	usage();
}
