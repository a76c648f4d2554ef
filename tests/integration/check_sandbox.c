/*
 * check_sandbox: the sandbox of the processes of a kvd.  What it forbids,
 * tests/unit/check_sandbox tries; here the processes have it, keep it, and are
 * reported when they violate it.
 */

#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "violation/violate.h"

/* A number in /proc/PID/status; -1: it is not there. */
static int
read_status(pid_t pid, const char *name)
{
	char path[64], line[256];
	size_t size = strlen(name);
	FILE *file;
	int value = -1;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, size) == 0 && line[size] == ':')
			value = atoi(line + size + 1);
	(void)fclose(file);
	return value;
}

#ifdef HAVE_SECCOMP

/* The filters that the test itself is under, such as those of a container. */
static int
own_filters(void)
{
	return read_status(getpid(), "Seccomp_filters");
}

static void
expect_confined(pid_t pid, int filters)
{
	/* A process enters its sandbox when it has said that it is ready. */
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (read_status(pid, "Seccomp") != 2)
		pause_until(deadline_ms, "a process has no sandbox");
	ck_assert_int_eq(read_status(pid, "NoNewPrivs"), 1);
	if (own_filters() != -1)
		ck_assert_int_eq(read_status(pid, "Seccomp_filters"),
		    own_filters() + filters);
}

TEST(test_confined)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);

	expect_confined(server_pid(s, "registry"), 1);
	expect_confined(server_pid(s, "checkpointer"), 1);
	expect_confined(server_pid(s, "acceptor"), 1);
	expect_confined(server_worker(s, fd), 2);
	ck_assert_int_eq(read_status(s->pid, "Seccomp"),
	    read_status(getpid(), "Seccomp"));
	(void)close(fd);
	server_stop(s);
}

static void
crash(const struct server *s)
{
	int fd = connect_and_ping(s);

	signal_process(server_worker(s, fd), SIGSEGV);
	client_expect_gone(fd);
}

/* Where its program is mapped: at another address each time it is executed. */
static void
read_first_mapping(pid_t pid, char text[256])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	if (fgets(text, 256, file) == NULL)
		text[0] = '\0';
	(void)fclose(file);
}

static void
await_renewal(pid_t acceptor, const char *before)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char now[256];

	do {
		pause_until(deadline_ms, "the acceptor does not renew itself");
		read_first_mapping(acceptor, now);
	} while (strcmp(now, before) == 0);
}

/* An acceptor that executes itself again has its filter already. */
TEST(test_renewed)
{
	struct server *s = server_start(NULL);
	pid_t acceptor = server_pid(s, "acceptor");
	char mapping[256];
	int fd, i;

	for (i = 0; i < 3; i++) {
		read_first_mapping(acceptor, mapping);
		crash(s);
		await_renewal(acceptor, mapping);
		fd = connect_and_ping(s);
		client_ask(fd, "CREATE b\n", "OK\r\n");
		expect_confined(acceptor, 1);
		expect_confined(server_worker(s, fd), 2);
		(void)close(fd);
	}
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
	server_stop(s);
}

/* A process that was stopped goes on with the system call that it was in. */
TEST(test_stopped)
{
	static const char *const roles[] = { "registry", "checkpointer",
		"acceptor" };
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);
	pid_t worker = server_worker(s, fd), pids[COUNT(roles)];
	size_t i;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	signal_process(worker, SIGSTOP);
	for (i = 0; i < COUNT(roles); i++) {
		pids[i] = server_pid(s, roles[i]);
		signal_process(pids[i], SIGSTOP);
	}
	for (i = 0; i < COUNT(roles); i++)
		signal_process(pids[i], SIGCONT);
	signal_process(worker, SIGCONT);
	client_ask(fd, "PUT b k v\nGET b k\n", "OK\r\nv\r\nOK\r\n");
	expect_new_client(s);
	for (i = 0; i < COUNT(roles); i++)
		ck_assert_int_eq(server_pid(s, roles[i]), pids[i]);
	(void)close(fd);
	server_stop(s);
}

/* Violations */

