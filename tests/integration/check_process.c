/*
 * check_process: kvd as the administrator sees it: options, mistakes,
 * processes, signals, and what is left after the end.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

#define ARGS_MAX 24

/* This is a directory for tests in which kvd does not start. */
static struct server *server;

static void
setup(void)
{
	server = server_new();
}

/*
 * Leaves nothing behind, even if a test fails: kvd_command() looks for
 * processes.
 */
static void
teardown(void)
{
	server_expect_clean(server);
	server_free(server);
}

static void
in_dir(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", server->dir, name);
}

static void
write_file(const char *name, const void *data, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	in_dir(path, name);
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* Runs kvd with these options, and never on the default port. */
static int
run_kvd(const char *flag, const char *const options[], char *output)
{
	const char *args[ARGS_MAX] = { "kvd" };
	size_t i, n = 1;

	if (flag != NULL)
		args[n++] = flag;
	for (i = 0; i < server->n_options; i++) {
		args[n++] = "-o";
		args[n++] = server->options[i];
	}
	args[n++] = "-p";
	args[n++] = "0";
	for (; *options != NULL; options++) {
		ck_assert_uint_lt(n + 2, ARGS_MAX);
		args[n++] = "-o";
		args[n++] = *options;
	}
	return kvd_command(args, output);
}

/* Runs kvd, and expects it to fail with this status and this message. */
static void
expect_failure(const char *option, int status, const char *text)
{
	const char *const options[] = { option, NULL };
	char output[OUTPUT_SIZE];
	int got;

	got = run_kvd("-d", options, output);
	ck_assert_msg(got == status && strstr(output, text) != NULL,
	    "%s: exit status %d, not %d and \"%s\", with:\n%s", option, got,
	    status, text, output);
	ck_assert_ptr_null(strstr(output, "Sanitizer"));
	ck_assert_ptr_null(strstr(output, "runtime error"));
}

/* Runs kvd in the background: the command must fail in the same way. */
static void
expect_daemon_failure(const char *option, int status, const char *text)
{
	const char *const options[] = { option, NULL };
	char output[OUTPUT_SIZE];

	ck_assert_int_eq(run_kvd(NULL, options, output), status);
	ck_assert_msg(strstr(output, text) != NULL, "%s", output);
}

/* The command line */

TEST(test_version)
{
	static const char *const args[] = { "kvd", "-V", NULL };
	char output[OUTPUT_SIZE];

	ck_assert_int_eq(kvd_command(args, output), EX_OK);
	ck_assert_str_eq(output, "kvd " PACKAGE_VERSION "\n");
}

static const struct {
	const char *arg, *value;
	const char *text; /* part of the message */
} bad_arguments[] = {
	{ "-x", NULL, "usage: kvd" },
	{ "--versions", NULL, "usage: kvd" },
	{ "-o", NULL, "usage: kvd" },
	{ "-f", NULL, "usage: kvd" },
	{ "start", NULL, "start" },
	{ "-o", "nonsense 1", "nonsense" },
	{ "-o", "max-value", "max-value" },
	{ "-o", "max-value 1x", "max-value" },
	{ "-o", "max-clients 0", "max-clients" },
	{ "-o", "data relative/path", "data" },
	{ "-o", "listen 127.0.0.1", "listen" },
	{ "-o", "listen 127.0.0.1:65536", "65536" },
	{ "-o", "listen localhost:4040", "localhost" },
	{ "-o", "sync sometimes", "sync" },
	{ "-p", "70000", "70000" },
	{ "-p", "http", "http" },
};

TEST(test_bad_argument)
{
	const char *const args[] = { "kvd", "-d", bad_arguments[_i].arg,
		bad_arguments[_i].value, NULL };
	char output[OUTPUT_SIZE];

	ck_assert_int_eq(kvd_command(args, output), EX_USAGE);
	ck_assert_msg(strstr(output, bad_arguments[_i].text) != NULL, "%s",
	    output);
}

static int
run_with_file(const char *flag, const char *path, char *output)
{
	const char *const args[] = { "kvd", flag, "-f", path, NULL };

	return kvd_command(args, output);
}

static const struct {
	const char *text, *where, *what;
} bad_files[] = {
	{ "nonsense 1\n", "line 1", "nonsense" },
	{ "# comment\n\nmax-value 1M\nnonsense", "line 4", "nonsense" },
	{ "max-value 1M\nmax-clients many\n", "line 2", "many" },
	{ "listen nowhere:1\n", "line 1", "nowhere" },
	{ "max-clients\n", "line 1", "max-clients" },
};

TEST(test_bad_file)
{
	char path[PATH_MAX], output[OUTPUT_SIZE];
	static const char *const flags[] = { "-d", "-n", "-v" };
	size_t i;

	in_dir(path, "kvd.conf");
	write_text("kvd.conf", bad_files[_i].text);
	for (i = 0; i < COUNT(flags); i++) {
		ck_assert_int_eq(run_with_file(flags[i], path, output),
		    EX_CONFIG);
		ck_assert_msg(strstr(output, path) != NULL &&
			strstr(output, bad_files[_i].where) != NULL &&
			strstr(output, bad_files[_i].what) != NULL,
		    "%s", output);
	}
}

TEST(test_missing_file)
{
	char path[PATH_MAX], output[OUTPUT_SIZE];

	in_dir(path, "none.conf");
	ck_assert_int_eq(run_with_file("-d", path, output), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(output, path));
	/* A directory is not accepted as a configuration file. */
	ck_assert_int_eq(run_with_file("-d", server->dir, output), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(output, server->dir));
}

static void
write_good_file(void)
{
	char text[4 * PATH_MAX];

	snprintf(text, sizeof(text),
	    "# a file\n\n  libexec %s # where the helpers are\n"
	    "data %s/data\nruntime\t%s/run\n"
	    "listen 127.0.0.1:0\nlisten unix %s/sock\nmax-clients 5\n",
	    build_dir(), server->dir, server->dir, server->dir);
	write_text("kvd.conf", text);
}

TEST(test_check_file)
{
	char path[PATH_MAX], output[OUTPUT_SIZE];
	struct stat st;

	in_dir(path, "kvd.conf");
	write_good_file();
	ck_assert_int_eq(run_with_file("-n", path, output), EX_OK);
	/* This run has only checked, and has made nothing. */
	in_dir(path, "run");
	ck_assert_int_eq(stat(path, &st), -1);
	in_dir(path, "data");
	ck_assert_int_eq(stat(path, &st), -1);
}

/* What stops kvd from starting */

TEST(test_port_in_use)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	char option[64], port[32];
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, size), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	snprintf(port, sizeof(port), "127.0.0.1:%d", ntohs(sin.sin_port));
	snprintf(option, sizeof(option), "listen %s", port);
	expect_failure(option, EX_UNAVAILABLE, port);
	expect_daemon_failure(option, EX_UNAVAILABLE, port);
	(void)close(fd);
}

