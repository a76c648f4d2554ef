/*
 * The configuration: lines of a keyword and a value.  They come from a file,
 * from the command line, or from the master, which prints its configuration for
 * its children.
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

/* The longest name of a group or a user, and the longest value of `listen`, NUL
 * included. */
#define CONFIG_GROUP_SIZE 33
#define CONFIG_USER_SIZE 33
#define CONFIG_LISTEN_SIZE 224

/* Where clients connect: an internet address, or a Unix socket. */
struct config_listen {
	TAILQ_ENTRY(config_listen) entry;
	struct sockaddr_storage addr;
	socklen_t addr_size;
	bool optional; /* ignored if the machine does not have this address */
	mode_t mode; /* of a Unix socket */
	char group[CONFIG_GROUP_SIZE]; /* of a Unix socket; "": not given */
	char text[CONFIG_LISTEN_SIZE]; /* the value as it was written */
};
TAILQ_HEAD(config_listens, config_listen);

/* Who may connect to the master's control socket. */
struct config_control {
	mode_t mode;
	char group[CONFIG_GROUP_SIZE]; /* "": not given */
};

/* How many restarts of a child in a period are normal. */
struct config_restart_limit {
	int64_t restarts;
	int64_t period_ms;
	bool exits; /* beyond that kvd ends, instead of delaying restarts */
};

/* Workers have to end within shutdown-timeout.  Those that do not are killed
 * this much later. */
#define CONFIG_KILL_DELAY_MS 1000

/* Times are in milliseconds, sizes in bytes. */
struct config {
	struct config_listens listens;
	bool listens_given; /* false: the next `listen` replaces the list */
	char *data; /* this and the next two are absolute paths */
	char *runtime;
	char *libexec;
	/* Names or numbers, or CONFIG_USER_SELF; see master/users.h. */
	char user[CONFIG_USER_SIZE]; /* of acceptors and workers */
	char registry_user[CONFIG_USER_SIZE]; /* of those that have the data */
	bool core_dumps; /* processes may leave cores, and be traced */
	int64_t sync_ms; /* CONFIG_SYNC_*, or an interval */
	int64_t max_value;
	int64_t log_size; /* bytes, of each of two segments */
	int64_t cache; /* bytes; 0: none */
	int64_t acceptors;
	int64_t max_clients;
	int64_t max_clients_per_source; /* 0: no limit */
	int64_t first_command_timeout_ms; /* 0: no timeout, and below */
	int64_t idle_timeout_ms;
	int64_t keepalive_ms; /* until a silent peer counts as dead */
	int64_t write_timeout_ms;
	int64_t registry_timeout_ms;
	int64_t listing_timeout_ms;
	int64_t shutdown_timeout_ms;
	int64_t heartbeat_timeout_ms; /* 0: hung children are not found */
	struct config_restart_limit restart_limit;
	struct config_control control;
	bool log_connections; /* log each that is opened or closed */
	int64_t slow_command_ms; /* log commands that take so long; 0: none */
	int64_t scrub_ms; /* between checks of the store; 0: none */
	bool sandbox; /* confine the children (common/sandbox.h) */
	bool insecure; /* do not warn of addresses that others can reach */
};

/* The user who starts kvd.  No user has this name. */
#define CONFIG_USER_SELF "-"

#define CONFIG_ACCEPTORS_MAX 16
#define CONFIG_RESTARTS_MAX 1000

#define CONFIG_SYNC_ALWAYS 0
#define CONFIG_SYNC_NEVER (-1)

/* The size of a message about what is wrong, NUL included. */
#define CONFIG_ERROR_SIZE 512

/* Sets the defaults.  Returns 0, or -1 when there is no memory. */
int config_init(struct config *);
void config_clear(struct config *);
/* Moves the configuration.  `from` must not be cleared after that. */
void config_move(struct config *to, struct config *from);
/*
 * Sets in `fresh` all keywords that cannot change while kvd runs to their
 * values in `running`.  Appends the names of those that had other values,
 * separated by commas.  Returns 0, or -1 when there is no memory.
 */
int config_keep_fixed(struct config *fresh, const struct config *running,
    struct buf *names);

/*
 * Appends what a reload would change: for each keyword that has another value
 * in `fresh`, its lines in `fresh`, each behind the text `reload` or, if the
 * keyword cannot change while kvd runs, behind `restart`.
 */
void config_print_changes(const struct config *running,
    const struct config *fresh, const char *reload, const char *restart,
    struct buf *);

/*
 * Each returns 0, or -1 with one line about what is wrong in `error`
 * (CONFIG_ERROR_SIZE bytes).  A line is a keyword and its value; in a file,
 * `#` begins a comment, and `include` names other files.
 */
int config_line(struct config *, const char *line, char *error);
int config_lines(struct config *, const char *text, char *error);

/* How deep files may include others. */
#define CONFIG_INCLUDES_MAX 8
/* The size of all files.  A device may have no end. */
#define CONFIG_FILES_MAX (1 << 20)
/* The size of the lines of config_print(), which children are sent in one
 * packet. */
#define CONFIG_LINES_MAX 44000

/*
 * Reads a file, and those that it includes, and appends a line to `errors`
 * about each mistake.  With `again`, refuses all but regular files and character
 * devices such as /dev/null: a FIFO could make a running master wait.  Returns
 * 0, or -1 if there was a mistake.
 */
int config_file(struct config *, const char *path, bool again,
    struct buf *errors);
/* Appends a line about each address that is listened on twice.  Returns the
 * same. */
int config_check_listens(const struct config *, struct buf *errors);
/* Is the log large enough for the largest request, and can the lines be sent to
 * children?  As above. */
int config_check_sizes(const struct config *, struct buf *errors);
int64_t config_log_size_min(int64_t max_value);
/* Can other machines reach what listens on this address, or does a client with
 * it come from another machine? */
bool config_is_exposed(const struct sockaddr_storage *);
/* Are these the same address, even if they are written differently? */
bool config_same_address(const struct config_listen *,
    const struct config_listen *);
/* Are they the same, or does one include the other, so that only one of them can
 * be bound? */
bool config_listens_overlap(const struct config_listen *,
    const struct config_listen *);
/* Appends a line to `errors`.  Returns -1. */
int config_mistake(struct buf *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Lines that are read from now on replace what earlier ones have set, also the
 * list of `listen`. */
void config_override(struct config *);

/* Appends the lines from which config_lines() makes this configuration. */
void config_print(const struct config *, struct buf *);

#endif
