/*
 * Where the server is: a host and a port, or the path of a Unix socket.
 */

#ifndef KV_TARGET_H
#define KV_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct target {
	const char *path; /* of a Unix socket, or NULL */
	char host[256]; /* a name or a numeric address */
	char port[8];
};

#define TARGET_ERROR_SIZE 128

/* 127.0.0.1, port 4040. */
void target_init(struct target *);

/*
 * Each sets a part, and returns false with one line about what is wrong in
 * `error` (TARGET_ERROR_SIZE bytes).  target_parse takes host, host:port,
 * [v6], [v6]:port or unix:/path.  A path is borrowed.
 */
bool target_parse(struct target *, const char *text, char *error);
bool target_set_host(struct target *, const char *host, char *error);
bool target_set_port(struct target *, const char *port, char *error);
bool target_set_path(struct target *, const char *path, char *error);

/* For messages, as target_parse takes it. */
void target_print(const struct target *, char *text, size_t size);

#endif
