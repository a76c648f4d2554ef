/*
 * ctl_options: reads the command line.
 */

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "kvctl/ctl_options.h"
#include "kvctl/ctl_status.h"

#define TIMEOUT_MIN_S 0.001
#define TIMEOUT_MAX_S 86400

static const char usage_text[] =
    "usage: kvctl [-hV] [-f config | -s socket] [-t seconds] command "
    "[argument]";

static const char flags[] = "f:hjms:t:V";

static const struct option long_flags[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void
ctl_options_usage(void)
{
	fprintf(stderr, "%s\n", usage_text);
	exit(CTL_USAGE);
}

static int
parse_timeout(const char *text)
{
	double seconds;

	if (!number_decimal_in_range(text, TIMEOUT_MIN_S, TIMEOUT_MAX_S,
		&seconds))
		errx(CTL_USAGE, "-t: not a number of seconds from %g to %d: %s",
		    TIMEOUT_MIN_S, TIMEOUT_MAX_S, text);
	return (int)(seconds * 1000);
}

/* Prints to standard output, and exits. */
__attribute__((noreturn)) static void
print_and_exit(const char *text)
{
	if (puts(text) == EOF || fflush(stdout) == EOF)
		err(CTL_FAILED, "standard output");
	exit(CTL_DONE);
}

void
ctl_options_parse(struct ctl_options *o, int argc, char *argv[])
{
	int c;

	*o = (struct ctl_options){ .timeout_ms = -1 };
	while ((c = getopt_long(argc, argv, flags, long_flags, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->config = optarg;
			break;
		case 'h':
			print_and_exit(usage_text);
		case 'j':
			o->json = true;
			break;
		case 'm':
			o->metrics = true;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 't':
			o->timeout_ms = parse_timeout(optarg);
			break;
		case 'V':
			print_and_exit("kvctl " PACKAGE_VERSION);
		default:
			ctl_options_usage();
		}
	}
	o->words = argv + optind;
	o->count = argc - optind;
	if (o->socket != NULL && o->config != NULL)
		errx(CTL_USAGE, "-f and -s exclude each other");
	if (o->count == 0)
		ctl_options_usage();
}
