/*
 * check_check: kvd -n, which tells all that is wrong with a configuration
 * and changes nothing; and what is printed to a full disk.
 */

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"

static struct server *server;

static void
setup(void)
{
	server = server_new();
}

/* Checks that kvd has created no file or directory. */
static void
teardown(void)
{
	ck_assert(!launch_exists(server, "run"));
	ck_assert(!launch_exists(server, "data"));
	server_expect_clean(server);
	server_free(server);
}

/* Writes a file of valid lines, followed by `text`. */
static void
write_file(const char *text)
{
	server_file(server, "libexec %s\ndata %s/data\nruntime %s/run\n%s",
	    build_dir(), server->dir, server->dir, text);
}

static int
check_file(char output[OUTPUT_SIZE])
{
	const char *const args[] = { "kvd", "-n", "-f",
		launch_path(server, "kvd.conf"), NULL };

	return kvd_command(args, output);
}

/*
 * Checks that each of the errors is reported once, and that nothing says that
 * the file is valid.
 */
static void
expect_mistakes(const char *const *parts, size_t count, size_t lines)
{
	char output[OUTPUT_SIZE];
	const char *p;
	size_t i, n = 0;

	ck_assert_int_eq(check_file(output), EX_CONFIG);
	for (i = 0; i < count; i++)
		expect_part(output, parts[i]);
	for (p = output; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	ck_assert_msg(n == lines, "%zu lines, not %zu:\n%s", n, lines, output);
	ck_assert_ptr_null(strstr(output, "configuration OK"));
}

TEST(test_right)
{
	char output[OUTPUT_SIZE];

	write_file("listen 127.0.0.1:0\nmax-clients 5\n");
	ck_assert_int_eq(check_file(output), EX_OK);
	ck_assert_str_eq(output, "configuration OK\n");
}

/* An address that others can reach is no mistake, but it is warned of. */
TEST(test_exposed)
{
	char output[OUTPUT_SIZE];

	write_file("listen 0.0.0.0:0\n");
	ck_assert_int_eq(check_file(output), EX_OK);
	expect_part(output, ": master: other machines may reach 0.0.0.0:0, ");
	expect_part(output, "configuration OK\n");
	write_file("listen 0.0.0.0:0\ninsecure yes\n");
	ck_assert_int_eq(check_file(output), EX_OK);
	ck_assert_str_eq(output, "configuration OK\n");
}

/* The verdict goes to standard output, and nothing goes to standard error. */
TEST(test_right_on_stdout)
{
	char command[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", command, NULL };

	write_file("max-clients 5\n");
	snprintf(command, sizeof(command), "%s/kvd -n -f %s 2>&1 >/dev/null",
	    build_dir(), launch_path(server, "kvd.conf"));
	ck_assert_int_eq(run_command(args, output), EX_OK);
	ck_assert_str_eq(output, "");
}

TEST(test_several_mistakes)
{
	static const char *const parts[] = { "kvd.conf: line 4: ", "nonsense",
		"kvd.conf: line 6: ", "max-clients",
		"kvd.conf: line 7: ", "\"never 5\"",
		"kvd.conf: line 9: ", "70000" };

	write_file("nonsense 1\nmax-value 1M\nmax-clients many\n"
		   "sync never 5\n\nlisten 127.0.0.1:70000\n");
	expect_mistakes(parts, COUNT(parts), 4);
}

TEST(test_listen_twice)
{
	static const char *const parts[] = {
		"127.0.0.1:4040 and 127.0.0.1:04040 are the same address",
		"[::1]:4040 and [0::1]:4040 optional are the same address",
		"are the same address", "kvd.conf: line 4: "
	};
	char text[PATH_MAX];

	snprintf(text, sizeof(text),
	    "cache a lot\nlisten 127.0.0.1:4040\nlisten 127.0.0.1:04040\n"
	    "listen [::1]:4040\nlisten [0::1]:4040 optional\n"
	    "listen unix %s/sock\nlisten unix %s/sock mode 0666\n"
	    "listen 127.0.0.1:0\nlisten 127.0.0.1:0\n",
	    server->dir, server->dir);
	write_file(text);
	expect_mistakes(parts, COUNT(parts), 4);
}

/* kvd -n reports at once all that the machine lacks. */
TEST(test_unusable)
{
	static const char *const parts[] = { "data: ", "/none/data",
		"runtime: ", "/shared/run", "/none/sock", "/file", "no group",
		"no-such-group",
		"cannot execute /none/libexec/kvd-checkpointer",
		"cannot execute /none/libexec/kvd-registry",
		"cannot execute /none/libexec/kvd-acceptor" };
	const char *shared = launch_path(server, "shared");

	ck_assert_int_eq(mkdir(shared, 0700), 0);
	ck_assert_int_eq(mkdir(launch_path(server, "shared/run"), 0700), 0);
	ck_assert_int_eq(chmod(launch_path(server, "shared/run"), 0777), 0);
	launch_write(server, "file", "");
	server_file(server,
	    "libexec /none/libexec\ndata %s/none/data\nruntime %s/shared/run\n"
	    "listen unix %s/none/sock\nlisten unix %s/file\n"
	    "listen unix %s/sock group no-such-group\n",
	    server->dir, server->dir, server->dir, server->dir, server->dir);
	expect_mistakes(parts, COUNT(parts), 8);
}

/* The path of the registry's socket is the longest path that kvd needs. */
TEST(test_long_runtime)
{
	static const char *const parts[] = { "too long for the path of a Unix "
					     "socket" };
	char name[100];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	server_file(server, "libexec %s\ndata %s/data\nruntime %s/%s\n",
	    build_dir(), server->dir, server->dir, name);
	expect_mistakes(parts, COUNT(parts), 1);
}

TEST(test_descriptors)
{
	char command[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", command, NULL };

	write_file("max-clients 1000\n");
	snprintf(command, sizeof(command), "ulimit -n 40; exec %s/kvd -n -f %s",
	    build_dir(), launch_path(server, "kvd.conf"));
	ck_assert_int_eq(run_command(args, output), EX_CONFIG);
	expect_part(output, "max-clients: 1000 is more than the limit of 40");
}

/*
 * These options print something: they must print it, or report that they could
 * not.
 */
static const char *const printing[] = { "-V", "--version", "-h", "--help",
	"-n" };

TEST(test_full_disk)
{
	char command[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", command, NULL };

	write_file("max-clients 5\n");
	snprintf(command, sizeof(command), "%s/kvd -f %s %s >/dev/full",
	    build_dir(), launch_path(server, "kvd.conf"), printing[_i]);
	ck_assert_int_eq(run_command(args, output), EX_IOERR);
	expect_part(output, strerror(ENOSPC));
	/* A closed standard output is treated as a full disk is. */
	snprintf(command, sizeof(command), "%s/kvd -f %s %s >&-", build_dir(),
	    launch_path(server, "kvd.conf"), printing[_i]);
	ck_assert_int_eq(run_command(args, output), EX_IOERR);
}

static const struct test tests[] = {
	CASE("kvd -n", setup, teardown),
	ONCE(test_right),
	ONCE(test_exposed),
	ONCE(test_right_on_stdout),
	ONCE(test_several_mistakes),
	ONCE(test_listen_twice),
	ONCE(test_unusable),
	ONCE(test_long_runtime),
	ONCE(test_descriptors),
	EACH(test_full_disk, printing),
};

SUITE("check", tests)
