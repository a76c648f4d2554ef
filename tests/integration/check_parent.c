/*
 * check_parent: kvd started by a parent that has left its descriptors, umask,
 * children, arguments and directory in disorder.  check_signals has the rest.
 */

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"
#include "proc.h"

static struct server *server;

static void
setup(void)
{
	server = server_new();
	launch_listen(server);
}

/* Standard descriptors that are closed */

#define DAEMON 8 /* the bit after those of descriptors 0 to 2 */
#define WAYS_TO_CLOSE 16

static void
close_some(const struct server *s)
{
	int fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (s->how & 1 << fd)
			(void)close(fd);
}

static void
expect_locked(const char *name)
{
	int fd = open(launch_path(server, name), O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	(void)close(fd);
}

/* Checks the files that a line of the log in the wrong place would destroy. */
static void
expect_intact(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", (long)pid);
	ck_assert_str_eq(launch_read(server, "run/kvd.pid"), text);
	snprintf(text, sizeof(text), "%20ld\n", (long)pid);
	ck_assert_str_eq(launch_read(server, "data/lock"), text);
	expect_locked("data");
	expect_locked("data/lock");
	expect_locked("run");
}

static void
expect_standard_fds(pid_t pid)
{
	char path[64];
	int fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
		ck_assert_msg(access(path, R_OK) == 0, "%s: %s", path,
		    strerror(errno));
	}
}

