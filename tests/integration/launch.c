/*
 * launch: see launch.h.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "launch.h"

#define ARGS_MAX (2 * SERVER_OPTIONS_MAX)
#define PATHS 4
#define WORKERS_MAX 64

const char *
launch_path(const struct server *s, const char *name)
{
	static char paths[PATHS][PATH_MAX];
	static size_t turn;
	char *path = paths[turn++ % PATHS];

	snprintf(path, PATH_MAX, "%s/%s", s->dir, name);
	return path;
}

void
launch_stat(const struct server *s, const char *name, struct stat *st)
{
	if (lstat(launch_path(s, name), st) == -1)
		ck_abort_msg("%s: %s", name, strerror(errno));
}

bool
launch_exists(const struct server *s, const char *name)
{
	struct stat st;

	return lstat(launch_path(s, name), &st) == 0;
}

const char *
launch_read(const struct server *s, const char *name)
{
	static char text[4096];
	ssize_t n;
	int fd = open(launch_path(s, name), O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd != -1, "%s: %s", name, strerror(errno));
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	(void)close(fd);
	return text;
}

void
launch_write(const struct server *s, const char *name, const char *text)
{
	FILE *file = fopen(launch_path(s, name), "we");

	ck_assert_msg(file != NULL, "%s: %s", name, strerror(errno));
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

void
launch_listen(struct server *s)
{
	server_option(s, "listen unix %s/sock", s->dir);
}

/* Returns -1 if nobody listens there. */
static int
try_connect(const struct server *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	(void)strlcpy(sun.sun_path, launch_path(s, "sock"),
	    sizeof(sun.sun_path));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

void
launch_await(const struct server *s)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int fd, status;

	while ((fd = try_connect(s)) == -1) {
		if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) == s->pid)
			ck_abort_msg("kvd ended with wait status %#x",
			    (unsigned int)status);
		pause_until(deadline_ms, "a listener");
	}
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}

void
launch_run(struct server *s)
{
	server_spawn(s);
	launch_await(s);
}

int
launch_client(const struct server *s)
{
	int fd = server_connect_unix(s);

	client_ask(fd, "PING\n", "OK\r\n");
	return fd;
}

void
launch_expect_served(const struct server *s)
{
	(void)close(launch_client(s));
}

static const char worker_title[] = "kvd: worker unix";

static bool
is_among(const pid_t *pids, size_t n, pid_t pid)
{
	while (n > 0)
		if (pids[--n] == pid)
			return true;
	return false;
}

/* Sets *worker to one that was not there before, and returns how many such
 * there are. */
static size_t
find_new_workers(const struct server *s, const pid_t *before, size_t n,
    pid_t *worker)
{
	pid_t after[WORKERS_MAX];
	size_t m = server_pids(s, worker_title, after, WORKERS_MAX), count = 0;

	while (m > 0)
		if (!is_among(before, n, after[--m])) {
			*worker = after[m];
			count++;
		}
	return count;
}

/*
 * A worker has its title when it has served its client.  So the worker of a
 * new client is among those whose title was not there before.  Others of them
 * are of clients that have just left, and end.
 */
int
launch_client_of(const struct server *s, pid_t *worker)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t before[WORKERS_MAX];
	size_t n = server_pids(s, worker_title, before, WORKERS_MAX);
	int fd = launch_client(s);

	while (find_new_workers(s, before, n, worker) != 1)
		pause_until(deadline_ms, "the worker cannot be found");
	return fd;
}

void
launch_crash(const struct server *s)
{
	pid_t worker;
	int fd = launch_client_of(s, &worker);

	signal_process(worker, SIGSEGV);
	client_expect_gone(fd);
}

/* Daemons */

pid_t
launch_command(struct server *s)
{
	pid_t pid;

	s->daemon = true;
	server_spawn(s);
	pid = s->pid;
	s->pid = 0;
	return pid;
}

int
launch_await_command(pid_t pid)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int status;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0)
		pause_until(deadline_ms, "the end of the command");
	ck_assert_int_eq(got, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool
read_pid(const struct server *s, pid_t *pid)
{
	FILE *file = fopen(launch_path(s, "run/kvd.pid"), "re");
	long number = 0;

	if (file == NULL)
		return false;
	if (fscanf(file, "%ld", &number) != 1)
		number = 0;
	(void)fclose(file);
	*pid = (pid_t)number;
	return number > 0;
}

void
launch_adopt(struct server *s)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t pid;

	while (!read_pid(s, &pid))
		pause_until(deadline_ms, "the pid file");
	server_adopt(s, pid);
}

void
launch_daemon(struct server *s)
{
	int status = launch_await_command(launch_command(s));

	ck_assert_msg(status == 0, "the command ended with %d:\n%s", status,
	    server_log(s));
	launch_adopt(s);
}

void
launch_after(struct server *s, void (*before_exec)(const struct server *),
    int how)
{
	s->before_exec = before_exec;
	s->how = how;
	if (s->daemon)
		launch_daemon(s);
	else
		launch_run(s);
}

/* A server that runs */

int
launch_second(const struct server *s, const char *const options[],
    char output[OUTPUT_SIZE])
{
	const char *args[ARGS_MAX + 3] = { "kvd", "-d" };
	size_t i, n = 2;

	for (i = 0; i < s->n_options; i++) {
		args[n++] = "-o";
		args[n++] = s->options[i];
	}
	for (; *options != NULL; options++) {
		ck_assert_uint_lt(n, ARGS_MAX);
		args[n++] = "-o";
		args[n++] = *options;
	}
	return kvd_command(args, output);
}

void
launch_reload(const struct server *s)
{
	static const char done[] = "the configuration was read again";
	size_t count = server_log_count(s, done);
	pid_t acceptor = server_pid(s, "acceptor");

	signal_process(s->pid, SIGHUP);
	server_await_log(s, done, count + 1);
	process_await_end(acceptor);
}

void
launch_kill(const struct server *s, const char *role)
{
	pid_t pid = server_pid(s, role);

	process_kill(pid);
	ck_assert_int_ne(server_pid(s, role), pid);
}
