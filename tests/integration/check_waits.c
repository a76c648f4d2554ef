/*
 * check_waits: the master never blocks, and neither do the other processes.  If
 * the reader of the log, or the owner of a path, is slow, stopped or dead, kvd
 * still serves, restarts and stops.
 */

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "launch.h"

static const char refused[] = "the configuration stays as it was";
static const char lost[] = " lines lost: the reader of the log did not take";

static const char too_many[] = "ERROR too many clients\r\n";

static struct server *server;

static void
setup_for_file(void)
{
	server = server_new();
}

static void
setup(void)
{
	setup_for_file();
	launch_listen(server);
}

/* Standard error, of three kinds, whose reader can stop reading */

struct sink {
	int write_fd, read_fd; /* what kvd gets; what the test reads */
	void (*stop)(const struct sink *); /* stops reading */
	void (*start)(const struct sink *); /* reads on */
};

static void
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	ck_assert_int_ne(flags, -1);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
}

/*
 * Fills the pipe as another writer of it would, and does not change the flags
 * that the other writers share.
 */
static void
fill_pipe(const struct sink *sink)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", sink->write_fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	while (write(fd, "x", 1) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
	(void)close(fd);
}

static void
fill_socket(const struct sink *sink)
{
	while (send(sink->write_fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
}

/* Reads all that has come. */
static void
drain(const struct sink *sink)
{
	char data[65536];

	while (read(sink->read_fd, data, sizeof(data)) > 0)
		;
	ck_assert_int_eq(errno, EAGAIN);
}

static void
stop_terminal(const struct sink *sink)
{
	ck_assert_int_eq(tcflow(sink->write_fd, TCOOFF), 0);
}

static void
start_terminal(const struct sink *sink)
{
	ck_assert_int_eq(tcflow(sink->write_fd, TCOON), 0);
}

static void
open_pipe(struct sink *sink)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	*sink = (struct sink){ fds[1], fds[0], fill_pipe, drain };
}

static void
open_socket(struct sink *sink)
{
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*sink = (struct sink){ fds[1], fds[0], fill_socket, drain };
}

static void
open_terminal(struct sink *sink)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(grantpt(fd), 0);
	ck_assert_int_eq(unlockpt(fd), 0);
	terminal = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(terminal, -1);
	*sink = (struct sink){ terminal, fd, stop_terminal, start_terminal };
}

static void (*const sinks[])(
    struct sink *) = { open_pipe, open_socket, open_terminal };

#define SINKS (int)COUNT(sinks)

/* Reads until this text has come. */
static void
await_text(const struct sink *sink, const char *text)
{
	struct pollfd pfd = { .fd = sink->read_fd, .events = POLLIN };
	static char got[1 << 20];
	size_t size = 0;
	ssize_t n;

	for (got[0] = '\0'; strstr(got, text) == NULL;) {
		ck_assert_msg(poll(&pfd, 1, WAIT_MS) == 1,
		    "\"%s\" does not come, but: %s", text, got);
		n = read(sink->read_fd, got + size, sizeof(got) - 1 - size);
		ck_assert_int_gt(n, 0);
		size += (size_t)n;
		got[size] = '\0';
		ck_assert_uint_lt(size, sizeof(got) - 1);
	}
}

static void
run_with(struct sink *sink)
{
	sinks[server->how](sink);
	set_nonblocking(sink->read_fd);
	server->stderr_fd = sink->write_fd;
	launch_run(server);
}

static void
close_sink(struct sink *sink)
{
	(void)close(sink->read_fd);
	(void)close(sink->write_fd);
}

/* Makes each of the processes log more than one line. */
static void
make_everybody_log(void)
{
	pid_t acceptor;

	launch_crash(server);
	launch_kill(server, "registry");
	acceptor = server_pid(server, "acceptor");
	signal_process(acceptor, SIGTERM);
	process_await_end(acceptor);
	launch_expect_served(server);
	acceptor = server_pid(server, "acceptor");
	signal_process(server->pid, SIGHUP);
	process_await_end(acceptor);
	launch_kill(server, "registry");
	launch_crash(server);
	launch_kill(server, "acceptor");
}

