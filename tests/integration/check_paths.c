/*
 * check_paths: kvd uses the objects that it has made, whatever happens to their
 * paths, and leaves alone what other users have put at these paths.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"

static const char *const names[] = { "sock", "run/kvd.pid", "run/control.sock",
	"run/worker/registry.sock" };

#define NAMES COUNT(names)

static struct server *server;

static void
setup(void)
{
	server = server_new();
	launch_listen(server);
}

static ino_t
inode_of(const char *name)
{
	struct stat st;

	launch_stat(server, name, &st);
	return st.st_ino;
}

static void
remove_name(const char *name)
{
	ck_assert_int_eq(remove(launch_path(server, name)), 0);
}

static void
make_directory(const char *name, mode_t mode)
{
	const char *path = launch_path(server, name);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* A second start is refused, and changes nothing of the first */

static const char *const swept_before[] = { NULL, "run/kvd.pid" };

TEST(test_second_start)
{
	static const char *const none[] = { NULL };
	const char *swept = swept_before[_i];
	char output[OUTPUT_SIZE];
	ino_t inodes[NAMES];
	size_t i;
	int fd;

	launch_run(server);
	fd = launch_client(server);
	for (i = 0; i < NAMES; i++)
		inodes[i] = inode_of(names[i]);
	if (swept != NULL)
		remove_name(swept);
	ck_assert_int_eq(launch_second(server, none, output), EX_UNAVAILABLE);
	expect_part(output, "kvd is already running in ");
	for (i = 0; i < NAMES; i++)
		if (swept == NULL || strcmp(names[i], swept) != 0)
			ck_assert_uint_eq(inode_of(names[i]), inodes[i]);
	if (swept != NULL)
		ck_assert(!launch_exists(server, swept));
	launch_expect_served(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	launch_kill(server, "registry");
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	(void)close(fd);
	server_stop(server);
}

/* Nobody writes to what has the name of the pid file. */
TEST(test_second_start_fifo)
{
	static const char *const none[] = { NULL };
	char output[OUTPUT_SIZE];

	launch_run(server);
	remove_name("run/kvd.pid");
	ck_assert_int_eq(mkfifo(launch_path(server, "run/kvd.pid"), 0600), 0);
	ck_assert_int_eq(launch_second(server, none, output), EX_UNAVAILABLE);
	expect_part(output, "kvd is already running in ");
	expect_part(output, ", pid unknown");
	remove_name("run/kvd.pid");
	server_stop(server);
}

/* Stopping one does not take what another has */

TEST(test_socket_of_another)
{
	struct server *other = server_new();
	int fd;

	server_option(other, "listen unix %s/sock", server->dir);
	launch_run(server);
	remove_name("sock");
	server_spawn(other);
	server_await_log(other, "Accepting connections on ", 1);
	signal_process(server->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	fd = launch_client(server);
	(void)close(fd);
	server_stop(other);
	server_expect_clean(server);
	server_free(server);
}

/* Another process has put a file at the path of the pid file. */
TEST(test_pid_file_of_another)
{
	static const char precious[] = "precious\n";

	launch_run(server);
	remove_name("run/kvd.pid");
	launch_write(server, "run/kvd.pid", precious);
	remove_name("sock");
	launch_write(server, "sock", precious);
	signal_process(server->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	ck_assert_str_eq(launch_read(server, "run/kvd.pid"), precious);
	ck_assert_str_eq(launch_read(server, "sock"), precious);
	remove_name("run/kvd.pid");
	server_expect_clean(server);
	server_free(server);
}

/* A cleaner of old files was here */

static void
sweep_socket(void)
{
	remove_name("sock");
}

static void
sweep_pid_file(void)
{
	remove_name("run/kvd.pid");
}

static void
sweep_control_socket(void)
{
	remove_name("run/control.sock");
}

static void
sweep_registry_socket(void)
{
	remove_name("run/worker/registry.sock");
}

static void
sweep_worker_directory(void)
{
	sweep_registry_socket();
	remove_name("run/worker");
}

static void
sweep_runtime_directory(void)
{
	sweep_worker_directory();
	sweep_pid_file();
	sweep_control_socket();
	remove_name("run");
}

static void
sweep_all(void)
{
	sweep_runtime_directory();
	sweep_socket();
}

/* An administrator has restored a backup of kvd's directory. */
static void
exchange_names(void)
{
	sweep_socket();
	sweep_pid_file();
	launch_write(server, "run/kvd.pid", "1\n");
	sweep_control_socket();
	launch_write(server, "run/control.sock", "");
	sweep_registry_socket();
	launch_write(server, "run/worker/registry.sock", "");
}

static void (*const sweeps[])(void) = { sweep_socket, sweep_pid_file,
	sweep_control_socket, sweep_registry_socket, sweep_worker_directory,
	sweep_runtime_directory, sweep_all, exchange_names };

/* Even numbers use SIGHUP; with odd ones the registry is restarted. */
#define SWEEPS (2 * (int)COUNT(sweeps))

static void
await_all_names(void)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	size_t i;

	for (i = 0; i < NAMES; i++)
		while (!launch_exists(server, names[i]))
			pause_until(deadline_ms, names[i]);
}

/* Nobody tells the master, and new clients are served all the same. */
TEST(test_swept_unnoticed)
{
	int linked, fresh;

	launch_run(server);
	linked = launch_client(server);
	client_ask(linked, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	if (_i == 0)
		sweep_registry_socket();
	else
		sweep_runtime_directory();
	fresh = launch_client(server);
	client_ask(fresh, "GET b k\nPUT b k w\n", "v\r\nOK\r\nOK\r\n");
	client_ask(linked, "GET b k\n", "w\r\nOK\r\n");
	await_all_names();
	ck_assert_uint_eq(
	    server_log_count(server, "/registry.sock was gone; made again"), 1);
	(void)close(linked);
	(void)close(fresh);
	server_stop(server);
}

TEST(test_swept)
{
	char pid[32];
	int linked, idle;

	launch_run(server);
	linked = launch_client(server);
	idle = launch_client(server);
	client_ask(linked, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	sweeps[_i / 2]();
	if (_i % 2 == 0)
		launch_reload(server);
	else
		launch_kill(server, "registry");
	/* The connected clients go on, and new clients are served. */
	client_ask(linked, "GET b k\n", "v\r\nOK\r\n");
	client_ask(idle, "GET b k\n", "v\r\nOK\r\n");
	await_all_names();
	launch_await(server);
	snprintf(pid, sizeof(pid), "%ld", (long)server->pid);
	ck_assert_str_eq(launch_read(server, "run/kvd.pid"), pid);
	launch_kill(server, "registry");
	client_ask(linked, "GET b k\n", "v\r\nOK\r\n");
	client_ask(idle, "GET b k\n", "v\r\nOK\r\n");
	(void)close(linked);
	(void)close(idle);
	server_stop(server);
}

/* The kernel notes who listens. */
static void
listen_as(uid_t uid, int fd)
{
	ck_assert_int_eq(seteuid(uid), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(seteuid(0), 0);
}

/* Each of the workers' connections was closed before anything was sent. */
static void
expect_nothing(int listener)
{
	char byte;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		ck_assert_int_eq((int)recv(fd, &byte, 1, 0), 0);
		(void)close(fd);
	}
	ck_assert_int_eq(errno, EAGAIN);
}

/*
 * Another user has taken the paths first: the workers do not take that socket
 * for kvd's registry.
 */
TEST(test_swept_and_forged)
{
	static const char *const forged[] = { "run", "run/worker",
		"run/worker/registry.sock" };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, forger = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	size_t i;

	if (geteuid() != 0) {
		printf("not running as root: another user's directory is not "
		       "tested\n");
		server_free(server);
		return;
	}
	server_option(server, "registry-timeout 300ms");
	launch_run(server);
	fd = launch_client(server);
	sweep_runtime_directory();
	make_directory("run", 0755);
	make_directory("run/worker", 0755);
	(void)strlcpy(sun.sun_path, launch_path(server, forged[2]),
	    sizeof(sun.sun_path));
	ck_assert_int_eq(bind(forger, (struct sockaddr *)&sun, sizeof(sun)), 0);
	listen_as(12345, forger);
	for (i = 0; i < COUNT(forged); i++)
		ck_assert_int_eq(
		    chown(launch_path(server, forged[i]), 12345, 12345), 0);
	launch_kill(server, "registry");
	client_ask(fd, "GET b k\n", "ERROR registry unavailable\r\n");
	expect_nothing(forger);
	(void)close(fd);
	(void)close(forger);
	signal_process(server->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
	/* The other process's files stay. */
	remove_name(forged[2]);
	server_expect_clean(server);
	server_free(server);
}

/* After the directory was removed and made again, no second kvd can start. */
TEST(test_lock_of_new_directory)
{
	static const char *const none[] = { NULL };
	char output[OUTPUT_SIZE];

	launch_run(server);
	sweep_runtime_directory();
	launch_reload(server);
	ck_assert_int_eq(launch_second(server, none, output), EX_UNAVAILABLE);
	launch_await(server);
	server_stop(server);
}

/* Runtime directories that are not kvd's alone */

static void
expect_untouched(const char *name)
{
	DIR *dir = opendir(launch_path(server, name));
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		ck_assert_msg(entry->d_name[0] == '.', "%s/%s was made", name,
		    entry->d_name);
	(void)closedir(dir);
}

static void
expect_refused(const char *runtime, const char *why)
{
	char option[PATH_MAX], output[OUTPUT_SIZE];
	const char *const options[] = { option, NULL };

	snprintf(option, sizeof(option), "runtime %s",
	    launch_path(server, runtime));
	ck_assert_int_eq(launch_second(server, options, output), EX_CONFIG);
	expect_part(output, why);
	ck_assert(!launch_exists(server, "data"));
	ck_assert(!launch_exists(server, "sock"));
}

static const mode_t writable_modes[] = { 0775, 0757, 01777 };

TEST(test_writable_runtime)
{
	make_directory("other", writable_modes[_i]);
	expect_refused("other", "can be written to by its group or by others");
	expect_untouched("other");
	server_free(server);
}

TEST(test_foreign_runtime)
{
	const uid_t user = 12345;

	if (geteuid() != 0) {
		printf("not running as root: another user's runtime directory "
		       "is not tested\n");
		server_free(server);
		return;
	}
	make_directory("other", 0755);
	ck_assert_int_eq(chown(launch_path(server, "other"), user, user), 0);
	expect_refused("other", "belongs to user 12345");
	expect_untouched("other");
	/*
	 * A file in a directory that others may write to is not changed,
	 * either.
	 */
	make_directory("shared", 01777);
	make_directory("shared/run", 0755);
	ck_assert_int_eq(chown(launch_path(server, "shared/run"), user, user),
	    0);
	expect_refused("shared/run", "belongs to user 12345");
	expect_untouched("shared/run");
	server_free(server);
}

TEST(test_linked_runtime)
{
	make_directory("target", 0755);
	make_directory("shared", 01777);
	ck_assert_int_eq(symlink(launch_path(server, "target"),
			     launch_path(server, "shared/link")),
	    0);
	expect_refused("shared/link", "symbolic link");
	expect_refused("shared/link/run", "symbolic link");
	expect_untouched("target");
	server_free(server);
}

/*
 * There are symbolic links where kvd writes: kvd does not write where they
 * lead.
 */

static const struct {
	const char *dir, *name;
	const char *why;
} links[] = {
	{ "run", "run/kvd.pid", "run/kvd.pid is not a file: remove it" },
	{ "data", "data/lock", "is a symbolic link: put the file itself" },
};

TEST(test_link_inside)
{
	static const char *const none[] = { NULL };
	static const char precious[] = "precious, and longer than a pid\n";
	char output[OUTPUT_SIZE];

	make_directory(links[_i].dir, 0700);
	launch_write(server, "file", precious);
	ck_assert_int_eq(symlink(launch_path(server, "file"),
			     launch_path(server, links[_i].name)),
	    0);
	ck_assert_int_eq(launch_second(server, none, output), EX_CONFIG);
	expect_part(output, links[_i].why);
	ck_assert_str_eq(launch_read(server, "file"), precious);
	ck_assert_int_eq(unlink(launch_path(server, links[_i].name)), 0);
	server_expect_clean(server);
	server_free(server);
}

static const struct test tests[] = {
	CASE("others", setup, NULL),
	EACH(test_second_start, swept_before),
	ONCE(test_second_start_fifo),
	ONCE(test_socket_of_another),
	ONCE(test_pid_file_of_another),
	CASE("cleaners", setup, NULL),
	LOOP(test_swept, SWEEPS),
	LOOP(test_swept_unnoticed, 2),
	ONCE(test_swept_and_forged),
	ONCE(test_lock_of_new_directory),
	CASE("refusals", setup, NULL),
	EACH(test_writable_runtime, writable_modes),
	ONCE(test_foreign_runtime),
	ONCE(test_linked_runtime),
	EACH(test_link_inside, links),
};

SUITE("paths", tests)
