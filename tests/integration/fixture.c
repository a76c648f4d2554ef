/*
 * fixture: a real kvd, started and stopped by a test.
 *
 * The test's process makes itself a subreaper, so that whoever is left of a
 * server becomes its child at last: waitpid(2) on the server's process group
 * tells for certain when nobody is left, and how everybody ended.
 */

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "proc.h"

#define LOG_MAX (256 * 1024)
#define PROCESSES_MAX 512
/* Paths of Unix sockets are short: sun_path has 108 bytes. */
#define DIR_MAX 40

int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
pause_until(int64_t deadline_ms, const char *what)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };

	if (now_ms() > deadline_ms)
		ck_abort_msg("waited too long: %s", what);
	(void)nanosleep(&pause, NULL);
}

const char *
build_dir(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("KVD_BUILD");

	if (realpath(dir == NULL ? "." : dir, path) == NULL)
		ck_abort_msg("KVD_BUILD: %s", strerror(errno));
	return path;
}

/* Removing directories */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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

/* The guardian */

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

/* Is told process groups, then 0; end of file: the test died before that. */
__attribute__((noreturn)) static void
guard(const char *dir, int fd)
{
	pid_t pid, group = 0;

	(void)setsid();
	if (dup2(fd, 3) == -1)
		_exit(1);
	closefrom(4);
	while (read(3, &pid, sizeof(pid)) == (ssize_t)sizeof(pid)) {
		if (pid == 0)
			_exit(0);
		group = pid;
	}
	if (group != 0)
		(void)kill(-group, SIGKILL);
	print_log(dir);
	remove_tree(dir);
	_exit(0);
}

static void
start_guardian(struct server *s)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	s->guardian = fork();
	ck_assert_int_ne(s->guardian, -1);
	if (s->guardian == 0)
		guard(s->dir, fds[0]);
	(void)close(fds[0]);
	s->guard_fd = fds[1];
}

static void
tell_guardian(const struct server *s, pid_t pid)
{
	ck_assert_int_eq(write(s->guard_fd, &pid, sizeof(pid)), sizeof(pid));
}

/* Starting */

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
	/* A registry or worker with a user of its own has to get through. */
	ck_assert_int_eq(chmod(s->dir, 0711), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start_guardian(s);
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
	/* One is kept for server_run. */
	ck_assert_uint_lt(s->n_options, SERVER_OPTIONS_MAX - 1);
	s->options[s->n_options++] = option;
	if (strncmp(option, "listen ", 7) == 0)
		s->listens++;
}

/* Lines of the file count only if no option says `listen`. */
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
	/* While it runs, more may come than it has announced. */
	if (s->pid == 0 && s->listens == 0)
		s->listens = count_listens(text);
	s->has_file = true;
	free(text);
}

/*
 * Check handles signals, and would in a child that has not yet executed what
 * it is for: that begins with none handled.
 */
static pid_t
fork_unhandled(void)
{
	static const int handled[] = { SIGALRM, SIGINT, SIGTERM };
	sigset_t all, before;
	size_t i;
	pid_t pid;

	fflush(NULL);
	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, &before), 0);
	pid = fork();
	for (i = 0; pid == 0 && i < COUNT(handled); i++)
		(void)signal(handled[i], SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	ck_assert_int_ne(pid, -1);
	return pid;
}

/* In the child: becomes the master. */
__attribute__((noreturn)) static void
exec_server(const struct server *s)
{
	const char *argv[2 * SERVER_OPTIONS_MAX + 7] = { "kvd" };
	char path[PATH_MAX + sizeof("/kvd")];
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

static long
log_size(const struct server *s)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	return stat(path, &st) == -1 ? 0 : (long)st.st_size;
}

const char *
server_log(const struct server *s)
{
	static char text[LOG_MAX];
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	text[0] = '\0';
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return text;
	n = pread(fd, text, sizeof(text) - 1, s->log_start);
	text[n < 0 ? 0 : n] = '\0';
	(void)close(fd);
	return text;
}

size_t
server_log_count(const struct server *s, const char *text)
{
	const char *p = server_log(s);
	size_t n = 0;

	while ((p = strstr(p, text)) != NULL) {
		p++;
		n++;
	}
	return n;
}

void
server_await_log(const struct server *s, const char *text, size_t count)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (server_log_count(s, text) < count)
		pause_until(deadline_ms, text);
}

