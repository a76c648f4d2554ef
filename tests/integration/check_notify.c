/*
 * check_notify: kvd under an init, which the test stands in for: the datagrams
 * of sd_notify(3), the watchdog, s6's descriptor, and inherited sockets.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sysexits.h>
#include <unistd.h>

#include "fixture.h"
#include "launch.h"

#define MESSAGE_SIZE 512
#define FIRST_FD 3
#define FDS_MAX 4

/*
 * This is how kvd is started.  The descriptors become FIRST_FD and the next
 * ones.
 */
struct launch {
	const char *name; /* argv[0]; NULL: kvd */
	const char *variables[6]; /* NAME=VALUE; ended by NULL */
	const char *extra[3]; /* arguments */
	int fds[FDS_MAX];
	size_t n_fds;
	bool says_pid; /* set LISTEN_PID and WATCHDOG_PID to kvd's pid */
};

static struct server *server;
static int init_fd; /* the socket that NOTIFY_SOCKET names */
static char notify_variable[128];

static int
bind_init(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_uint_lt(size, sizeof(sun.sun_path));
	memcpy(sun.sun_path, name, size);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	size += offsetof(struct sockaddr_un, sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, (socklen_t)size), 0);
	snprintf(notify_variable, sizeof(notify_variable), "NOTIFY_SOCKET=%s",
	    name);
	return fd;
}

static void
in_dir(char path[PATH_MAX], const char *name)
{
	(void)strlcpy(path, launch_path(server, name), PATH_MAX);
}

static void
setup(void)
{
	char path[PATH_MAX];

	server = server_new();
	server_option(server, "listen 127.0.0.1:0");
	in_dir(path, "notify");
	init_fd = bind_init(path);
}

/* Ends the server, and removes the test's own socket. */
static void
stop(void)
{
	char path[PATH_MAX];

	in_dir(path, "notify");
	(void)unlink(path);
	(void)close(init_fd);
	server_stop(server);
}

static void
await_log(const char *text)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (strstr(server_log(server), text) == NULL)
		pause_until(deadline_ms, text);
}

/* Reads the next datagram. */
static void
hear(char text[MESSAGE_SIZE])
{
	struct pollfd pfd = { .fd = init_fd, .events = POLLIN };
	ssize_t n;

	ck_assert_msg(poll(&pfd, 1, WAIT_MS) == 1, "no message");
	n = recv(init_fd, text, MESSAGE_SIZE - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
}

static void
expect(const char *wanted)
{
	char text[MESSAGE_SIZE];

	hear(text);
	ck_assert_str_eq(text, wanted);
}

static void
expect_ready(pid_t pid)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "READY=1\nMAINPID=%ld\n", (long)pid);
	expect(wanted);
}

