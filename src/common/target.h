/*
 * The server that a client program is to talk to, as people name it: a host
 * and a port, or the path of a Unix socket.
 */

#ifndef COMMON_TARGET_H
#define COMMON_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct target {
	const char *path; /* of a Unix socket; NULL: host and port count */
	char host[256]; /* a name or a numeric address */
	char port[8];
};

#define TARGET_ERROR_SIZE 128
#define TARGET_TEXT_SIZE 320 /* enough for any target */

/* Sets the host to 127.0.0.1, and this port. */
void target_init(struct target *, const char *port);

/*
 * Reads host, host:port, [IPv6 address], [IPv6 address]:port or unix:path.
 * The path is borrowed.  Returns false if the text is none of these, with one
 * line about it in `error` (TARGET_ERROR_SIZE bytes).
 */
bool target_parse(struct target *, const char *text, char *error);

/*
 * Replaces the parts that the options -h, -p and -u of a program name; each
 * may be NULL, which means that the option was not given.  The path is
 * borrowed.  Returns false if one is wrong, with one line that names the
 * option in `error` (TARGET_ERROR_SIZE bytes).
 */
bool target_set(struct target *, const char *host, const char *port,
    const char *path, char *error);

/* Writes the target as target_parse reads it. */
void target_print(const struct target *, char text[TARGET_TEXT_SIZE]);

#endif