/* Only when it is complete. */
static bool
find_line(const struct server *s, const char *start, char line[LOG_LINE_SIZE])
{
	const char *p = strstr(server_log(s), start);

	if (p == NULL || strchr(p, '\n') == NULL)
		return false;
	(void)strlcpy(line, p, LOG_LINE_SIZE);
	line[strcspn(line, "\n")] = '\0';
	return true;
}

void
server_await_line(const struct server *s, const char *role, pid_t pid,
    char line[LOG_LINE_SIZE])
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char start[64];

	snprintf(start, sizeof(start), "%s (pid %ld", role, (long)pid);
	while (!find_line(s, start, line))
		pause_until(deadline_ms, start);
}

void
expect_part(const char *line, const char *part)
{
	ck_assert_msg(strstr(line, part) != NULL, "\"%s\" is not in: %s", part,
	    line);
}

static const char announcement[] = "Accepting connections on ";

/* Have all listeners been announced? */
static bool
is_announced(const struct server *s)
{
	const char *p = server_log(s);
	size_t n;

	for (n = 0; n < s->listens; n++) {
		if ((p = strstr(p, announcement)) == NULL ||
		    (p = strchr(p, '\n')) == NULL)
			return false;
	}
	return true;
}

static void
await_ready(struct server *s)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int status;

	while (!is_announced(s)) {
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
	s->log_start = log_size(s);
	s->pid = fork_unhandled();
	if (s->pid == 0)
		exec_server(s);
	/* Whoever of the two is first. */
	(void)setpgid(s->pid, s->pid);
	tell_guardian(s, s->pid);
}

void
server_run(struct server *s)
{
	const char *p;

	server_spawn(s);
	await_ready(s);
	p = strstr(server_log(s), announcement) + strlen(announcement);
	s->port = 0;
	if (sscanf(p, "%63[^ ] port %d\n", s->host, &s->port) != 2)
		s->host[0] = '\0'; /* a Unix socket */
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
	tell_guardian(s, pid);
}

int
server_port(const struct server *s, const char *host)
{
	char start[128];
	const char *p;

	snprintf(start, sizeof(start), "%s%s port ", announcement, host);
	p = strstr(server_log(s), start);
	ck_assert_msg(p != NULL, "no listener on %s", host);
	return atoi(p + strlen(start));
}

/* Ending */

/* By itself, or killed, or told to end by a master that was killed itself
 * before it could reap it. */
static void
expect_good_end(pid_t pid, int status)
{
	if (WIFSIGNALED(status) ?
		WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM :
		WEXITSTATUS(status) != 0)
		ck_abort_msg("process %ld of the server ended with %#x",
		    (long)pid, (unsigned int)status);
}

static void report_left(const struct server *s);

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
			report_left(s);
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
	tell_guardian(s, 0);
	ck_assert_int_eq(waitpid(s->guardian, NULL, 0), s->guardian);
	(void)close(s->guard_fd);
	remove_tree(s->dir);
	for (i = 0; i < s->n_options; i++)
		free(s->options[i]);
	free(s);
}

/* A worker's end by a sanitizer is seen by nobody else. */
static void
expect_sane_log(struct server *s)
{
	const char *log;

	s->log_start = 0;
	log = server_log(s);
	ck_assert_ptr_null(strstr(log, "Sanitizer"));
	ck_assert_ptr_null(strstr(log, "runtime error"));
}

void
server_stop(struct server *s)
{
	int status;

	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	status = server_await_end(s, WAIT_MS);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "kvd ended with wait status %#x", (unsigned int)status);
	expect_sane_log(s);
	server_expect_clean(s);
	server_free(s);
}

/* Processes */

/* Those that live. */
static size_t
list_processes(const struct server *s, struct proc *list)
{
	size_t i, n = proc_list(s->pid, list, PROCESSES_MAX), alive = 0;

	for (i = 0; i < n; i++)
		if (!proc_is_dead(&list[i]))
			list[alive++] = list[i];
	return alive;
}

static void
report_left(const struct server *s)
{
	static struct proc list[PROCESSES_MAX];
	size_t n = list_processes(s, list);

	ck_abort_msg("%zu processes are left, one is \"%s\" (pid %ld)", n,
	    n == 0 ? "" : list[0].title, n == 0 ? 0L : (long)list[0].pid);
}

