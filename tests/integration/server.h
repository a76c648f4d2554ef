/*
 * server: a kvd in a directory of its own, started and ended by a test.
 *
 * Whatever becomes of the test, the server ends and its directory is removed:
 * a guardian process does that when the test cannot.
 */

#ifndef INTEGRATION_SERVER_H
#define INTEGRATION_SERVER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guardian.h"

#define SERVER_OPTIONS_MAX 32

struct server {
	char dir[64]; /* has data/, run/ and log */
	char *options[SERVER_OPTIONS_MAX];
	size_t n_options;
	size_t listens; /* number of `listen' in the options and the file */
	bool has_file;
	bool has_cache; /* options or file say how large the cache is */
	pid_t pid; /* of the master, and its process group; 0: none */
	long log_start; /* where the log of this run begins */
	char host[64]; /* the first address that it listens on */
	int port;
	struct guardian guardian;
	/* How server_spawn starts it: */
	bool daemon; /* without -d; see launch.h */
	const char *name; /* argv[0]; NULL: kvd */
	const char *ready; /* the value of -r; NULL: no -r */
	int stderr_fd; /* becomes standard error; 0: the log becomes that */
	/* Called in the child, right before it executes kvd; asserts nothing
	 * (test_fork()).  May be NULL. */
	void (*before_exec)(const struct server *);
	int how; /* for before_exec, which alone reads it */
};

/* Starting */

/*
 * Makes the directory, and starts nothing.  The server has the options
 * `libexec', `data' and `runtime', and `listen 127.0.0.1:0' unless another
 * `listen' is added.  KVD_TEST_CACHE in the environment is the value of `cache',
 * unless the test says what it is.
 */
struct server *server_new(void);
/* Adds an option, as behind kvd's -o. */
void server_option(struct server *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Writes the configuration file, which the server reads from now on; -f
 * names it by a relative path.
 */
void server_file(struct server *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Starts the server, and does not wait for anything. */
void server_spawn(struct server *);
/* Starts the server and waits until it accepts connections. */
void server_run(struct server *);
/* server_new, these options (NULL ends them; may be NULL), and server_run. */
struct server *server_start(const char *const options[]);
/* Starts it again, after server_kill_all or server_await_end. */
void server_restart(struct server *);
/* It will listen on the port that it has; `listen' was its last option. */
void server_keep_port(struct server *);
/* Makes a daemon that was started in another way this server's master. */
void server_adopt(struct server *, pid_t pid);

/* Ending */

/*
 * Ends the server with SIGTERM.  It ends well and leaves nothing behind; its
 * log has no report of a sanitizer.  Frees the server.
 */
void server_stop(struct server *);
/* Kills all its processes at once; its directory stays. */
void server_kill_all(struct server *);
/*
 * Waits at most so long until no process of the server is left.  Returns the
 * wait status of the master.
 */
int server_await_end(struct server *, int64_t ms);
/* There is neither a pid file nor a socket in its directory. */
void server_expect_clean(const struct server *);
/* Removes the directory of a server that has ended, and frees the server. */
void server_free(struct server *);

#endif
