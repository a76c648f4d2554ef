/*
 * The command line and the environment.
 */

#ifndef KV_KV_OPTIONS_H
#define KV_KV_OPTIONS_H

#include <stdbool.h>

#include "kv/target.h"

struct kv_options {
	/* before or after the command's name */
	const char *host, *port, *path; /* as given, or NULL */
	int timeout_ms;
	bool json;
	bool unquote; /* arguments may be quoted as in the protocol */
	bool version, help;
	/* of some commands, after their name */
	char *seconds, *prefix, *after, *limit; /* or NULL */
	bool nul; /* end each name with a NUL */
	bool quiet;
	bool plain; /* no times to live */
	char own[16]; /* the letters of those that were given */
};

void kv_options_init(struct kv_options *);

/*
 * Takes options up to the first argument that is none, and returns how many
 * words of argv these were, argv[0] included.  Exits with KV_USAGE, or with
 * what the wrong one deserves.
 */
int kv_options_parse(struct kv_options *, int argc, char *argv[]);

/* The server that the options, and for the rest KV_SERVER, name; or exits. */
void kv_options_target(const struct kv_options *, struct target *);

/*
 * Are these the digits of an integer, from min to max?  A sign only if min
 * is negative.
 */
bool kv_options_is_integer(const char *text, long long min, long long max);

#endif