TEST(test_foreign_address)
{
	/* TEST-NET-1 (RFC 5737) is an address that no machine has. */
	expect_failure("listen 192.0.2.1:4040", EX_UNAVAILABLE,
	    "192.0.2.1:4040");
}

/* kvd leaves a file that is not a socket where it is. */
TEST(test_socket_is_file)
{
	char path[PATH_MAX], option[PATH_MAX + 16];
	struct stat st;

	in_dir(path, "sock");
	write_text("sock", "precious");
	snprintf(option, sizeof(option), "listen unix %s", path);
	expect_failure(option, EX_UNAVAILABLE, path);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 8);
}

TEST(test_missing_helper)
{
	char option[PATH_MAX];

	snprintf(option, sizeof(option), "libexec %s", server->dir);
	expect_failure(option, EX_CONFIG, server->dir);
	expect_daemon_failure(option, EX_CONFIG, "kvd-checkpointer");
}

/* For root no directory is unwritable, so the parent is a file. */
static void
expect_bad_parent(const char *keyword, const char *parent)
{
	char option[PATH_MAX];

	snprintf(option, sizeof(option), "%s %s/%s/dir", keyword, server->dir,
	    parent);
	expect_failure(option, EX_CONFIG, strchr(option, '/'));
}

TEST(test_missing_parent)
{
	char path[PATH_MAX];

	write_text("file", "");
	in_dir(path, "locked");
	ck_assert_int_eq(mkdir(path, 0500), 0);
	expect_bad_parent("data", "none");
	expect_bad_parent("data", "file");
	expect_bad_parent("runtime", "none");
	expect_bad_parent("runtime", "file");
	if (geteuid() == 0)
		return;
	expect_bad_parent("data", "locked");
	expect_bad_parent("runtime", "locked");
}

