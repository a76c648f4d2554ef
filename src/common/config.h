/*
 * The configuration: lines of a keyword and a value, from a file, from the
 * command line, or, printed again, from the master to its children.
 */

#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Where clients connect: an internet address, or a Unix socket. */
struct config_listen {
	TAILQ_ENTRY(config_listen) entry;
	struct sockaddr_storage addr;
	socklen_t addr_size;
	char text[160]; /* the value as it was written */
};
TAILQ_HEAD(config_listens, config_listen);

/* Times are in milliseconds, sizes in bytes. */
struct config {
	struct config_listens listens;
	bool listens_given; /* false: the next `listen` starts anew */
	char *data; /* directories, absolute */
	char *runtime;
	char *libexec;
	int64_t sync_ms; /* CONFIG_SYNC_*, or an interval */
	int64_t max_value;
	int64_t max_clients;
	int64_t idle_timeout_ms; /* 0: none */
	int64_t write_timeout_ms;
	int64_t registry_timeout_ms;
	int64_t shutdown_timeout_ms;
};

#define CONFIG_SYNC_ALWAYS 0
#define CONFIG_SYNC_NEVER (-1)

/* Room for a message about what is wrong. */
#define CONFIG_ERROR_SIZE 512

/* Sets the defaults.  Returns 0, or -1 when there is no memory. */
int config_init(struct config *);
void config_clear(struct config *);

/*
 * Each returns 0, or -1 with one line about what is wrong in `error`
 * (CONFIG_ERROR_SIZE bytes).  A line is a keyword and its value; in files
 * and texts, `#` begins a comment.
 */
int config_line(struct config *, const char *line, char *error);
int config_file(struct config *, const char *path, char *error);
int config_text(struct config *, const char *text, size_t size, char *error);

/* From now on lines replace what earlier ones gave, `listen` included. */
void config_override(struct config *);

/* Appends the lines that make this configuration. */
void config_print(const struct config *, struct buf *);

#endif
