/*
 * server: see server.h.
 *
 * The test makes itself a subreaper: it becomes the parent of each process of
 * the server whose own parent dies.  Therefore waitpid(2) for the process
 * group of the server reports how each process ended, and when none is left.
 */

#include "server.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "process.h"
#include "suite.h"
#include "wait.h"

/* Paths of Unix sockets are short: sun_path has 108 bytes. */
#define DIR_MAX 40

/* The directory, and the guardian */

static void
print_log(const char *dir)
{
	char path[PATH_MAX], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", dir);
	if ((file = fopen(path, "r")) == NULL)
		return;
	fprintf(stderr, "The log of the test that failed (%s):\n", dir);
	while (fgets(line, sizeof(line), file) != NULL)
		fputs(line, stderr);
	(void)fclose(file);
}

/* In the guardian, when the test has died. */
static void
clean_up(const void *dir)
{
	print_log(dir);
	remove_tree(dir);
}

struct server *
server_new(void)
{
	struct server *s = calloc(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	ck_assert_ptr_nonnull(s);
	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > DIR_MAX)
		tmp = "/tmp";
	snprintf(s->dir, sizeof(s->dir), "%s/kvd.XXXXXX", tmp);
	ck_assert_msg(mkdtemp(s->dir) != NULL, "%s: %s", s->dir,
	    strerror(errno));
	/* A registry or worker with another user id must reach its files. */
	ck_assert_int_eq(chmod(s->dir, 0711), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert(guardian_start(&s->guardian, clean_up, s->dir));
	server_option(s, "libexec %s", build_dir());
	server_option(s, "data %s/data", s->dir);
	server_option(s, "runtime %s/run", s->dir);
	return s;
}

void
server_option(struct server *s, const char *format, ...)
{
	va_list args;
	char *option;

	va_start(args, format);
	ck_assert_int_ne(vasprintf(&option, format, args), -1);
	va_end(args);
	/* server_spawn may add one. */
	ck_assert_uint_lt(s->n_options, SERVER_OPTIONS_MAX - 1);
	s->options[s->n_options++] = option;
	if (strncmp(option, "listen ", 7) == 0)
		s->listens++;
	if (strncmp(option, "cache ", 6) == 0)
		s->has_cache = true;
}

/* The file's `listen' lines matter only if no option says `listen'. */
static size_t
count_listens(const char *text)
{
	size_t n = strncmp(text, "listen ", 7) == 0;

	while ((text = strstr(text, "\nlisten ")) != NULL) {
		text++;
		n++;
	}
	return n;
}

void
server_file(struct server *s, const char *format, ...)
{
	char path[PATH_MAX], *text;
	va_list args;
	FILE *file;

	va_start(args, format);
	ck_assert_int_ne(vasprintf(&text, format, args), -1);
	va_end(args);
	snprintf(path, sizeof(path), "%s/kvd.conf", s->dir);
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	/* A server that runs has announced its addresses already. */
	if (s->pid == 0 && s->listens == 0)
		s->listens = count_listens(text);
	s->has_file = true;
	if (strstr(text, "cache ") != NULL)
		s->has_cache = true;
	free(text);
}

/* Starting */

/* In the child: becomes the master. */
__attribute__((noreturn)) static void
exec_server(const struct server *s)
{
	const char *argv[2 * SERVER_OPTIONS_MAX + 9] = { "kvd" };
	const char *size = getenv("KVD_TEST_CACHE");
	char path[PATH_MAX + sizeof("/kvd")], cache[64];
	size_t i, n = 1;

	(void)setpgid(0, 0);
	snprintf(path, sizeof(path), "%s/log", s->dir);
	(void)close(STDIN_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
		_exit(126);
	(void)close(STDOUT_FILENO);
	if (open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) != STDOUT_FILENO ||
	    dup2(s->stderr_fd == 0 ? STDOUT_FILENO : s->stderr_fd,
		STDERR_FILENO) == -1)
		_exit(126);
	closefrom(3);
	(void)signal(SIGPIPE, SIG_DFL);
	if (s->name != NULL)
		argv[0] = s->name;
	if (!s->daemon)
		argv[n++] = "-d";
	if (s->ready != NULL) {
		argv[n++] = "-r";
		argv[n++] = s->ready;
	}
	if (s->has_file) {
		argv[n++] = "-f";
		argv[n++] = "kvd.conf";
	}
	if (size != NULL && !s->has_cache) {
		snprintf(cache, sizeof(cache), "cache %s", size);
		argv[n++] = "-o";
		argv[n++] = cache;
	}
	for (i = 0; i < s->n_options; i++) {
		argv[n++] = "-o";
		argv[n++] = s->options[i];
	}
	snprintf(path, sizeof(path), "%s/kvd", build_dir());
	if (chdir(s->dir) == -1)
		_exit(126);
	if (s->before_exec != NULL)
		s->before_exec(s);
	(void)execv(path, (char *const *)(void *)argv);
	_exit(127);
}

static void
await_ready(struct server *s)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int status;

	while (!server_is_announced(s)) {
		if (waitpid(s->pid, &status, WNOHANG) == s->pid)
			ck_abort_msg(
			    "kvd ended while it started, wait status %#x",
			    (unsigned int)status);
		pause_until(deadline_ms, "kvd does not get ready");
	}
}

