/*
 * What the integration tests share: a real kvd in a directory of its own,
 * and clients that talk to it.
 *
 * Functions fail the running test (ck_abort_msg) unless they say otherwise.
 * Every wait ends when what it waits for has happened; WAIT_MS only bounds
 * it.  Whatever becomes of a test, its server ends and its directory goes:
 * a guardian process sees to it when the test cannot.
 */

#ifndef INTEGRATION_FIXTURE_H
#define INTEGRATION_FIXTURE_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* Far longer than anything takes, sanitizers and a busy machine included. */
#define WAIT_MS 30000

#define SERVER_OPTIONS_MAX 32

struct server {
	char dir[64]; /* has data/, run/ and log */
	char *options[SERVER_OPTIONS_MAX];
	size_t n_options;
	size_t listens; /* among them, and in the file */
	bool has_file;
	pid_t pid; /* of the master, and its process group; 0: none */
	long log_start; /* where the log of this run begins */
	char host[64]; /* the first address that it listens on */
	int port;
	int guard_fd;
	pid_t guardian;
	/* How it is started by the next server_spawn: */
	bool daemon; /* without -d; see launch.h */
	const char *name; /* argv[0]; NULL: kvd */
	const char *ready; /* the value of -r; NULL: without */
	int stderr_fd; /* becomes standard error; 0: its log does */
	/* Called, in the process that becomes kvd, last of all. */
	void (*before_exec)(const struct server *);
	int how; /* for before_exec, which looks here */
};

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);
/* A short pause between two looks at a condition; fails past the deadline. */
void pause_until(int64_t deadline_ms, const char *what);
void pause_ms(int64_t ms);
void signal_process(pid_t pid, int signo);

/*
 * The directory alone.  Options are those of kvd's -o; `libexec`, `data` and
 * `runtime` are set, and `listen 127.0.0.1:0` when no other `listen` is.
 */
