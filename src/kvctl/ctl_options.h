/*
 * The command line of kvctl(8).
 */

#ifndef KVCTL_CTL_OPTIONS_H
#define KVCTL_CTL_OPTIONS_H

#include <stdbool.h>

struct ctl_options {
	const char *socket; /* -s; NULL: it is in the runtime directory */
	const char *config; /* -f; NULL: the default one */
	int timeout_ms; /* -t; -1: the command's own */
	bool json; /* -j, of stats */
	bool metrics; /* -m, of stats */
	char **words; /* the command and its arguments, then NULL */
	int count; /* of words */
};

/* Exits with a message on standard error if they are wrong, and after -h and
 * -V. */
void ctl_options_parse(struct ctl_options *, int argc, char *argv[]);
/* Prints how kvctl is used, and exits. */
__attribute__((noreturn)) void ctl_options_usage(void);

#endif