TEST(test_closed)
{
	int fd;

	server->daemon = _i & DAEMON;
	launch_after(server, close_some, _i);
	fd = launch_client(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	/* Each of these events is logged. */
	launch_crash(server);
	launch_kill(server, "registry");
	launch_kill(server, "acceptor");
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	expect_intact(server->pid);
	expect_standard_fds(server->pid);
	expect_standard_fds(server_pid(server, "registry"));
	expect_standard_fds(server_pid(server, "acceptor"));
	server_stop(server);
}

/* When two registries served one store, acknowledged writes were lost. */
TEST(test_two_on_one_store)
{
	char other[PATH_MAX], sock[PATH_MAX], output[OUTPUT_SIZE];
	const char *const options[] = { other, sock, NULL };

	server->daemon = true;
	launch_after(server, close_some, 7);
	snprintf(other, sizeof(other), "runtime %s/other", server->dir);
	snprintf(sock, sizeof(sock), "listen unix %s/other.sock", server->dir);
	server->n_options--;
	ck_assert_int_eq(launch_second(server, options, output), EX_CONFIG);
	server->n_options++;
	expect_part(output, "in use by another kvd");
	launch_expect_served(server);
	server_stop(server);
}

/* umask(2) */

static const mode_t umasks[] = { 0, 022, 0777 };

static void
set_umask(const struct server *s)
{
	(void)umask(umasks[s->how]);
}

static const struct {
	const char *name;
	mode_t mode;
} modes[] = {
	{ "run", 0755 },
	{ "run/kvd.pid", 0644 },
	{ "run/worker", 0700 },
	{ "run/worker/registry.sock", 0600 },
	{ "sock", 0600 },
	{ "data", 0700 },
	{ "data/lock", 0600 },
	{ "data/data.mdb", 0600 },
};

TEST(test_umask)
{
	struct stat st;
	size_t i;

	launch_after(server, set_umask, _i);
	for (i = 0; i < COUNT(modes); i++) {
		launch_stat(server, modes[i].name, &st);
		ck_assert_msg((st.st_mode & 07777) == modes[i].mode,
		    "%s has mode %o", modes[i].name, st.st_mode & 07777);
	}
	server_stop(server);
}

/* Children of the parent's, in the process that becomes kvd */

#define ENDS 1

static void
leave_child(const struct server *s)
{
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		(void)setpgid(0, 0);
		while (s->how != ENDS || access("end", F_OK) == -1)
			(void)usleep(1000);
		_exit(0);
	}
	fd = open("child", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (pid == -1 || fd == -1 || ftruncate(fd, (off_t)pid) == -1)
		_exit(126);
	(void)close(fd);
}

static pid_t
find_child(void)
{
	struct stat st;

	launch_stat(server, "child", &st);
	return (pid_t)st.st_size;
}

/* The child is none of kvd's, and kvd does not wait for its end. */
TEST(test_child)
{
	int64_t started_ms;
	struct proc p;
	pid_t child;
	int fd;

	server_option(server, "shutdown-timeout 1h");
	launch_after(server, leave_child, 0);
	child = find_child();
	fd = launch_client(server);
	/* kvd does not take it for an unknown worker, either. */
	launch_kill(server, "acceptor");
	launch_kill(server, "registry");
	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
	started_ms = now_ms();
	server_stop(server);
	ck_assert_int_lt(now_ms() - started_ms, WAIT_MS);
	ck_assert(proc_read(child, &p) && !proc_is_dead(&p));
	signal_process(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

/* The child ends, and does not stay a zombie. */
TEST(test_child_ends)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	struct proc p;

	launch_after(server, leave_child, ENDS);
	launch_write(server, "end", "");
	while (proc_read(find_child(), &p))
		pause_until(deadline_ms, "the child stays a zombie");
	launch_kill(server, "acceptor");
	launch_expect_served(server);
	server_stop(server);
}

/* Descriptors above 2: flock(1)'s, init's socket, s6's pipe */

#define INIT_FD 3 /* sd_listen_fds(3) */
#define READY_FD 8
#define READY "8"
#define LOCK_FD 9

static void
hand_over(const struct server *s)
{
	int fd = open("handed", O_RDWR | O_CREAT, 0600);

	(void)s;
	if (fd == -1 || dup2(fd, LOCK_FD) == -1 ||
	    flock(LOCK_FD, LOCK_EX | LOCK_NB) == -1)
		_exit(126);
	(void)close(fd);
}

static bool
is_free(const char *name)
{
	int fd = open(launch_path(server, name), O_RDONLY | O_CLOEXEC);
	bool got;

	ck_assert_int_ne(fd, -1);
	got = flock(fd, LOCK_EX | LOCK_NB) == 0;
	(void)close(fd);
	return got;
}

static bool
has_fd(pid_t pid, int fd)
{
	char path[64], file[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
	n = readlink(path, file, sizeof(file) - 1);
	file[n < 0 ? 0 : n] = '\0';
	return strstr(file, "/handed") != NULL;
}

/*
 * The program that starts a daemon waits until such a pipe, or lock, is closed.
 */
TEST(test_descriptor)
{
	server->daemon = _i;
	launch_after(server, hand_over, 0);
	ck_assert(is_free("handed") == server->daemon);
	ck_assert(has_fd(server->pid, LOCK_FD) == !server->daemon);
	ck_assert(!has_fd(server_pid(server, "registry"), LOCK_FD));
	ck_assert(!has_fd(server_pid(server, "acceptor"), LOCK_FD));
	server_stop(server);
}

static void
listen_at(int fd, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	if (s == -1 || bind(s, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(s, 5) == -1)
		_exit(126);
	if (s != fd && (dup2(s, fd) == -1 || close(s) == -1))
		_exit(126);
}

static void
hand_over_all(const struct server *s)
{
	char pid[32];
	int fd = open("ready", O_WRONLY | O_CREAT, 0600);

	if (fd == -1 || dup2(fd, READY_FD) == -1)
		_exit(126);
	(void)close(fd);
	hand_over(s);
	listen_at(INIT_FD, launch_path(s, "init.sock"));
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
}

/* A daemon keeps the descriptors that it was given on purpose. */
TEST(test_given_descriptors)
{
	int fd;

	server->daemon = true;
	server->ready = READY;
	launch_after(server, hand_over_all, 0);
	ck_assert(is_free("handed"));
	ck_assert_str_eq(launch_read(server, "ready"), "\n");
	fd = client_connect_unix(launch_path(server, "init.sock"));
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	/* Only init may remove this path. */
	ck_assert_int_eq(unlink(launch_path(server, "init.sock")), 0);
	server_stop(server);
}

/* Arguments and environment */

static void
empty_environment(const struct server *s)
{
	static char *none[] = { NULL };

	(void)s;
	environ = none;
}

static void
large_environment(const struct server *s)
{
	static char value[100 * 1000];

	(void)s;
	memset(value, 'x', sizeof(value) - 1);
	(void)setenv("LARGE", value, 1);
}

static char long_name[5000];

static const struct {
	const char *name;
	void (*before_exec)(const struct server *);
} arguments[] = {
	{ "", NULL },
	{ "k", NULL },
	{ "k", empty_environment },
	{ "-kvd", large_environment },
	{ long_name, NULL },
	{ long_name, empty_environment },
};

TEST(test_arguments)
{
	pid_t worker;
	int fd;

	memset(long_name, 'x', sizeof(long_name) - 1);
	server->name = arguments[_i].name;
	launch_after(server, arguments[_i].before_exec, 0);
	process_expect_title(server->pid, "kvd: master");
	fd = launch_client_of(server, &worker);
	process_expect_title(worker, "kvd: worker unix");
	(void)close(fd);
	server_stop(server);
}

/* A directory that is no more */

static void
lose_directory(const struct server *s)
{
	(void)s;
	if (mkdir("lost", 0700) == -1 || chdir("lost") == -1 ||
	    rmdir("../lost") == -1)
		_exit(126);
}

TEST(test_lost_directory)
{
	server->daemon = _i;
	launch_after(server, lose_directory, 0);
	launch_kill(server, "registry");
	launch_kill(server, "acceptor");
	launch_expect_served(server);
	server_stop(server);
}

/* A relative path cannot be made absolute in a removed directory. */
TEST(test_lost_directory_with_file)
{
	int status;

	server_file(server, "max-clients 5\n");
	server->before_exec = lose_directory;
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OSERR);
	expect_part(server_log(server), "-f: kvd.conf: cannot get");
	server_free(server);
}

static const struct test tests[] = {
	CASE("descriptors", setup, NULL),
	LOOP(test_closed, WAYS_TO_CLOSE),
	ONCE(test_two_on_one_store),
	LOOP(test_descriptor, 2),
	ONCE(test_given_descriptors),
	CASE("others", setup, NULL),
	EACH(test_umask, umasks),
	ONCE(test_child),
	ONCE(test_child_ends),
	EACH(test_arguments, arguments),
	LOOP(test_lost_directory, 2),
	ONCE(test_lost_directory_with_file),
};

SUITE("parent", tests)
