/*
 * options: what the administrator says on the command line.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "master/options.h"

#define DEFAULT_FILE KVD_SYSCONFDIR "/kvd.conf"

static void
usage(void)
{
	fprintf(stderr,
	    "usage: kvd [-dnvV] [-f file] [-o 'keyword value'] [-p port]\n");
	exit(EX_USAGE);
}

static void
override_listen(struct config *config, const char *port)
{
	char line[64], error[CONFIG_ERROR_SIZE];

	if (snprintf(line, sizeof(line), "listen 127.0.0.1:%s", port) >=
		(int)sizeof(line) ||
	    config_line(config, line, error) == -1)
		fatalx(EX_USAGE, "-p: \"%s\" is not a port (0 to 65535)", port);
}

/* The file that -f names has to be there; the default one need not. */
static void
read_file(struct config *config, const char *path)
{
	char error[CONFIG_ERROR_SIZE];

	if (path == NULL && access(DEFAULT_FILE, F_OK) == -1 && errno == ENOENT)
		return;
	if (config_file(config, path == NULL ? DEFAULT_FILE : path, error) ==
	    -1)
		fatalx(EX_CONFIG, "%s", error);
}

static const char flags[] = "df:no:p:vV";

/* The first pass: all but the configuration. */
static const char *
parse_flags(struct options *o, int argc, char *argv[])
{
	const char *file = NULL;
	int c;

	while ((c = getopt(argc, argv, flags)) != -1) {
		switch (c) {
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			file = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'o':
		case 'p':
			break; /* the second pass */
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			puts("kvd " PACKAGE_VERSION);
			exit(EX_OK);
		default:
			usage();
		}
	}
	if (optind != argc) {
		fprintf(stderr, "kvd: unexpected argument: %s\n", argv[optind]);
		usage();
	}
	return file;
}

/* The second pass: what replaces lines of the file. */
static void
parse_overrides(struct config *config, int argc, char *argv[])
{
	char error[CONFIG_ERROR_SIZE];
	int c;

	config_override(config);
	optind = 1;
	while ((c = getopt(argc, argv, flags)) != -1) {
		if (c == 'p')
			override_listen(config, optarg);
		else if (c == 'o' && config_line(config, optarg, error) == -1)
			fatalx(EX_USAGE, "-o: %s", error);
	}
}

void
options_parse(struct options *o, struct config *config, int argc, char *argv[])
{
	const char *file;

	memset(o, 0, sizeof(*o));
	file = parse_flags(o, argc, argv);
	if (config_init(config) == -1)
		fatalx(EX_OSERR, "out of memory");
	read_file(config, file);
	parse_overrides(config, argc, argv);
}
