/*
 * options: what the administrator says on the command line.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
	    "usage: kvd [-dnvV] [-f file] [-o 'keyword value'] [-p port] "
	    "[-r fd]\n");
	exit(EX_USAGE);
}

static const char flags[] = "df:no:p:r:vV";

/* A daemon reads it again from another directory.  One that is not there is
 * reported when it is read. */
static char *
absolute(const char *path)
{
	char *full = realpath(path, NULL);

	if (full == NULL && (full = strdup(path)) == NULL)
		fatalx(EX_OSERR, "out of memory");
	return full;
}

/* One that whoever started us has opened, beyond the standard ones; it is not
 * for our children. */
static int
ready_descriptor(const char *value)
{
	const char *error;
	int fd = (int)strtonum(value, STDERR_FILENO + 1, INT_MAX, &error);

	if (error != NULL || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		fprintf(stderr,
		    "kvd: -r: %s is not an open descriptor above "
		    "%d\n",
		    value, STDERR_FILENO);
		exit(EX_USAGE);
	}
	return fd;
}

void
options_parse(struct options *o, int argc, char *argv[])
{
	int c;

	memset(o, 0, sizeof(*o));
	o->ready_fd = -1;
	o->argc = argc;
	o->argv = argv;

	while ((c = getopt(argc, argv, flags)) != -1) {
		switch (c) {
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			free(o->file);
			o->file = absolute(optarg);
			break;
		case 'n':
			o->check = true;
			break;
		case 'o':
		case 'p':
			break; /* options_config() */
		case 'r':
			o->ready_fd = ready_descriptor(optarg);
			break;
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
}

static int
override_listen(struct config *config, const char *port, char *error)
{
	char line[64], why[CONFIG_ERROR_SIZE];

	if (snprintf(line, sizeof(line), "listen 127.0.0.1:%s", port) <
		(int)sizeof(line) &&
	    config_line(config, line, why) == 0)
		return EX_OK;
	snprintf(error, CONFIG_ERROR_SIZE,
	    "-p: \"%.64s\" is not a port (0 to 65535)", port);
	return EX_USAGE;
}

static int
override(struct config *config, int flag, const char *value, char *error)
{
	char why[CONFIG_ERROR_SIZE];

	if (flag == 'p')
		return override_listen(config, value, error);
	if (flag != 'o' || config_line(config, value, why) == 0)
		return EX_OK;
	snprintf(error, CONFIG_ERROR_SIZE, "-o: %.500s", why);
	return EX_USAGE;
}

/* The file that -f names has to be there; the default one need not. */
static int
read_file(const struct options *o, struct config *config, char *error)
{
	const char *path = o->file == NULL ? DEFAULT_FILE : o->file;

	if (o->file == NULL && access(path, F_OK) == -1 && errno == ENOENT)
		return EX_OK;
	return config_file(config, path, error) == -1 ? EX_CONFIG : EX_OK;
}

int
options_config(const struct options *o, struct config *config, char *error)
{
	int c, status;

	if ((status = read_file(o, config, error)) != EX_OK)
		return status;
	config_override(config);
	optind = 1;
	while (status == EX_OK && (c = getopt(o->argc, o->argv, flags)) != -1)
		status = override(config, c, optarg, error);
	return status;
}
