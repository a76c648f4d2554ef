/*
 * options: the command line of kvd.  Runs in the master, which trusts it.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/exit.h"
#include "common/log.h"
#include "master/options.h"

#define DEFAULT_FILE KVD_SYSCONFDIR "/kvd.conf"

static const char usage_text[] =
    "usage: kvd [-dnvV] [-f file] [-o 'keyword value'] [-p port] [-r fd]\n"
    "       kvd -c | -C | -R backup [-f file] [-o 'keyword value']";

static const char flags[] = "cCdf:hno:p:r:R:vV";

static const struct option long_flags[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
next_flag(int argc, char *argv[])
{
	return getopt_long(argc, argv, flags, long_flags, NULL);
}

static void
usage(void)
{
	fprintf(stderr, "%s\n", usage_text);
	exit(EX_USAGE);
}

/* Prints to standard output, or fails if that is closed. */
static void
print(const char *text)
{
	if (puts(text) == EOF || fflush(stdout) == EOF)
		fatal(EX_IOERR, "standard output");
}

/* Makes a path absolute: a daemon, which reads the file again, has another
 * working directory.  Symbolic links stay as they are, because they may lead to
 * another file by then. */
static char *
absolute(const char *path)
{
	char *dir = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	char *full = NULL;

	if (dir == NULL)
		fatal(EX_OSERR, "-f: %s: cannot get the working directory",
		    path);
	if (asprintf(&full, "%s%s%s", dir, path[0] == '/' ? "" : "/", path) ==
	    -1)
		fatalx(EX_OSERR, "out of memory");
	free(dir);
	return full;
}

/* Parses the number of a descriptor that the process which started kvd has
 * opened, and keeps our children from inheriting it. */
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

static void
set_maintain(struct master_options *o, const char *command, const char *file)
{
	if (o->maintain != NULL) {
		fprintf(stderr, "kvd: only one of -c, -C and -R\n");
		usage();
	}
	o->maintain = command;
	o->maintain_file = file;
}

void
master_options_parse(struct master_options *o, int argc, char *argv[])
{
	int c;

	memset(o, 0, sizeof(*o));
	o->ready_fd = -1;
	o->argc = argc;
	o->argv = argv;

	while ((c = next_flag(argc, argv)) != -1) {
		switch (c) {
		case 'c':
			set_maintain(o, "check", NULL);
			break;
		case 'C':
			set_maintain(o, "compact", NULL);
			break;
		case 'd':
			o->foreground = true;
			break;
		case 'f':
			free(o->file);
			o->file = absolute(optarg);
			break;
		case 'h':
			print(usage_text);
			exit(EX_OK);
		case 'n':
			o->check = true;
			break;
		case 'o':
		case 'p':
			break; /* master_options_config() reads these */
		case 'r':
			o->ready_fd = ready_descriptor(optarg);
			break;
		case 'R':
			set_maintain(o, "restore", optarg);
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			print("kvd " PACKAGE_VERSION);
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
override_listen(struct config *config, const char *port, struct buf *errors)
{
	char line[64], why[CONFIG_ERROR_SIZE];

	if (snprintf(line, sizeof(line), "listen 127.0.0.1:%s", port) <
		(int)sizeof(line) &&
	    config_line(config, line, why) == 0)
		return 0;
	return config_mistake(errors,
	    "-p: \"%.64s\" is not a port (0 to 65535)", port);
}

static int
override(struct config *config, int flag, const char *value, struct buf *errors)
{
	char why[CONFIG_ERROR_SIZE];

	if (flag == 'p')
		return override_listen(config, value, errors);
	if (flag != 'o' || config_line(config, value, why) == 0)
		return 0;
	return config_mistake(errors, "-o: %.500s", why);
}

/* The file of -f must exist.  The default file need not exist when kvd starts,
 * but if it did, it must exist at a reload. */
static int
read_file(struct master_options *o, struct config *config, bool again,
    struct buf *errors)
{
	const char *path = o->file == NULL ? DEFAULT_FILE : o->file;
	bool required = o->file != NULL || o->file_read;

	if (!required && access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (config_file(config, path, again, errors) == -1)
		return -1;
	o->file_read = true;
	return 0;
}

/* What cannot be read for want of memory or descriptors is no mistake, and init
 * has to start kvd again.  errno was 0 before. */
static int
status_of(int mistake)
{
	return exit_status_of(errno) == EX_OSERR ? EX_OSERR : mistake;
}

int
master_options_config(struct master_options *o, struct config *config,
    bool again, struct buf *errors)
{
	int c, status = EX_OK;

	errno = 0;
	if (read_file(o, config, again, errors) == -1)
		status = status_of(EX_CONFIG);
	config_override(config);
	optind = 1;
	while ((c = next_flag(o->argc, o->argv)) != -1) {
		errno = 0;
		if (override(config, c, optarg, errors) == -1 &&
		    status == EX_OK)
			status = status_of(EX_USAGE);
	}
	if (config_check_listens(config, errors) == -1 && status == EX_OK)
		status = EX_CONFIG;
	if (config_check_sizes(config, errors) == -1 && status == EX_OK)
		status = EX_CONFIG;
	if (buf_failed(errors))
		status = EX_OSERR;
	return status;
}