TEST(test_nobody_reads)
{
	struct sink sink;
	int fd;

	server->how = _i;
	run_with(&sink);
	fd = launch_client(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	sink.stop(&sink);
	make_everybody_log();
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(server);
	close_sink(&sink);
}

/* When the log is read again, kvd logs how many lines are missing. */
TEST(test_lines_lost)
{
	struct sink sink;
	int fd, other;

	server->how = _i;
	server_option(server, "max-clients 2");
	run_with(&sink);
	await_text(&sink, "Accepting connections on ");
	sink.stop(&sink);
	launch_kill(server, "registry");
	fd = client_await_room(server, server_connect_unix);
	other = client_await_room(server, server_connect_unix);
	/* The acceptor logs this once. */
	client_hear(server_connect_unix(server), too_many);
	sink.start(&sink);
	drain(&sink);
	launch_kill(server, "registry");
	await_text(&sink, lost);
	drain(&sink);
	/* The worker of either client may be found. */
	signal_process(server_worker_unix(server), SIGSEGV);
	await_text(&sink, lost);
	(void)close(fd);
	(void)close(other);
	server_stop(server);
	close_sink(&sink);
}

/* Other processes write to the same pipe, and rely on blocking writes. */
TEST(test_description_unchanged)
{
	struct sink sink;

	server->how = _i;
	run_with(&sink);
	make_everybody_log();
	ck_assert_int_eq(fcntl(sink.write_fd, F_GETFL) & O_NONBLOCK, 0);
	drain(&sink);
	server_stop(server);
	close_sink(&sink);
}

/* syslogd hangs: /dev/log of the daemon's own, whose datagrams are not read */

#define CANNOT 77

static void
mount_log(const struct server *s)
{
	const char *log = launch_path(s, "log.sock");
	int fd;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) == -1 ||
	    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == -1 ||
	    mkdir("/dev/shm", 01777) == -1 ||
	    (fd = open("/dev/log", O_WRONLY | O_CREAT, 0600)) == -1 ||
	    close(fd) == -1 ||
	    mount(log, "/dev/log", NULL, MS_BIND, NULL) == -1)
		_exit(CANNOT);
}

static int
bind_log(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	(void)strlcpy(sun.sun_path, launch_path(server, "log.sock"),
	    sizeof(sun.sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* This is more than a socket can hold. */
#define DEATHS 15

TEST(test_syslogd_hangs)
{
	int log_fd = bind_log(), fd, status, i;
	char line[1024];
	ssize_t n;

	server->before_exec = mount_log;
	status = launch_await_command(launch_command(server));
	if (status == CANNOT) {
		printf("no mount namespace of one's own: a syslogd that hangs "
		       "is not tested here\n");
	} else {
		ck_assert_int_eq(status, 0);
		launch_adopt(server);
		n = recv(log_fd, line, sizeof(line) - 1, MSG_DONTWAIT);
		ck_assert_int_gt(n, 0);
		line[n] = '\0';
		expect_part(line, "]: master: ");
		fd = launch_client(server);
		client_ask(fd, "CREATE b\n", "OK\r\n");
		for (i = 0; i < DEATHS; i++)
			launch_crash(server);
		launch_kill(server, "registry");
		launch_kill(server, "acceptor");
		client_ask(fd, "PUT b k v\n", "OK\r\n");
		(void)close(fd);
		signal_process(server->pid, SIGTERM);
		ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	}
	(void)close(log_fd);
	(void)unlink(launch_path(server, "log.sock"));
	server_expect_clean(server);
	server_free(server);
}

/* A path that somebody listens at, and accepts nobody */

static int
listen_deaf(const char *name, int *fds, size_t max)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n;

	(void)strlcpy(sun.sun_path, launch_path(server, name),
	    sizeof(sun.sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (n = 0; n < max; n++) {
		fds[n] = socket(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fds[n], (struct sockaddr *)&sun, sizeof(sun)) == -1)
			break;
	}
	ck_assert_uint_lt(n, max);
	return fd;
}

TEST(test_deaf_listener)
{
	int fds[8], fd = listen_deaf("deaf", fds, COUNT(fds));

	server_file(server, "listen unix %s/sock\n", server->dir);
	launch_run(server);
	server_file(server, "listen unix %s/sock\nlisten unix %s/deaf\n",
	    server->dir, server->dir);
	signal_process(server->pid, SIGHUP);
	server_await_log(server, refused, 1);
	expect_part(server_log(server), "/deaf: Address already in use");
	launch_kill(server, "registry");
	launch_expect_served(server);
	/* The socket belongs to another process, and stays. */
	ck_assert(launch_exists(server, "deaf"));
	(void)close(fd);
	ck_assert_int_eq(unlink(launch_path(server, "deaf")), 0);
	server_stop(server);
}

/* A registry that is stopped takes no configuration */

#define HANGUPS 300

TEST(test_stopped_registry)
{
	pid_t registry;
	int fd, i;

	server_option(server, "shutdown-timeout 100ms");
	launch_run(server);
	registry = server_pid(server, "registry");
	signal_process(registry, SIGSTOP);
	for (i = 0; i < HANGUPS; i++)
		launch_reload(server);
	/* New acceptors serve clients that need no registry. */
	fd = server_connect_unix(server);
	client_ask(fd, "ECHO a\n", "a\r\nOK\r\n");
	(void)close(fd);
	if (_i == 0) {
		signal_process(registry, SIGCONT);
		launch_kill(server, "registry");
		launch_reload(server);
	}
	signal_process(server->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	server_expect_clean(server);
	server_free(server);
}

static const struct test tests[] = {
	CASE("log", setup, NULL),
	LOOP(test_nobody_reads, SINKS),
	LOOP(test_lines_lost, SINKS),
	LOOP(test_description_unchanged, SINKS),
	ONCE(test_syslogd_hangs),
	CASE("others", setup, NULL),
	LOOP(test_stopped_registry, 2),
	CASE("file", setup_for_file, NULL),
	ONCE(test_deaf_listener),
};

SUITE("waits", tests)