/* Other users could exchange the data directory, or its files. */
TEST(test_data_of_others)
{
	char path[PATH_MAX], link[PATH_MAX], option[PATH_MAX + 16];

	in_dir(path, "data");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 0770), 0);
	expect_failure("sync never", EX_CONFIG, "chmod go-w it");
	ck_assert_int_eq(chmod(path, 0700), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		expect_failure("sync never", EX_CONFIG,
		    "belongs to user 65534, not to user 0");
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	in_dir(link, "shared");
	ck_assert_int_eq(mkdir(link, 0700), 0);
	ck_assert_int_eq(chmod(link, 01777), 0);
	in_dir(link, "shared/link");
	ck_assert_int_eq(symlink(path, link), 0);
	snprintf(option, sizeof(option), "data %s", link);
	expect_failure(option, EX_CONFIG, "symbolic link link");
	/* kvd made nothing in the directory. */
	ck_assert_int_eq(rmdir(path), 0);
}

static void
expect_garbage(const void *data, size_t size)
{
	char path[PATH_MAX], kept[64];
	struct stat st;
	ssize_t n;
	int fd;

	write_file("data/data.mdb", data, size);
	in_dir(path, "data/data.mdb");
	expect_failure("sync never", EX_CONFIG, path);
	expect_daemon_failure("sync never", EX_CONFIG, path);
	/* kvd must not change the file. */
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq((size_t)st.st_size, size);
	ck_assert_int_ne(fd = open(path, O_RDONLY | O_CLOEXEC), -1);
	n = read(fd, kept, sizeof(kept));
	ck_assert_int_gt(n, 0);
	ck_assert_mem_eq(kept, data, (size_t)n);
	(void)close(fd);
}

TEST(test_garbage)
{
	static char garbage[256 * 1024];
	char path[PATH_MAX];
	size_t i;

	in_dir(path, "data");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_garbage(garbage, sizeof(garbage));
	for (i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)(i * i >> 3 ^ i);
	expect_garbage(garbage, sizeof(garbage));
	expect_garbage(garbage, 10);
}

/* The file was cut short by a copy or by the disk. */
TEST(test_cut_short)
{
	char path[PATH_MAX];
	struct stat st;
	off_t size;
	int fd;

	server_run(server);
	fd = client_connect(server);
	client_ask(fd, "CREATE b\nPUT b k 1\n", "OK\r\nOK\r\n");
	(void)close(fd);
	server_kill_all(server);
	in_dir(path, "data/data.mdb");
	ck_assert_int_eq(stat(path, &st), 0);
	for (size = 3 * 4096; size > 0; size -= 2048) {
		ck_assert_int_eq(truncate(path, size), 0);
		expect_failure("sync never", EX_CONFIG, path);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_size, size);
	}
}

/* Two at a time */

static void
expect_serving(const struct server *s)
{
	int fd = client_connect(s);

	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}

TEST(test_same_runtime)
{
	char option[PATH_MAX], pid[32];
	struct server *first = server_start(NULL);

	snprintf(option, sizeof(option), "runtime %s/run", first->dir);
	snprintf(pid, sizeof(pid), "pid %ld", (long)first->pid);
	expect_failure(option, EX_UNAVAILABLE, pid);
	expect_daemon_failure(option, EX_UNAVAILABLE, pid);
	expect_serving(first);
	server_stop(first);
}

