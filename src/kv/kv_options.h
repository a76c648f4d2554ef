/*
 * The options of kv: the command line, and KV_SERVER for those that are not
 * there.  Which command has which options of its own is in kv_commands.c.
 */

#ifndef KV_KV_OPTIONS_H
#define KV_KV_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/target.h"

struct kv_options {
	/* before or after the name of the command */
	const char *host, *port, *path; /* NULL: not given */
	int timeout_ms;
	bool json;
	bool unquote; /* an argument may be a quoted word of the protocol */
	bool version, help;
	/* after the name of a command that has them; NULL: not given */
	char *time, *prefix, *after, *limit, *value, *since;
	int64_t wait_ms; /* lock -w; -1: not given */
	bool nul; /* end each name with a byte 0 */
	bool quiet;
	bool plain; /* export without times to live */
	bool kill; /* end the command that lock runs, without the lock */
};

void kv_options_init(struct kv_options *);

/*
 * Reads the options in front of the first argument.  `own` are those of the
 * command, as for getopt(3), and come before those that all commands have.
 * Returns how many words of argv the options are, argv[0] included, or -1 for an
 * unknown option, after a message of getopt(3).  Exits with KV_USAGE if an option
 * has a wrong value.
 */
int kv_options_parse(struct kv_options *, const char *own, int argc,
    char *argv[]);

/* Reads a time to live, as the protocol has it.  Exits with KV_USAGE if it is
 * none; `what` is named in the message. */
int64_t kv_options_time_ms(const char *what, const char *text);

/* The server that the options and KV_SERVER name.  Exits with KV_USAGE if
 * they are wrong. */
void kv_options_target(const struct kv_options *, struct target *);

#endif
