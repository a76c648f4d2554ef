/*
 * kvd started in other ways than fixture.h's, and found out about without
 * its log: as a daemon, and by a parent that left things in disorder.
 */

#ifndef INTEGRATION_LAUNCH_H
#define INTEGRATION_LAUNCH_H

#include <sys/stat.h>

#include "fixture.h"

/* Where most of these tests have their server listen: `sock` in its
 * directory, which needs no log to be found. */
void launch_listen(struct server *);

/* Runs kvd without -d; when this returns, the command has ended well, and the
 * daemon is in charge. */
void launch_daemon(struct server *);
/* The same, but the command is still waiting: returns its pid. */
pid_t launch_command(struct server *);
/* The command ends; returns its exit status. */
int launch_await_command(pid_t);
/* Waits for the pid file, and takes the daemon in charge. */
void launch_adopt(struct server *);

/* Waits until it serves clients at `sock`. */
void launch_await(const struct server *);
/* Both, for a server that listens there. */
void launch_run(struct server *);

/* A new client at `sock`, which is served. */
int launch_client(const struct server *);
void launch_expect_served(const struct server *);
/* The same, and which worker is its. */
int launch_client_of(const struct server *, pid_t *worker);
/* A client's worker dies of SIGSEGV. */
void launch_crash(const struct server *);

/* A path in the server's directory; four static buffers take turns. */
const char *launch_path(const struct server *, const char *name);
void launch_stat(const struct server *, const char *name, struct stat *);
bool launch_exists(const struct server *, const char *name);
/* A whole small file of its directory, in a static buffer. */
const char *launch_read(const struct server *, const char *name);
void launch_write(const struct server *, const char *name, const char *text);

/* Runs another kvd -d with these options behind those of the server.
 * Returns its exit status. */
int launch_second(const struct server *, const char *const options[],
    char output[OUTPUT_SIZE]);

/* SIGHUP, and waits until that has been carried out, and the (only) acceptor
 * that there was has ended. */
void launch_reload(const struct server *);
/* Kills the registry or the acceptor, and waits until there is another. */
void launch_kill(const struct server *, const char *role);

#endif