struct server *server_new(void);
void server_option(struct server *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The configuration file, from now on; -f is given a relative path. */
void server_file(struct server *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Starts the server, and does not wait for anything. */
void server_spawn(struct server *);
/* Starts the server and waits until it accepts connections. */
void server_run(struct server *);
/* server_new, the options (ended by NULL, or none), and server_run. */
struct server *server_start(const char *const options[]);
/* Ends the server: cleanly, and nothing may be left of it. */
void server_stop(struct server *);
/* Takes a daemon that was started otherwise in charge. */
void server_adopt(struct server *, pid_t pid);
/* Kills all its processes at once; the directories stay. */
void server_kill_all(struct server *);
/* On the same directories, after server_kill_all or server_await_end. */
void server_restart(struct server *);
/* From now on on the port that it has; `listen` was the last option. */
void server_keep_port(struct server *);
/*
 * Waits until no process is left, for so long, and returns the master's wait
 * status.
 */
int server_await_end(struct server *, int64_t ms);
/* No pid file and no socket may be left in its directory. */
void server_expect_clean(const struct server *);
/* Forgets the server and removes its directory. */
void server_free(struct server *);

/* What it has logged in this run, in a static buffer. */
const char *server_log(const struct server *);
/* How often that says so. */
size_t server_log_count(const struct server *, const char *text);
/* Waits until it says so, and so often. */
void server_await_log(const struct server *, const char *text, size_t count);
/* Waits for a line about this process, and gives it from its role on. */
#define LOG_LINE_SIZE 512
void server_await_line(const struct server *, const char *role, pid_t,
    char line[LOG_LINE_SIZE]);
/* This part has to be in it. */
void expect_part(const char *line, const char *part);
/* The port of the listener on this host, for those with several. */
int server_port(const struct server *, const char *host);

/* "registry" or "acceptor": waits until there is one. */
pid_t server_pid(const struct server *, const char *role);
/* All acceptors: waits until there are so many, and no others. */
void server_acceptors(const struct server *, pid_t *pids, size_t count);
/* The worker of this (TCP) client. */
pid_t server_worker(const struct server *, int fd);
/* The worker of a client of the Unix socket. */
pid_t server_worker_unix(const struct server *);
/* How many processes have a title that begins so. */
size_t server_count(const struct server *, const char *title);
/* The pids of at most so many of them; returns how many. */
size_t server_pids(const struct server *, const char *title, pid_t *pids,
    size_t max);

/* The title and the parent of a process; false when there is none. */
bool process_title(pid_t, char *title, size_t size);
/* And that ps(1) finds nothing behind it. */
void process_expect_title(pid_t, const char *want);
pid_t process_parent(pid_t);
/* SIGKILL, and waits until it is dead. */
void process_kill(pid_t);
void process_await_end(pid_t);
/* Sets the soft limit of another process; returns what it was. */
rlim_t process_limit(pid_t, enum __rlimit_resource, rlim_t soft);
/* It uses next to no processor time for a while. */
void process_expect_idle(pid_t);

/*
 * Runs the kvd command with these arguments until it and all that it has
 * left attached to its output have ended.  Returns its exit status, 128 and
 * something when killed.  The output, NUL-terminated, is for the caller to
 * look at.
 */
#define OUTPUT_SIZE 4096
int kvd_command(const char *const args[], char output[OUTPUT_SIZE]);
/* The same for any command, found in PATH. */
int run_command(const char *const args[], char output[OUTPUT_SIZE]);
/* The absolute path of the build directory. */
const char *build_dir(void);
/* Can this program be found in PATH?  Says that its test is skipped if not. */
bool have_program(const char *name);

/* Clients: file descriptors, close-on-exec. */
int client_connect(const struct server *);
int client_connect_to(const char *host, int port);
int client_connect_unix(const char *path);
/* The server listens on `unix sock` in its directory. */
int server_connect_unix(const struct server *);
/* A client that is served; the second is gone when it returns. */
int connect_and_ping(const struct server *);
void expect_new_client(const struct server *);
/* Waits until the worker has read all that was sent on a Unix socket
 * (unix(7), SIOCOUTQ). */
void client_await_read(int fd);
/* From this address, not from one that the kernel chooses. */
int client_connect_from(const struct server *, const char *source);
/*
 * Connects until it is not refused because there are too many: who has left
 * may still be counted for a moment.  It has been served when this returns.
 */
typedef int connect_function(const struct server *);
int client_await_room(const struct server *, connect_function *);
void client_send(int fd, const void *data, size_t size);
void client_say(int fd, const char *text);
/* Exactly these bytes come next. */
void client_expect(int fd, const void *data, size_t size);
void client_hear(int fd, const char *text);
void client_ask(int fd, const char *request, const char *reply);
/* The next line, with its end. */
#define LINE_SIZE 128
/* A number that STATS tells. */
long client_stat(int fd, const char *name);
void client_read_line(int fd, char line[LINE_SIZE]);
/* Nothing but the end comes next; closes. */
void client_expect_end(int fd);
/* The end comes, sooner or later, however it comes; closes. */
void client_expect_gone(int fd);
/* All that comes until the end; closes.  Freed by the caller, NUL behind. */
char *client_read_all(int fd, size_t *size);
void client_half_close(int fd);
/* The local port. */
int client_port(int fd);

/*
 * Sends and receives at the same time, and compares.  This one does not fail
 * the test: it is for processes that are not Check's, too.
 */
enum exchange_result {
	EXCHANGE_OK,
	EXCHANGE_ENDED, /* the connection, before all was sent and received */
	EXCHANGE_WRONG, /* other bytes, or none in time */
};

struct exchange {
	const void *out;
	size_t out_size;
	const void *want;
	size_t want_size;
	size_t got; /* bytes that came as wanted */
	char instead[64]; /* what came instead, to its line's end */
	char error[512];
};

enum exchange_result exchange_run(int fd, struct exchange *);
/* This one does fail the test. */
void client_exchange(int fd, const void *out, size_t out_size, const void *want,
    size_t want_size);

#endif