static int64_t
expect_reloading(void)
{
	char text[MESSAGE_SIZE];
	long long usec;

	hear(text);
	ck_assert_int_eq(
	    sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld\n", &usec), 1);
	return usec / 1000;
}

/* Reads datagrams until the wanted one comes. */
static void
await(const char *wanted)
{
	char text[MESSAGE_SIZE];

	do
		hear(text);
	while (strcmp(text, wanted) != 0);
}

/*
 * Reads all datagrams that are still to come; returns whether one of them has
 * this line.
 */
static bool
drain(const char *line)
{
	char text[MESSAGE_SIZE];
	bool found = false;
	ssize_t n;

	while ((n = recv(init_fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
		text[n] = '\0';
		found = found || strstr(text, line) != NULL;
	}
	return found;
}

/* Starting */

static void
set_pid(const char *name)
{
	char text[16];

	snprintf(text, sizeof(text), "%ld", (long)getpid());
	(void)setenv(name, text, 1);
}

static void
place_fds(const struct launch *l)
{
	int moved[FDS_MAX];
	size_t i;

	for (i = 0; i < l->n_fds; i++)
		if ((moved[i] = fcntl(l->fds[i], F_DUPFD, 100)) == -1)
			_exit(125);
	for (i = 0; i < l->n_fds; i++)
		if (dup2(moved[i], FIRST_FD + (int)i) == -1)
			_exit(125);
	closefrom(FIRST_FD + (int)l->n_fds);
}

__attribute__((noreturn)) static void
exec_kvd(const struct launch *l)
{
	const char *argv[2 * SERVER_OPTIONS_MAX + 8] = { "kvd", "-d" };
	char path[PATH_MAX + sizeof("/kvd")];
	size_t i, n = 2;
	int log;

	if (l->name != NULL)
		argv[0] = l->name;
	(void)setpgid(0, 0);
	in_dir(path, "log");
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log == -1 || dup2(log, STDOUT_FILENO) == -1 ||
	    dup2(log, STDERR_FILENO) == -1)
		_exit(126);
	place_fds(l);
	for (i = 0; l->variables[i] != NULL; i++)
		(void)putenv((char *)(uintptr_t)l->variables[i]);
	if (l->says_pid) {
		set_pid("LISTEN_PID");
		set_pid("WATCHDOG_PID");
	}
	for (i = 0; l->extra[i] != NULL; i++)
		argv[n++] = l->extra[i];
	for (i = 0; i < server->n_options; i++) {
		argv[n++] = "-o";
		argv[n++] = server->options[i];
	}
	snprintf(path, sizeof(path), "%s/kvd", build_dir());
	(void)execv(path, (char *const *)(void *)argv);
	_exit(127);
}

static void
launch(const struct launch *l)
{
	pid_t pid = test_fork();

	if (pid == 0)
		exec_kvd(l);
	(void)setpgid(pid, pid);
	server_adopt(server, pid);
}

/* Starts kvd under init_fd, and waits until it says that it is ready. */
static void
launch_and_await(const struct launch *l)
{
	launch(l);
	expect("STATUS=Starting\n");
	expect_ready(server->pid);
	expect("STATUS=Accepting connections\n");
	if (strstr(server_log(server), "listen is not used") == NULL) {
		server->port = server_port(server, "127.0.0.1");
		(void)strlcpy(server->host, "127.0.0.1", sizeof(server->host));
	}
}

/* Notifying */

TEST(test_life)
{
	const struct launch l = { .variables = { notify_variable } };
	int fd;

	launch_and_await(&l);
	/* kvd serves clients when it says that it is ready. */
	fd = client_connect(server);
	client_ask(fd, "PING\n", "OK\r\n");
	ck_assert_int_eq(kill(server->pid, SIGTERM), 0);
	expect("STOPPING=1\n");
	expect("STATUS=Stopping\n");
	client_hear(fd, "ERROR shutting down\r\n");
	client_expect_end(fd);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	server_free(server);
}

TEST(test_abstract)
{
	const struct launch l = { .variables = { notify_variable } };
	char name[64];

	(void)close(init_fd);
	snprintf(name, sizeof(name), "@kvd-test-%ld", (long)getpid());
	init_fd = bind_init(name);
	launch_and_await(&l);
	stop();
}

TEST(test_reload)
{
	const struct launch l = { .variables = { notify_variable } };
	int64_t before_ms, said_ms;
	pid_t acceptor;

	launch_and_await(&l);
	acceptor = server_pid(server, "acceptor");
	before_ms = now_ms();
	ck_assert_int_eq(kill(server->pid, SIGHUP), 0);
	said_ms = expect_reloading();
	ck_assert_int_ge(said_ms, before_ms);
	ck_assert_int_le(said_ms, now_ms());
	expect("STATUS=Reading the configuration again\n");
	expect_ready(server->pid);
	/* When the reload is over, the acceptors are new, too. */
	ck_assert_int_ne(server_pid(server, "acceptor"), acceptor);
	expect("STATUS=Accepting connections\n");
	stop();
}

TEST(test_failed_reload)
{
	char path[PATH_MAX];
	struct launch l = { .variables = { notify_variable },
		.extra = { "-f", path } };
	FILE *file;

	in_dir(path, "kvd.conf");
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	ck_assert_int_eq(fclose(file), 0);
	launch_and_await(&l);
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	fputs("nonsense\n", file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(kill(server->pid, SIGHUP), 0);
	(void)expect_reloading();
	expect_ready(server->pid);
	expect("STATUS=Accepting connections; kvd.conf is wrong, see the "
	       "log\n");
	stop();
}

/*
 * A daemon tells init its pid, which is not that of the process that init
 * started.
 */
TEST(test_daemon)
{
	const char *args[2 * SERVER_OPTIONS_MAX + 2] = { "kvd" };
	char output[OUTPUT_SIZE], text[MESSAGE_SIZE];
	size_t i, n = 1;
	int pid;

	for (i = 0; i < server->n_options; i++) {
		args[n++] = "-o";
		args[n++] = server->options[i];
	}
	ck_assert_int_eq(putenv(notify_variable), 0);
	ck_assert_int_eq(kvd_command(args, output), 0);
	expect("STATUS=Starting\n");
	hear(text);
	ck_assert_int_eq(sscanf(text, "READY=1\nMAINPID=%d\n", &pid), 1);
	server_adopt(server, (pid_t)pid);
	stop();
}

/*
 * An init that reads nothing blocks no process, and gets the datagrams when it
 * reads again.
 */
TEST(test_full)
{
	struct launch l = { .variables = { notify_variable,
				"WATCHDOG_USEC=3000" } };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun;
	socklen_t size = sizeof(sun);
	char text[MESSAGE_SIZE], wanted[64];

	ck_assert_int_eq(getsockname(init_fd, (struct sockaddr *)&sun, &size),
	    0);
	while (sendto(fd, "FILL=1\n", 7, MSG_DONTWAIT, (struct sockaddr *)&sun,
		   size) == 7)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
	(void)close(fd);
	launch(&l);
	await_log("Accepting connections");
	ck_assert_int_eq(kill(server->pid, SIGHUP), 0);
	await_log("was read again");
	/* No datagram is missing, and they are in order. */
	do
		hear(text);
	while (strstr(text, "READY=1") == NULL);
	snprintf(wanted, sizeof(wanted),
	    "STATUS=Starting\nREADY=1\nMAINPID=%ld\n", (long)server->pid);
	ck_assert_int_eq(strncmp(text, wanted, strlen(wanted)), 0);
	/* kvd does not wait for a full socket when it stops, either. */
	stop();
}

TEST(test_nobody_listens)
{
	const struct launch l = { .variables = { "NOTIFY_SOCKET=/nowhere",
				      "WATCHDOG_USEC=3000" } };
	const struct launch wrong = { .variables = { "NOTIFY_SOCKET=nonsense",
					  "WATCHDOG_USEC=nonsense" } };

	launch(&l);
	await_log("Accepting connections");
	ck_assert_ptr_nonnull(strstr(server_log(server),
	    "cannot send the state of kvd to /nowhere"));
	ck_assert_int_eq(kill(server->pid, SIGTERM), 0);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	server->log_start = (long)strlen(server_log(server));
	launch(&wrong);
	await_log("Accepting connections");
	ck_assert_ptr_nonnull(
	    strstr(server_log(server), "\"nonsense\" is neither a path"));
	stop();
}

/* The watchdog */

/* In the server's directory, so that another one can take its place. */
static void
link_helper(const char *name)
{
	char path[PATH_MAX], target[PATH_MAX + 32];

	snprintf(target, sizeof(target), "libexec/%s", name);
	in_dir(path, target);
	snprintf(target, sizeof(target), "%s/%s", build_dir(), name);
	ck_assert_int_eq(symlink(target, path), 0);
}

/* This registry fails to start as long as there is a file "broken". */
static void
use_breakable_registry(void)
{
	char path[PATH_MAX];
	FILE *file;

	in_dir(path, "libexec");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	server_option(server, "libexec %s", path);
	link_helper("kvd-checkpointer");
	link_helper("kvd-acceptor");
	in_dir(path, "libexec/kvd-registry");
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	fprintf(file,
	    "#!/bin/sh\nenv >'%s/env'\n[ ! -e '%s/broken' ] || exit 1\n"
	    "exec '%s/kvd-registry'\n",
	    server->dir, server->dir, build_dir());
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

TEST(test_watchdog)
{
	const struct launch l = {
		.variables = { notify_variable, "WATCHDOG_USEC=60000" },
		.says_pid = true,
	};
	char path[PATH_MAX], text[MESSAGE_SIZE];
	FILE *file;

	use_breakable_registry();
	launch(&l);
	await("STATUS=Accepting connections\n");
	expect("WATCHDOG=1\n");
	expect("WATCHDOG=1\n");
	in_dir(path, "broken");
	ck_assert_ptr_nonnull(file = fopen(path, "we"));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(kill(server_pid(server, "registry"), SIGKILL), 0);
	await("STATUS=The registry is being restarted; clients wait\n");
	/* It is not enough that the master runs: the registry must, too. */
	await_log("restarting it in 200ms");
	ck_assert_int_eq(unlink(path), 0);
	hear(text);
	ck_assert_str_eq(text, "STATUS=Accepting connections\n");
	expect("WATCHDOG=1\n");
	stop();
}

TEST(test_watchdog_of_another)
{
	const struct launch l = { .variables = { notify_variable,
				      "WATCHDOG_USEC=3000",
				      "WATCHDOG_PID=1" } };
	char path[PATH_MAX];
	int fd;

	launch_and_await(&l);
	fd = client_connect(server);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	ck_assert_int_eq(kill(server->pid, SIGTERM), 0);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	ck_assert(!drain("WATCHDOG"));
	in_dir(path, "notify");
	(void)unlink(path);
	server_free(server);
}

/* No child process may inherit the variables. */
TEST(test_environment)
{
	const struct launch l = {
		.variables = { notify_variable, "WATCHDOG_USEC=60000000",
		    "LISTEN_FDS=0", "LISTEN_FDNAMES=a", "KVD_OTHER=1" },
		.says_pid = true,
	};
	char path[PATH_MAX], line[512];
	bool other = false, tuned = false;
	FILE *file;

	use_breakable_registry();
	launch_and_await(&l);
	in_dir(path, "env");
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL) {
		ck_assert_ptr_null(strstr(line, "NOTIFY_"));
		ck_assert_ptr_null(strstr(line, "WATCHDOG_"));
		ck_assert_ptr_null(strstr(line, "LISTEN_"));
		other = other || strcmp(line, "KVD_OTHER=1\n") == 0;
		tuned = tuned ||
		    strcmp(line, "GLIBC_TUNABLES=glibc.pthread.rseq=0\n") == 0;
	}
	ck_assert(other);
	ck_assert(tuned || getenv("GLIBC_TUNABLES") != NULL);
	(void)fclose(file);
	stop();
}

/* Init starts kvd with its path, which is longer than the title. */
TEST(test_title)
{
	const struct launch l = { .name = "/usr/local/sbin/kvd",
		.variables = { notify_variable } };

	launch_and_await(&l);
	process_expect_title(server->pid, "kvd: master");
	stop();
}

/* s6 */

TEST(test_ready_descriptor)
{
	struct launch l = { .extra = { "-r", "3" }, .n_fds = 1 };
	struct pollfd pfd = { .events = POLLIN };
	char text[8];
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	l.fds[0] = fds[1];
	launch(&l);
	(void)close(fds[1]);
	pfd.fd = fds[0];
	ck_assert_int_eq(poll(&pfd, 1, WAIT_MS), 1);
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), 1);
	ck_assert_int_eq(text[0], '\n');
	server->port = server_port(server, "127.0.0.1");
	(void)close(client_connect_to("127.0.0.1", server->port));
	/* No child process has inherited the descriptor. */
	ck_assert_int_eq(poll(&pfd, 1, WAIT_MS), 1);
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), 0);
	(void)close(fds[0]);
	stop();
}

