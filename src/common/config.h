/*
 * The configuration: lines of a keyword and a value, from a file, from the
 * command line, or, printed again, from the master to its children.
 */

#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Longest name of a group, and longest value of `listen`, NUL included. */
#define CONFIG_GROUP_SIZE 33
#define CONFIG_LISTEN_SIZE 224

/* Where clients connect: an internet address, or a Unix socket. */
struct config_listen {
	TAILQ_ENTRY(config_listen) entry;
	struct sockaddr_storage addr;
	socklen_t addr_size;
	bool optional; /* done without if the machine lacks its family */
	mode_t mode; /* of a Unix socket */
	char group[CONFIG_GROUP_SIZE]; /* of a Unix socket; "": as it comes */
	char text[CONFIG_LISTEN_SIZE]; /* the value as it was written */
};
TAILQ_HEAD(config_listens, config_listen);

/* More restarts of a child in a period than these are too many. */
struct config_restart_limit {
	int64_t restarts;
	int64_t period_ms;
	bool exits; /* then kvd ends, instead of waiting longer and longer */
};

/* Workers end by themselves within the shutdown timeout; those that do not
 * are killed this much later. */
#define CONFIG_KILL_DELAY_MS 1000

/* Times are in milliseconds, sizes in bytes. */
struct config {
	struct config_listens listens;
	bool listens_given; /* false: the next `listen` starts anew */
	char *data; /* directories, absolute */
	char *runtime;
	char *libexec;
	int64_t sync_ms; /* CONFIG_SYNC_*, or an interval */
	int64_t max_value;
	int64_t log_size; /* bytes, of each of two segments */
	int64_t cache; /* bytes; 0: none */
	int64_t acceptors;
	int64_t max_clients;
	int64_t max_clients_per_source; /* 0: no limit of its own */
	int64_t first_command_timeout_ms; /* 0: none */
	int64_t idle_timeout_ms; /* 0: none */
	int64_t keepalive_ms; /* a peer that is dead so long is gone; 0: none */
	int64_t write_timeout_ms;
	int64_t registry_timeout_ms;
	int64_t listing_timeout_ms;
	int64_t shutdown_timeout_ms;
	int64_t heartbeat_timeout_ms; /* 0: none */
	struct config_restart_limit restart_limit;
};

#define CONFIG_ACCEPTORS_MAX 16
#define CONFIG_RESTARTS_MAX 1000

#define CONFIG_SYNC_ALWAYS 0
#define CONFIG_SYNC_NEVER (-1)

/* Room for a message about what is wrong. */
#define CONFIG_ERROR_SIZE 512

/* Sets the defaults.  Returns 0, or -1 when there is no memory. */
int config_init(struct config *);
void config_clear(struct config *);
/* Moves what `from` has; it is not to be cleared then. */
void config_move(struct config *to, struct config *from);
/*
 * Keeps, in `fresh`, what cannot change while kvd runs as it is in
 * `running`, and appends the names of the keywords where they differ.
 * Returns 0, or -1 when there is no memory.
 */
int config_keep_fixed(struct config *fresh, const struct config *running,
    struct buf *names);

/*
 * Each returns 0, or -1 with one line about what is wrong in `error`
 * (CONFIG_ERROR_SIZE bytes).  A line is a keyword and its value; in a file,
 * `#` begins a comment.
 */
int config_line(struct config *, const char *line, char *error);
int config_lines(struct config *, const char *text, char *error);

/*
 * Reads all of a file, and appends a line to `errors` about each mistake.
 * With `again` only a regular file, or /dev/null, is one: anything else could
 * make its reader wait.  Returns 0, or -1 if there was a mistake.
 */
int config_file(struct config *, const char *path, bool again,
    struct buf *errors);
/* Appends a line about each `listen` that is there twice.  Returns the same. */
int config_check_listens(const struct config *, struct buf *errors);
/* Is it the same address, whatever it was written like? */
bool config_same_address(const struct config_listen *,
    const struct config_listen *);
/* Appends a line.  Returns -1. */
int config_mistake(struct buf *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From now on lines replace what earlier ones gave, `listen` included. */
void config_override(struct config *);

/* Appends the lines that make this configuration, for config_lines(). */
void config_print(const struct config *, struct buf *);

#endif