TEST(test_same_data)
{
	char option[PATH_MAX], lock[PATH_MAX], pid[32];
	struct server *first = server_start(NULL);

	snprintf(option, sizeof(option), "data %s/data", first->dir);
	snprintf(pid, sizeof(pid), "pid %ld", (long)first->pid);
	expect_failure(option, EX_CONFIG, pid);
	expect_serving(first);
	/*
	 * An administrator may have deleted a file that looks like a stale
	 * lock.
	 */
	snprintf(lock, sizeof(lock), "%s/data/lock", first->dir);
	ck_assert_int_eq(unlink(lock), 0);
	expect_failure(option, EX_CONFIG, "in use by another kvd");
	expect_serving(first);
	server_stop(first);
}

TEST(test_same_socket)
{
	struct server *first = server_new();
	char option[PATH_MAX];
	int fd;

	snprintf(option, sizeof(option), "listen unix %s/sock", first->dir);
	server_option(first, "%s", option);
	server_run(first);
	expect_failure(option, EX_UNAVAILABLE, first->dir);
	fd = client_connect_unix(strchr(option, '/'));
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(first);
}

/* Processes */

TEST(test_titles)
{
	struct server *s = server_start(NULL);
	pid_t registry = server_pid(s, "registry"), worker;
	pid_t acceptor = server_pid(s, "acceptor");
	pid_t checkpointer = server_pid(s, "checkpointer");
	int fd = client_connect(s);
	char title[64];

	client_ask(fd, "PING\n", "OK\r\n");
	worker = server_worker(s, fd);
	process_expect_title(s->pid, "kvd: master");
	process_expect_title(checkpointer, "kvd: checkpointer");
	process_expect_title(registry, "kvd: registry");
	process_expect_title(acceptor, "kvd: acceptor");
	snprintf(title, sizeof(title), "kvd: worker 127.0.0.1:%d",
	    client_port(fd));
	process_expect_title(worker, title);
	ck_assert_int_eq(process_parent(checkpointer), s->pid);
	ck_assert_int_eq(process_parent(registry), s->pid);
	ck_assert_int_eq(process_parent(acceptor), s->pid);
	ck_assert_int_eq(process_parent(worker), acceptor);
	ck_assert_uint_eq(server_count(s, "kvd: "), 5);
	(void)close(fd);
	server_stop(s);
}

/*
 * The acceptor's mappings are copied for each client; a third of them were
 * libbsd's.
 */
TEST(test_acceptor_is_small)
{
	struct server *s = server_start(NULL);
	char path[64], line[PATH_MAX + 128];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%ld/maps",
	    (long)server_pid(s, "acceptor"));
	maps = fopen(path, "r");
	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		ck_assert_msg(strstr(line, "/libbsd.so") == NULL, "%s", line);
	(void)fclose(maps);
	server_stop(s);
}

/* A worker has no descriptors that it does not need. */
static size_t
count_fds(pid_t pid)
{
	char path[PATH_MAX];
	struct stat st;
	size_t n = 0;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
		if (lstat(path, &st) == 0)
			n++;
	}
	return n;
}

TEST(test_worker_fds)
{
	struct server *s = server_start(NULL);
	int one = client_connect(s), two, three;
	size_t n;

	client_ask(one, "CREATE b\n", "OK\r\n");
	two = client_connect(s);
	client_ask(two, "GET b k\n", "\r\nOK\r\n");
	three = client_connect(s);
	client_ask(three, "GET b k\n", "\r\nOK\r\n");
	n = count_fds(server_worker(s, one));
	/* stdin, stdout, stderr, signals, lifeline, client, registry */
	ck_assert_uint_le(n, 7);
	ck_assert_uint_eq(count_fds(server_worker(s, two)), n);
	ck_assert_uint_eq(count_fds(server_worker(s, three)), n);
	(void)close(one);
	(void)close(two);
	(void)close(three);
	server_stop(s);
}

static const int stop_signals[] = { SIGTERM, SIGINT };