TEST(test_bad_ready_descriptor)
{
	static const char *const values[] = { "2", "0", "77", "x", "-1" };
	char output[OUTPUT_SIZE];
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		const char *const args[] = { "kvd", "-n", "-r", values[i],
			NULL };

		ck_assert_int_eq(kvd_command(args, output), EX_USAGE);
		ck_assert_ptr_nonnull(strstr(output, "is not an open descr"));
	}
	(void)close(init_fd);
	in_dir(output, "notify");
	(void)unlink(output);
	server_free(server);
}

/* Inherited sockets */

static int
bind_inet(int type, int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, size), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

static int
bind_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static void
expect_served(int port, const char *path)
{
	int fd = client_connect_to("127.0.0.1", port);

	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	fd = client_connect_unix(path);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}

TEST(test_inherited)
{
	struct launch l = {
		.variables = { notify_variable, "LISTEN_FDS=2",
		    "LISTEN_FDNAMES=a:b" },
		.n_fds = 2,
		.says_pid = true,
	};
	char path[PATH_MAX];
	struct stat st;
	int port, queued;

	in_dir(path, "inherited");
	l.fds[0] = bind_inet(SOCK_STREAM, &port);
	l.fds[1] = bind_unix(path);
	/* A client that connected before kvd started is served, too. */
	queued = client_connect_to("127.0.0.1", port);
	launch_and_await(&l);
	client_ask(queued, "PING\n", "OK\r\n");
	(void)close(queued);
	expect_served(port, path);
	/* kvd does not listen where the configuration says. */
	ck_assert_ptr_null(
	    strstr(strstr(server_log(server), "Accepting connections") + 1,
		"127.0.0.1 port 0"));
	ck_assert_ptr_nonnull(strstr(server_log(server), path));
	ck_assert_int_eq(kill(server->pid, SIGHUP), 0);
	(void)expect_reloading();
	await("STATUS=Accepting connections\n");
	expect_served(port, path);
	ck_assert_int_eq(kill(server->pid, SIGTERM), 0);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	/*
	 * kvd does not remove the inherited socket's path, and the next kvd
	 * inherits the same socket.
	 */
	ck_assert_int_eq(stat(path, &st), 0);
	drain("");
	launch_and_await(&l);
	expect_served(port, path);
	ck_assert_int_eq(unlink(path), 0);
	(void)close(l.fds[0]);
	(void)close(l.fds[1]);
	stop();
}

