/*
 * check_helpers: the files of kvd-checkpointer, kvd-registry and kvd-acceptor
 * are replaced, or removed, under a running kvd.  kvd goes on with the files
 * that it has started with, so that programs of two versions never talk to each
 * other.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "launch.h"

#define AUXV_SIZE 512

static const char *const helpers[] = { "checkpointer", "registry", "acceptor" };

static struct server *server;

static void
copy_helper(const char *helper)
{
	char from[PATH_MAX + 32], output[OUTPUT_SIZE];
	const char *const args[] = { "cp", from, launch_path(server, "libexec"),
		NULL };

	snprintf(from, sizeof(from), "%s/kvd-%s", build_dir(), helper);
	ck_assert_int_eq(run_command(args, output), 0);
}

static void
setup(void)
{
	size_t i;

	server = server_new();
	ck_assert_int_eq(mkdir(launch_path(server, "libexec"), 0755), 0);
	for (i = 0; i < COUNT(helpers); i++)
		copy_helper(helpers[i]);
	/* The last `libexec` option counts. */
	server_option(server, "libexec %s/libexec", server->dir);
	launch_listen(server);
	launch_run(server);
}

static const char *
helper_path(const char *helper)
{
	char name[64];

	snprintf(name, sizeof(name), "libexec/kvd-%s", helper);
	return launch_path(server, name);
}

static void
delete_helper(const char *helper)
{
	ck_assert_int_eq(unlink(helper_path(helper)), 0);
}

/* Gives the name to another file, as dpkg(1) and install(1) do. */
static void
replace_helper(const char *helper)
{
	char name[64];

	delete_helper(helper);
	snprintf(name, sizeof(name), "libexec/kvd-%s", helper);
	launch_write(server, name, "#!/bin/sh\nexit 78\n");
	ck_assert_int_eq(chmod(helper_path(helper), 0755), 0);
}

static void
remove_directory(const char *helper)
{
	delete_helper(helper);
	if (strcmp(helper, helpers[COUNT(helpers) - 1]) == 0)
		ck_assert_int_eq(rmdir(launch_path(server, "libexec")), 0);
}

/* Reads what execve(2) passed to the process, which is partly random. */
static void
read_auxv(pid_t pid, char auxv[AUXV_SIZE])
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/auxv", (long)pid);
	memset(auxv, 0, AUXV_SIZE);
	ck_assert_int_ne(fd = open(path, O_RDONLY | O_CLOEXEC), -1);
	ck_assert_int_ge(read(fd, auxv, AUXV_SIZE), 0);
	(void)close(fd);
}

static bool
addresses_are_random(void)
{
	FILE *file = fopen("/proc/sys/kernel/randomize_va_space", "re");
	bool random = file != NULL && fgetc(file) != '0';

	if (file != NULL)
		(void)fclose(file);
	if (!random)
		printf("addresses are not random: no telling who executes "
		       "itself\n");
	return random;
}

/*
 * A worker crashes, so its acceptor executes itself again as the same process.
 */
static void
renew_acceptor(void)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	pid_t acceptor = server_pid(server, "acceptor");
	char before[AUXV_SIZE], now[AUXV_SIZE];

	read_auxv(acceptor, before);
	launch_crash(server);
	do {
		pause_until(deadline_ms, "the acceptor does not renew itself");
		read_auxv(acceptor, now);
	} while (addresses_are_random() && memcmp(now, before, AUXV_SIZE) == 0);
	ck_assert_int_eq(server_pid(server, "acceptor"), acceptor);
}

static void (*const changes[])(
    const char *) = { delete_helper, replace_helper, remove_directory };

TEST(test_exchange)
{
	size_t i;
	int fd;

	for (i = 0; i < COUNT(helpers); i++)
		changes[_i](helpers[i]);
	renew_acceptor();
	fd = launch_client(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	for (i = 0; i < COUNT(helpers); i++) {
		launch_kill(server, helpers[i]);
		client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
		launch_expect_served(server);
	}
	/* The next acceptors, also those after SIGHUP, run the same file. */
	(void)close(fd);
	launch_reload(server);
	launch_expect_served(server);
	server_stop(server);
}

/* A master that starts later uses the files that are there then. */
TEST(test_restart)
{
	ck_assert_int_eq(kill(-server->pid, SIGKILL), 0);
	(void)server_await_end(server, WAIT_MS);
	delete_helper("acceptor");
	server_spawn(server);
	ck_assert_int_ne(server_await_end(server, WAIT_MS), 0);
	expect_part(server_log(server), "cannot execute ");
	server_free(server);
}

static const struct test tests[] = {
	CASE("exchange", setup, NULL),
	EACH(test_exchange, changes),
	ONCE(test_restart),
};

SUITE("helpers", tests)