/* A process with this title and, unless it is 0, this parent; or 0. */
static pid_t
find_process(const struct server *s, pid_t parent, const char *title)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list);

	for (i = 0; i < n; i++)
		if ((parent == 0 || list[i].parent == parent) &&
		    strcmp(list[i].title, title) == 0)
			return list[i].pid;
	return 0;
}

static pid_t
await_process(const struct server *s, pid_t parent, const char *title)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t pid;

	while ((pid = find_process(s, parent, title)) == 0)
		pause_until(deadline_ms, title);
	return pid;
}

pid_t
server_pid(const struct server *s, const char *role)
{
	char title[64];

	snprintf(title, sizeof(title), "kvd: %s", role);
	/* A new worker is still called as the acceptor, its parent, is. */
	return await_process(s, s->pid, title);
}

static bool
find_acceptors(const struct server *s, pid_t *pids, size_t count)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list), found = 0;

	for (i = 0; i < n; i++) {
		if (list[i].parent != s->pid ||
		    strcmp(list[i].title, "kvd: acceptor") != 0)
			continue;
		if (found < count)
			pids[found] = list[i].pid;
		found++;
	}
	return found == count;
}

void
server_acceptors(const struct server *s, pid_t *pids, size_t count)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (!find_acceptors(s, pids, count))
		pause_until(deadline_ms,
		    "not as many acceptors as there are "
		    "to be");
}

pid_t
server_worker(const struct server *s, int fd)
{
	char title[128];

	snprintf(title, sizeof(title), "kvd: worker %s:%d", s->host,
	    client_port(fd));
	return await_process(s, 0, title);
}

pid_t
server_worker_unix(const struct server *s)
{
	return await_process(s, 0, "kvd: worker unix");
}

size_t
server_pids(const struct server *s, const char *title, pid_t *pids, size_t max)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = list_processes(s, list), count = 0;

	for (i = 0; i < n; i++) {
		if (strncmp(list[i].title, title, strlen(title)) != 0)
			continue;
		if (count < max)
			pids[count] = list[i].pid;
		count++;
	}
	return pids == NULL || count < max ? count : max;
}

size_t
server_count(const struct server *s, const char *title)
{
	return server_pids(s, title, NULL, 0);
}

bool
process_title(pid_t pid, char *title, size_t size)
{
	struct proc p;

	if (!proc_read(pid, &p) || proc_is_dead(&p))
		return false;
	(void)snprintf(title, size, "%s", p.title);
	return true;
}

void
process_expect_title(pid_t pid, const char *want)
{
	ssize_t n, size = (ssize_t)strlen(want) + 1;
	char path[64], title[8192];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
	ck_assert_int_ne(fd = open(path, O_RDONLY | O_CLOEXEC), -1);
	ck_assert_int_ge(n = read(fd, title, sizeof(title)), size);
	(void)close(fd);
	ck_assert_str_eq(title, want);
	for (; size < n; size++)
		ck_assert_int_eq(title[size], '\0');
}

pid_t
process_parent(pid_t pid)
{
	struct proc p;

	return proc_read(pid, &p) ? p.parent : 0;
}

void
process_await_end(pid_t pid)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct proc p;

	while (proc_read(pid, &p) && !proc_is_dead(&p))
		pause_until(deadline_ms, "a killed process does not die");
}

void
process_kill(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	process_await_end(pid);
}