TEST(test_stop)
{
	struct server *s = server_start(NULL);
	int idle = client_connect(s), typing = client_connect(s), status;
	int silent = client_connect(s);

	client_ask(idle, "CREATE b\n", "OK\r\n");
	client_ask(typing, "PING\nPUT b k", "OK\r\n");
	(void)server_worker(s, silent);
	ck_assert_int_eq(kill(s->pid, stop_signals[_i]), 0);
	client_hear(idle, "ERROR shutting down\r\n");
	client_expect_end(idle);
	client_hear(typing, "ERROR shutting down\r\n");
	client_expect_end(typing);
	client_hear(silent, "ERROR shutting down\r\n");
	client_expect_end(silent);
	status = server_await_end(s, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OK);
	server_expect_clean(s);
	/* The unfinished request was not executed. */
	server_restart(s);
	idle = client_connect(s);
	client_ask(idle, "GET b k\n", "\r\nOK\r\n");
	(void)close(idle);
	server_stop(s);
}

/* A client that never pauses also gets the farewell. */
TEST(test_stop_brisk)
{
	struct server *s = server_start(NULL);
	int fd = client_connect(s), paused = client_connect(s), i;
	char line[LINE_SIZE];

	for (i = 0; i < 100; i++) {
		client_ask(fd, "PING\n", "OK\r\n");
		client_ask(paused, "PING\n", "OK\r\n");
	}
	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	do {
		client_say(fd, "PING\n");
		client_read_line(fd, line);
	} while (strcmp(line, "OK\r\n") == 0);
	ck_assert_str_eq(line, "ERROR shutting down\r\n");
	client_expect_end(fd);
	client_hear(paused, "ERROR shutting down\r\n");
	client_expect_end(paused);
	ck_assert_int_eq(server_await_end(s, WAIT_MS), 0);
	server_expect_clean(s);
	server_free(s);
}

/* The moment of the stop differs each time, so that the test covers many. */
#define EARLY_STOPS 24
#define EARLY_STEP_NS 500000

TEST(test_early_stop)
{
	struct timespec moment = { .tv_nsec = 0 };
	struct server *s = server_new();
	int status, i;

	for (i = 0; i < EARLY_STOPS; i++) {
		moment.tv_nsec = i * EARLY_STEP_NS;
		server_spawn(s);
		(void)nanosleep(&moment, NULL);
		ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
		status = server_await_end(s, WAIT_MS);
		/* Until it handles signals, kvd has nothing to clean up. */
		if (WIFSIGNALED(status)) {
			ck_assert_int_eq(WTERMSIG(status), SIGTERM);
			continue;
		}
		ck_assert_msg(WEXITSTATUS(status) == EX_OK ||
			WEXITSTATUS(status) == EX_TEMPFAIL,
		    "exit status %d", WEXITSTATUS(status));
		server_expect_clean(s);
	}
	server_run(s);
	server_stop(s);
}

/*
 * A registry that does not end must not keep the other processes from ending.
 */
TEST(test_stop_hung)
{
	static const char *const options[] = { "shutdown-timeout 100ms", NULL };
	struct server *s = server_start(options);
	int fd = client_connect(s), status;

	client_ask(fd, "PING\n", "OK\r\n");
	ck_assert_int_eq(kill(server_pid(s, "registry"), SIGSTOP), 0);
	client_say(fd, "PING\n");
	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	client_expect_gone(fd);
	status = server_await_end(s, WAIT_MS);
	ck_assert(WIFEXITED(status));
	server_expect_clean(s);
	server_free(s);
}

