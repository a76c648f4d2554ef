/*
 * launch: starts kvd as a daemon, or with inherited things in disorder, where
 * server.h's way does not serve.  The log may not be readable then: that the
 * server is ready is found out by connecting to it.
 */

#ifndef INTEGRATION_LAUNCH_H
#define INTEGRATION_LAUNCH_H

#include <sys/stat.h>

#include "fixture.h"

/* The server listens on the Unix socket `sock' in its directory. */
void launch_listen(struct server *);

/* Runs kvd without -d.  The command ends with status 0, and the daemon that
 * it leaves behind becomes the server's master. */
void launch_daemon(struct server *);
/* The same, but does not wait for the end of the command: returns its pid. */
pid_t launch_command(struct server *);
/* Waits for the end of the command, and returns its exit status. */
int launch_await_command(pid_t);
/* Waits for the pid file, and makes that daemon the server's master. */
void launch_adopt(struct server *);

/* Waits until the server serves clients at `sock'. */
void launch_await(const struct server *);
/* server_spawn and launch_await. */
void launch_run(struct server *);
/*
 * Starts a server after `before_exec' has been called with `how': as a daemon
 * if its `daemon' is set, and by launch_run otherwise.
 */
void launch_after(struct server *, void (*before_exec)(const struct server *),
    int how);

/* A new client at `sock', which has been served once. */
int launch_client(const struct server *);
void launch_expect_served(const struct server *);
/* The same; stores the pid of the worker of this client. */
int launch_client_of(const struct server *, pid_t *worker);
/* Makes the worker of a new client die of SIGSEGV. */
void launch_crash(const struct server *);

/* A path in the server's directory; four static buffers take turns. */
const char *launch_path(const struct server *, const char *name);
void launch_stat(const struct server *, const char *name, struct stat *);
bool launch_exists(const struct server *, const char *name);
/* The contents of a small file in its directory, in a static buffer. */
const char *launch_read(const struct server *, const char *name);
void launch_write(const struct server *, const char *name, const char *text);

/* Runs a second kvd -d with the options of the server and then these, and
 * returns its exit status. */
int launch_second(const struct server *, const char *const options[],
    char output[OUTPUT_SIZE]);

/* Sends SIGHUP, and waits until the server has reloaded its configuration and
 * its only acceptor has been replaced. */
void launch_reload(const struct server *);
/* Kills the registry or the acceptor, and waits until there is another. */
void launch_kill(const struct server *, const char *role);

#endif