rlim_t
process_limit(pid_t pid, enum __rlimit_resource resource, rlim_t soft)
{
	struct rlimit limit;
	rlim_t before;

	ck_assert_int_eq(prlimit(pid, resource, NULL, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = soft;
	ck_assert_int_eq(prlimit(pid, resource, &limit, NULL), 0);
	return before;
}

static int64_t
cpu_ms(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	ck_assert_int_eq(clock_getcpuclockid(pid, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &ts), 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A window in which a process that spins would be seen to. */
#define WATCH_MS 500
#define SPIN_MS (WATCH_MS / 10)

void
process_expect_idle(pid_t pid)
{
	int64_t before_ms = cpu_ms(pid), end_ms = now_ms() + WATCH_MS;

	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
	ck_assert_int_lt(cpu_ms(pid) - before_ms, SPIN_MS);
}

/* Commands */

__attribute__((noreturn)) static void
exec_command(const char *path, const char *const args[], int out)
{
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(STDIN_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
		_exit(126);
	closefrom(3);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(path, (char *const *)(void *)(uintptr_t)args);
	_exit(127);
}

/* Reads until nobody has the other end open any more. */
static void
collect_output(int fd, char output[OUTPUT_SIZE], pid_t group)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char rest[512];
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0) {
		if (poll(&pfd, 1, (int)(deadline_ms - now_ms())) != 1) {
			(void)kill(-group, SIGKILL);
			ck_abort_msg("the command does not end");
		}
		if (size < OUTPUT_SIZE - 1)
			n = read(fd, output + size, OUTPUT_SIZE - 1 - size);
		else
			n = read(fd, rest, sizeof(rest)); /* let it go on */
		if (n > 0 && size < OUTPUT_SIZE - 1)
			size += (size_t)n;
	}
	output[size] = '\0';
	(void)close(fd);
}

static int
run_path(const char *path, const char *const args[], char output[OUTPUT_SIZE])
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork_unhandled();
	if (pid == 0)
		exec_command(path, args, fds[1]);
	(void)setpgid(pid, pid);
	(void)close(fds[1]);
	collect_output(fds[0], output, pid);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* As the subreaper of all of them this process would know. */
	ck_assert_int_eq(waitpid(-pid, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int
kvd_command(const char *const args[], char output[OUTPUT_SIZE])
{
	char path[PATH_MAX + sizeof("/kvd")];

	snprintf(path, sizeof(path), "%s/kvd", build_dir());
	return run_path(path, args, output);
}

int
run_command(const char *const args[], char output[OUTPUT_SIZE])
{
	return run_path(args[0], args, output);
}

bool
have_program(const char *name)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path == NULL ? "" : path), *dirs = copy, *dir;
	char file[PATH_MAX];
	bool found = false;

	ck_assert_ptr_nonnull(copy);
	while (!found && (dir = strsep(&dirs, ":")) != NULL) {
		snprintf(file, sizeof(file), "%s/%s", dir, name);
		found = access(file, X_OK) == 0;
	}
	free(copy);
	if (!found)
		printf("%s is not installed: its test is skipped\n", name);
	return found;
}

/* Clients */

static int
connect_or_fail(int fd, const struct sockaddr *addr, socklen_t size)
{
	ck_assert_int_ne(fd, -1);
	if (connect(fd, addr, size) == -1)
		ck_abort_msg("cannot connect: %s", strerror(errno));
	return fd;
}

int
client_connect_to(const char *host, int port)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai;
	static const int on = 1;
	char service[16];
	int fd;

	snprintf(service, sizeof(service), "%d", port);
	ck_assert_int_eq(getaddrinfo(host, service, &hints, &ai), 0);
	fd = connect_or_fail(
	    socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), ai->ai_addr,
	    ai->ai_addrlen);
	freeaddrinfo(ai);
	/* Each write is to be a segment of its own. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int
client_connect(const struct server *s)
{
	return client_connect_to(s->host, s->port);
}

int
client_connect_from(const struct server *s, const char *source)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)s->port);
	ck_assert_int_eq(inet_pton(AF_INET, source, &from.sin_addr), 1);
	ck_assert_int_eq(inet_pton(AF_INET, s->host, &to.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&from, sizeof(from)),
	    0);
	return connect_or_fail(fd, (const struct sockaddr *)&to, sizeof(to));
}

int
client_connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	ck_assert_uint_lt(strlen(path), sizeof(sun.sun_path));
	memcpy(sun.sun_path, path, strlen(path));
	return connect_or_fail(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    (const struct sockaddr *)&sun, sizeof(sun));
}

int
server_connect_unix(const struct server *s)
{
	char path[sizeof(s->dir) + 8];

	snprintf(path, sizeof(path), "%s/sock", s->dir);
	return client_connect_unix(path);
}

int
client_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)(void *)&addr)->sin6_port);
	return ntohs(((struct sockaddr_in *)(void *)&addr)->sin_port);
}

/* The first bytes, printable, in static buffers that take turns. */
static const char *
show(const void *data, size_t size)
{
	static char texts[2][200];
	static int turn;
	const uint8_t *p = data;
	char *text = texts[turn = !turn];
	size_t i, n = 0;

	for (i = 0; i < size && i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(texts[0]) - n,
		    isprint(p[i]) && p[i] != '\\' ? "%c" : "\\x%02x", p[i]);
	text[n] = '\0';
	return text;
}

static enum exchange_result
exchange_ended(struct exchange *x, const char *how)
{
	snprintf(x->error, sizeof(x->error),
	    "%s after %zu bytes, where \"%s\" was to come", how, x->got,
	    show((const uint8_t *)x->want + x->got, x->want_size - x->got));
	return EXCHANGE_ENDED;
}

/* The rest of a line that was not expected, for whoever has to judge it. */
static void
read_instead(int fd, struct exchange *x, const uint8_t *data, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t room = sizeof(x->instead) - 1;

	if (size > room)
		size = room;
	memcpy(x->instead, data, size);
	while (size < room && memchr(x->instead, '\n', size) == NULL &&
	    poll(&pfd, 1, WAIT_MS) == 1 &&
	    recv(fd, x->instead + size, 1, MSG_DONTWAIT) == 1)
		size++;
	x->instead[size] = '\0';
}

static enum exchange_result
exchange_wrong(int fd, struct exchange *x, const uint8_t *data, size_t size)
{
	const uint8_t *want = (const uint8_t *)x->want + x->got;
	size_t same;

	for (same = 0; same < size && data[same] == want[same]; same++)
		;
	read_instead(fd, x, data + same, size - same);
	snprintf(x->error, sizeof(x->error),
	    "byte %zu: \"%s\" came, where \"%s\" was to", x->got + same,
	    show(x->instead, strlen(x->instead)),
	    show(want + same, x->want_size - x->got - same));
	x->got += same;
	return EXCHANGE_WRONG;
}

static enum exchange_result
exchange_recv(int fd, struct exchange *x)
{
	static uint8_t data[65536];
	size_t left = x->want_size - x->got;
	ssize_t n;

	n = recv(fd, data, left < sizeof(data) ? left : sizeof(data),
	    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return EXCHANGE_OK;
	if (n <= 0)
		return exchange_ended(x,
		    n == 0 ? "the end came" : strerror(errno));
	if (memcmp(data, (const uint8_t *)x->want + x->got, (size_t)n) != 0)
		return exchange_wrong(fd, x, data, (size_t)n);
	x->got += (size_t)n;
	return EXCHANGE_OK;
}

static enum exchange_result
exchange_send(int fd, struct exchange *x, size_t *sent)
{
	ssize_t n;

	n = send(fd, (const uint8_t *)x->out + *sent, x->out_size - *sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return EXCHANGE_OK;
	if (n == -1)
		return exchange_ended(x, strerror(errno));
	*sent += (size_t)n;
	return EXCHANGE_OK;
}

enum exchange_result
exchange_run(int fd, struct exchange *x)
{
	enum exchange_result result = EXCHANGE_OK;
	struct pollfd pfd = { .fd = fd };
	size_t sent = 0;

	x->got = 0;
	while (result == EXCHANGE_OK &&
	    (sent < x->out_size || x->got < x->want_size)) {
		pfd.events = 0;
		if (sent < x->out_size)
			pfd.events |= POLLOUT;
		if (x->got < x->want_size)
			pfd.events |= POLLIN;
		if (poll(&pfd, 1, WAIT_MS) != 1) {
			(void)exchange_ended(x, "nothing came");
			return EXCHANGE_WRONG;
		}
		/* What has come before an end is not lost. */
		if (x->got < x->want_size &&
		    (pfd.revents & (POLLIN | POLLHUP | POLLERR)))
			result = exchange_recv(fd, x);
		else
			result = exchange_send(fd, x, &sent);
	}
	return result;
}

void
client_exchange(int fd, const void *out, size_t out_size, const void *want,
    size_t want_size)
{
	struct exchange x = { .out = out,
		.out_size = out_size,
		.want = want,
		.want_size = want_size };

	if (exchange_run(fd, &x) != EXCHANGE_OK)
		ck_abort_msg("\"%s\": %s", show(out, out_size), x.error);
}

/* Returns -1 if that is refused. */
static int
try_client(const struct server *s, connect_function *connect)
{
	static const char out[] = "ECHO a\n", want[] = "a\r\nOK\r\n";
	static const char too_many[] = "ERROR too many clients";
	struct exchange x = { .out = out,
		.out_size = sizeof(out) - 1,
		.want = want,
		.want_size = sizeof(want) - 1 };
	int fd = connect(s);

	switch (exchange_run(fd, &x)) {
	case EXCHANGE_OK:
		return fd;
	case EXCHANGE_WRONG:
		ck_assert_msg(strncmp(x.instead, too_many, strlen(too_many)) ==
			0,
		    "%s", x.error);
		break;
	case EXCHANGE_ENDED:
		break; /* what it was told was not read */
	}
	(void)close(fd);
	return -1;
}

int
client_await_room(const struct server *s, connect_function *connect)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int fd;

	while ((fd = try_client(s, connect)) == -1)
		pause_until(deadline_ms, "there is no room for a client");
	return fd;
}

void
client_send(int fd, const void *data, size_t size)
{
	client_exchange(fd, data, size, NULL, 0);
}

void
client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

void
client_expect(int fd, const void *data, size_t size)
{
	client_exchange(fd, NULL, 0, data, size);
}

void
client_hear(int fd, const char *text)
{
	client_expect(fd, text, strlen(text));
}

void
client_ask(int fd, const char *request, const char *reply)
{
	client_exchange(fd, request, strlen(request), reply, strlen(reply));
}

/* Waits and reads: more than 0 bytes, 0 at the end, -1 and errno. */
static ssize_t
await_bytes(int fd, void *data, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, WAIT_MS) != 1)
		ck_abort_msg("nothing came, not even the end");
	return recv(fd, data, size, 0);
}

void
client_read_line(int fd, char line[LINE_SIZE])
{
	size_t size = 0;
	ssize_t n;

	do {
		ck_assert_uint_lt(size, LINE_SIZE - 1);
		n = await_bytes(fd, line + size, 1);
		ck_assert_msg(n == 1, "the end came, where a line was to");
	} while (line[size++] != '\n');
	line[size] = '\0';
}

void
client_expect_end(int fd)
{
	char data[64];
	ssize_t n;

	n = await_bytes(fd, data, sizeof(data));
	if (n > 0)
		ck_abort_msg("\"%s\" came, where the end was to",
		    show(data, (size_t)n));
	if (n == -1)
		ck_abort_msg("%s came, where the end was to", strerror(errno));
	(void)close(fd);
}

void
client_expect_gone(int fd)
{
	static char data[65536];

	while (await_bytes(fd, data, sizeof(data)) > 0)
		;
	(void)close(fd);
}

char *
client_read_all(int fd, size_t *size)
{
	size_t room = 65536;
	char *data = NULL;
	ssize_t n;

	for (*size = 0;; *size += (size_t)n) {
		if (data == NULL || *size == room - 1)
			data = realloc(data, room *= 2);
		ck_assert_ptr_nonnull(data);
		n = await_bytes(fd, data + *size, room - 1 - *size);
		ck_assert_msg(n != -1, "%s", strerror(errno));
		if (n == 0)
			break;
	}
	data[*size] = '\0';
	(void)close(fd);
	return data;
}

void
client_half_close(int fd)
{
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
}

long
client_stat(int fd, const char *name)
{
	char line[LINE_SIZE], word[LINE_SIZE];
	long number, found = -1;

	client_say(fd, "STATS\n");
	for (;;) {
		client_read_line(fd, line);
		if (strcmp(line, "OK\r\n") == 0)
			break;
		ck_assert_int_eq(sscanf(line, "%127s %ld\r\n", word, &number),
		    2);
		if (strcmp(word, name) == 0)
			found = number;
	}
	ck_assert_msg(found >= 0, "no %s in STATS", name);
	return found;
}

void
client_await_read(int fd)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	int unread;

	for (;;) {
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unread), 0);
		if (unread == 0)
			return;
		ck_assert_int_lt(now_ms(), deadline_ms);
		(void)sched_yield();
	}
}

void
pause_ms(int64_t ms)
{
	int64_t end_ms = now_ms() + ms;

	while (now_ms() < end_ms)
		pause_until(end_ms + WAIT_MS, "");
}

void
signal_process(pid_t pid, int signo)
{
	ck_assert_int_eq(kill(pid, signo), 0);
}

int
connect_and_ping(const struct server *s)
{
	int fd = client_connect(s);

	client_ask(fd, "PING\n", "OK\r\n");
	return fd;
}

void
expect_new_client(const struct server *s)
{
	int fd = client_connect(s);

	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}