/* When all processes were killed at once, they leave stale files. */
TEST(test_stale)
{
	struct server *s = server_new();
	char path[PATH_MAX];
	struct stat st;
	int fd, i;

	server_option(s, "listen 127.0.0.1:0");
	server_option(s, "listen unix %s/sock", s->dir);
	snprintf(path, sizeof(path), "%s/sock", s->dir);
	for (i = 0; i < 3; i++) {
		server_run(s);
		fd = client_connect_unix(path);
		client_ask(fd, "CREATE b\n", "OK\r\n");
		server_kill_all(s);
		client_expect_gone(fd);
		ck_assert_int_eq(stat(path, &st), 0);
	}
	server_run(s);
	fd = client_connect_unix(path);
	client_ask(fd, "GET b k\n", "\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* The background */

static pid_t
read_pid_file(void)
{
	char path[PATH_MAX];
	FILE *file;
	long pid;

	in_dir(path, "run/kvd.pid");
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	ck_assert_int_eq(fscanf(file, "%ld\n", &pid), 1);
	ck_assert_int_eq(fclose(file), 0);
	return (pid_t)pid;
}

static int
daemon_port(const char *output)
{
	static const char start[] = "Accepting connections on 127.0.0.1 port ";
	const char *p = strstr(output, start);

	ck_assert_msg(p != NULL, "%s", output);
	return atoi(p + strlen(start));
}

static void
stop_daemon(void)
{
	int status;

	ck_assert_int_eq(kill(server->pid, SIGTERM), 0);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OK);
}

/* kvd_command() has returned, so all processes have closed the output. */
TEST(test_daemon)
{
	char path[PATH_MAX], output[OUTPUT_SIZE];
	int fd, status;

	in_dir(path, "kvd.conf");
	write_good_file();
	/* Here -v takes the place of the -d of other runs. */
	status = run_with_file("-v", path, output);
	ck_assert_msg(status == EX_OK, "%d: %s", status, output);
	server_adopt(server, read_pid_file());
	fd = client_connect_to("127.0.0.1", daemon_port(output));
	client_ask(fd, "CREATE b\n", "OK\r\n");
	process_expect_title(server->pid, "kvd: master");
	ck_assert_int_eq(getsid(server->pid), server->pid);
	(void)server_pid(server, "registry");
	(void)server_pid(server, "acceptor");
	(void)close(fd);
	in_dir(path, "sock");
	fd = client_connect_unix(path);
	client_ask(fd, "EXISTS b k\n", "NOT FOUND\r\n");
	client_say(fd, "PUT");
	stop_daemon();
	client_hear(fd, "ERROR shutting down\r\n");
	client_expect_end(fd);
}

/* The options of the command line replace those of the file. */
TEST(test_overrides)
{
	char path[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "kvd", "-f", path, "-o", "max-clients 1",
		"-p", "0", NULL };
	int fd, other;

	in_dir(path, "kvd.conf");
	write_good_file();
	ck_assert_int_eq(kvd_command(args, output), EX_OK);
	server_adopt(server, read_pid_file());
	/* The listeners of the file were replaced. */
	ck_assert_ptr_null(strstr(output, "/sock"));
	fd = client_connect_to("127.0.0.1", daemon_port(output));
	client_ask(fd, "PING\n", "OK\r\n");
	other = client_connect_to("127.0.0.1", daemon_port(output));
	client_hear(other, "ERROR too many clients\r\n");
	client_expect_end(other);
	(void)close(fd);
	stop_daemon();
}

static const struct test tests[] = {
	CASE("arguments", NULL, NULL),
	ONCE(test_version),
	EACH(test_bad_argument, bad_arguments),
	CASE("failures", setup, teardown),
	EACH(test_bad_file, bad_files),
	ONCE(test_missing_file),
	ONCE(test_check_file),
	ONCE(test_port_in_use),
	ONCE(test_foreign_address),
	ONCE(test_socket_is_file),
	ONCE(test_missing_helper),
	ONCE(test_missing_parent),
	ONCE(test_data_of_others),
	ONCE(test_garbage),
	ONCE(test_cut_short),
	ONCE(test_same_runtime),
	ONCE(test_same_data),
	ONCE(test_same_socket),
	ONCE(test_daemon),
	ONCE(test_overrides),
	CASE("processes", NULL, NULL),
	ONCE(test_titles),
	ONCE(test_acceptor_is_small),
	ONCE(test_worker_fds),
	EACH(test_stop, stop_signals),
	ONCE(test_stop_brisk),
	ONCE(test_early_stop),
	ONCE(test_stop_hung),
	ONCE(test_stale),
};

SUITE("process", tests)