static void
link_helper(const struct server *s, const char *from, const char *name)
{
	char target[512], path[512];

	snprintf(target, sizeof(target), "%s/%s", getenv("KVD_BUILD"), from);
	snprintf(path, sizeof(path), "%s/libexec/%s", s->dir, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

/* A server whose helpers violate their sandbox. */
static struct server *
start_violators(void)
{
	struct server *s = server_new();
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/libexec", s->dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	link_helper(s, "kvd-checkpointer", "kvd-checkpointer");
	link_helper(s, "tests/integration/violation/registry", "kvd-registry");
	link_helper(s, "tests/integration/violation/acceptor", "kvd-acceptor");
	server_option(s, "libexec %s", dir);
	server_run(s);
	return s;
}

TEST(test_worker_violation)
{
	struct server *s = start_violators();
	int fd = connect_and_ping(s), other = connect_and_ping(s);
	pid_t worker = server_worker(s, fd);
	char line[LOG_LINE_SIZE];

	client_say(fd, "VIOLATE\n");
	client_expect_gone(fd);
	server_await_line(s, "worker", worker, line);
	expect_part(line, " was killed by its sandbox (system call socket)");
	expect_part(line, " while idle; ");
	expect_part(line, "; its client is disconnected, no other is");
	client_ask(other, "PING\n", "OK\r\n");
	expect_new_client(s);
	(void)close(other);
	server_stop(s);
}

TEST(test_registry_violation)
{
	struct server *s = start_violators();
	int fd = connect_and_ping(s);
	pid_t registry = server_pid(s, "registry");
	char line[LOG_LINE_SIZE];

	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	signal_process(s->pid, SIGUSR1);
	server_await_line(s, "registry", registry, line);
	expect_part(line, " was killed by its sandbox (system call socket)");
	expect_part(line, "; restarting it now");
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* kvd-maintain, which confines itself, says so itself. */
TEST(test_maintain_violation)
{
	struct server *s = server_new();
	char program[512], data[512], output[OUTPUT_SIZE];

	snprintf(program, sizeof(program),
	    "%s/tests/integration/violation/maintain", build_dir());
	snprintf(data, sizeof(data), "%s/data", s->dir);
	ck_assert_int_eq(
	    run_command((const char *const[]){ program, "check", data, NULL },
		output),
	    128 + SIGSYS);
	expect_part(output, "killed by its sandbox (system call socket)");
	ck_assert_int_eq(run_command((const char *const[]){ program, "check",
					 "-s", data, NULL },
			     output),
	    VIOLATION_ALLOWED);
	server_free(s);
}

/* Without the sandbox */

TEST(test_off)
{
	static const char *const options[] = { "sandbox no", NULL };
	struct server *s = server_start(options);
	int fd = connect_and_ping(s), own = read_status(getpid(), "Seccomp");

	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	ck_assert_int_eq(read_status(server_pid(s, "registry"), "Seccomp"),
	    own);
	ck_assert_int_eq(read_status(server_pid(s, "acceptor"), "Seccomp"),
	    own);
	ck_assert_int_eq(read_status(server_worker(s, fd), "Seccomp"), own);
	ck_assert_uint_eq(server_log_count(s, "not confined"), 0);
	(void)close(fd);
	server_stop(s);
}

static const struct test tests[] = {
	CASE("sandbox", NULL, NULL),
	ONCE(test_confined),
	ONCE(test_renewed),
	ONCE(test_stopped),
	ONCE(test_worker_violation),
	ONCE(test_registry_violation),
	ONCE(test_maintain_violation),
	ONCE(test_off),
};

#else

/* A kvd that cannot confine its processes says so, once. */
TEST(test_absent)
{
	struct server *s = server_start(NULL);

	ck_assert_int_eq(read_status(server_pid(s, "registry"), "Seccomp"),
	    read_status(getpid(), "Seccomp"));
	expect_new_client(s);
	ck_assert_uint_eq(server_log_count(s, "are not confined"), 1);
	server_stop(s);
}

static const struct test tests[] = {
	CASE("sandbox", NULL, NULL),
	ONCE(test_absent),
};

#endif

SUITE("sandbox", tests)