/* Returns an IPv6 socket that also accepts IPv4, or -1. */
static int
bind_both(int *port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	socklen_t size = sizeof(sin6);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;

	if (fd == -1)
		return -1;
	ck_assert_int_eq(
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin6, size), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin6, &size), 0);
	*port = ntohs(sin6.sin6_port);
	return fd;
}

static void
expect_source_full(int port)
{
	int fd = client_connect_to("127.0.0.1", port);

	client_hear(fd, "ERROR too many clients from your address\r\n");
	client_expect_end(fd);
}

/* An IPv4 client is treated as one, also if it comes to an IPv6 socket. */
TEST(test_inherited_for_both)
{
	struct launch l = {
		.variables = { notify_variable, "LISTEN_FDS=2" },
		.n_fds = 2,
		.says_pid = true,
	};
	char line[LOG_LINE_SIZE], client[64];
	int fds[3], ports[2];
	pid_t worker;

	l.fds[0] = bind_inet(SOCK_STREAM, &ports[0]);
	if ((l.fds[1] = bind_both(&ports[1])) == -1) {
		printf("there is no IPv6: its test is skipped\n");
		l.n_fds = 1;
		l.variables[1] = "LISTEN_FDS=1";
		ports[1] = ports[0];
	}
	server_option(server, "max-clients-per-source 2");
	launch_and_await(&l);
	fds[0] = client_connect_to("127.0.0.1", ports[0]);
	client_ask(fds[0], "PING\n", "OK\r\n");
	server->port = ports[1];
	(void)strlcpy(server->host, "127.0.0.1", sizeof(server->host));
	/*
	 * This socket is bound first, so that it cannot get the port of the
	 * other, by which the worker is found.
	 */
	fds[1] = client_connect_from(server, "127.0.0.1");
	client_ask(fds[1], "PING\n", "OK\r\n");
	expect_source_full(ports[0]);
	expect_source_full(ports[1]);
	/* Different IPv4 addresses are different sources. */
	fds[2] = client_connect_from(server, "127.0.0.2");
	client_ask(fds[2], "PING\n", "OK\r\n");
	(void)close(fds[2]);
	fds[2] = client_connect_from(server, "127.0.0.3");
	client_ask(fds[2], "PING\n", "OK\r\n");
	(void)close(fds[2]);
	/* The title has the address in IPv4 form. */
	worker = server_worker(server, fds[1]);
	snprintf(client, sizeof(client), ", client 127.0.0.1:%d) died of ",
	    client_port(fds[1]));
	ck_assert_int_eq(kill(worker, SIGABRT), 0);
	client_expect_gone(fds[1]);
	server_await_line(server, "worker", worker, line);
	expect_part(line, client);
	(void)close(fds[0]);
	(void)close(l.fds[0]);
	if (l.n_fds == 2)
		(void)close(l.fds[1]);
	stop();
}

