/*
 * process: the processes of a kvd, found by their titles, and what a test
 * does to a process.
 */

#ifndef INTEGRATION_PROCESS_H
#define INTEGRATION_PROCESS_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct server;

/* Of a server.  A role is "registry" or "acceptor". */

/* Waits until there is a process with this role. */
pid_t server_pid(const struct server *, const char *role);
/* Waits until there are `count' acceptors, neither more nor fewer. */
void server_acceptors(const struct server *, pid_t *pids, size_t count);
/* Waits for the worker of this client, which is connected by TCP. */
pid_t server_worker(const struct server *, int fd);
/* Waits for the worker of a client of the Unix socket. */
pid_t server_worker_unix(const struct server *);
/* How many processes have a title that begins so. */
size_t server_count(const struct server *, const char *title);
/* Stores the pids of at most `max' of them, and returns how many it stored. */
size_t server_pids(const struct server *, const char *title, pid_t *pids,
    size_t max);
/* Fails the test, since processes of this server are left. */
__attribute__((noreturn)) void server_report_left(const struct server *);

/* Of anybody */

void signal_process(pid_t pid, int signo);
/* Stores the title of a process; returns false if there is no such process. */
bool process_title(pid_t, char *title, size_t size);
/* The title is this one, and what ps(1) prints has nothing behind it. */
void process_expect_title(pid_t, const char *want);
/* 0 if there is no such process. */
pid_t process_parent(pid_t);
/* Kills it with SIGKILL, and waits until it is dead. */
void process_kill(pid_t);
void process_await_end(pid_t);
/* Sets the soft limit of another process; returns what it was. */
rlim_t process_limit(pid_t, enum __rlimit_resource, rlim_t soft);
/* The process uses next to no processor time for a while. */
void process_expect_idle(pid_t);

#endif