void
server_spawn(struct server *s)
{
	ck_assert_int_eq(s->pid, 0);
	if (s->listens == 0)
		server_option(s, "listen 127.0.0.1:0");
	s->log_start = server_log_size(s);
	s->pid = fork_unhandled();
	if (s->pid == 0)
		exec_server(s);
	/* Parent and child both do this; one of them is first. */
	(void)setpgid(s->pid, s->pid);
	ck_assert(guardian_watch(&s->guardian, s->pid));
}

void
server_run(struct server *s)
{
	server_spawn(s);
	await_ready(s);
	server_find_address(s);
}

struct server *
server_start(const char *const options[])
{
	struct server *s = server_new();

	for (; options != NULL && *options != NULL; options++)
		server_option(s, "%s", *options);
	server_run(s);
	return s;
}

void
server_restart(struct server *s)
{
	server_run(s);
}

void
server_keep_port(struct server *s)
{
	char **last = &s->options[s->n_options - 1];

	ck_assert_int_eq(strncmp(*last, "listen ", 7), 0);
	free(*last);
	ck_assert_int_ne(asprintf(last, "listen %s:%d", s->host, s->port), -1);
}

void
server_adopt(struct server *s, pid_t pid)
{
	s->pid = pid;
	ck_assert(guardian_watch(&s->guardian, pid));
}

/* Ending */

/*
 * A process may exit with status 0 or be killed by a test.  SIGTERM came from
 * a master that was killed before it could reap the process.
 */
static void
expect_good_end(pid_t pid, int status)
{
	if (WIFSIGNALED(status) ?
		WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM :
		WEXITSTATUS(status) != 0)
		ck_abort_msg("process %ld of the server ended with %#x",
		    (long)pid, (unsigned int)status);
}

int
server_await_end(struct server *s, int64_t ms)
{
	int64_t deadline_ms = now_ms() + ms;
	int status, master_status = -1;
	pid_t pid;

	ck_assert_int_gt(s->pid, 0);
	for (;;) {
		pid = waitpid(-s->pid, &status, WNOHANG);
		if (pid == s->pid)
			master_status = status;
		else if (pid > 0)
			expect_good_end(pid, status);
		else if (pid == -1)
			break;
		else if (now_ms() > deadline_ms)
			server_report_left(s);
		else
			pause_until(deadline_ms + WAIT_MS, "the end");
	}
	ck_assert_int_eq(errno, ECHILD);
	s->pid = 0;
	return master_status;
}

void
server_kill_all(struct server *s)
{
	ck_assert_int_gt(s->pid, 0);
	ck_assert_int_eq(kill(-s->pid, SIGKILL), 0);
	(void)server_await_end(s, WAIT_MS);
}

void
server_free(struct server *s)
{
	size_t i;

	ck_assert_int_eq(s->pid, 0);
	ck_assert(guardian_end(&s->guardian));
	remove_tree(s->dir);
	for (i = 0; i < s->n_options; i++)
		free(s->options[i]);
	free(s);
}

/* Nobody but the log reports that a sanitizer has ended a worker. */
static void
expect_sane_log(struct server *s)
{
	const char *log;

	s->log_start = 0;
	log = server_log(s);
	ck_assert_ptr_null(strstr(log, "Sanitizer"));
	ck_assert_ptr_null(strstr(log, "runtime error"));
}

static int
expect_not_left(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
	(void)type;
	if (S_ISSOCK(st->st_mode) || strcmp(path + where->base, "kvd.pid") == 0)
		ck_abort_msg("%s is left", path);
	return 0;
}

void
server_expect_clean(const struct server *s)
{
	ck_assert_int_eq(nftw(s->dir, expect_not_left, 16, FTW_PHYS), 0);
}

void
server_stop(struct server *s)
{
	int status;

	signal_process(s->pid, SIGTERM);
	status = server_await_end(s, WAIT_MS);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "kvd ended with wait status %#x", (unsigned int)status);
	expect_sane_log(s);
	server_expect_clean(s);
	server_free(s);
}