TEST(test_inherited_by_another)
{
	struct launch l = {
		.variables = { notify_variable, "LISTEN_FDS=1",
		    "LISTEN_PID=1" },
		.n_fds = 1,
	};
	int fd, port;

	l.fds[0] = bind_inet(SOCK_STREAM, &port);
	launch_and_await(&l);
	ck_assert_int_ne(server->port, port);
	fd = client_connect(server);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	(void)close(l.fds[0]);
	stop();
}

static void
expect_refused(struct launch *l, const char *text)
{
	int status;

	launch(l);
	status = server_await_end(server, WAIT_MS);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG &&
		strstr(server_log(server), text) != NULL,
	    "%#x with %s", (unsigned int)status, server_log(server));
}

TEST(test_inherited_nonsense)
{
	struct launch l = {
		.variables = { "LISTEN_FDS=1" },
		.n_fds = 1,
		.says_pid = true,
	};
	int fds[2], port;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	l.fds[0] = fds[0];
	expect_refused(&l, "descriptor 3: not an internet or Unix socket");
	l.fds[0] = bind_inet(SOCK_DGRAM, &port);
	expect_refused(&l, "descriptor 3: not a stream socket");
	(void)close(l.fds[0]);
	/* systemd passes a connected socket with Accept=yes. */
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	l.fds[0] = fds[0];
	expect_refused(&l, "descriptor 3: not listening");
	l.variables[0] = "LISTEN_FDS=3";
	expect_refused(&l, "descriptor 3: not listening");
	l.n_fds = 0;
	expect_refused(&l, "descriptor 3: Bad file descriptor");
	l.variables[0] = "LISTEN_FDS=some";
	expect_refused(&l, "LISTEN_FDS is not a number");
	(void)close(init_fd);
	unlink(strchr(notify_variable, '=') + 1);
	server_expect_clean(server);
	server_free(server);
}

static const struct test tests[] = {
	CASE("notify", setup, NULL),
	ONCE(test_life),
	ONCE(test_abstract),
	ONCE(test_reload),
	ONCE(test_failed_reload),
	ONCE(test_daemon),
	ONCE(test_full),
	ONCE(test_nobody_listens),
	ONCE(test_watchdog),
	ONCE(test_watchdog_of_another),
	ONCE(test_environment),
	ONCE(test_title),
	ONCE(test_ready_descriptor),
	ONCE(test_bad_ready_descriptor),
	ONCE(test_inherited),
	ONCE(test_inherited_for_both),
	ONCE(test_inherited_by_another),
	ONCE(test_inherited_nonsense),
};

SUITE("notify", tests)
