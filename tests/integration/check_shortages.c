/*
 * check_shortages: the limit of descriptors, and which processes the kernel
 * kills first when memory runs out.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"
#include "stream.h"

static const char too_many[] = "ERROR too many clients\r\n";

static struct server *server;

static void
setup(void)
{
	server = server_new();
	server_option(server, "listen 127.0.0.1:0");
}

/* Descriptors */

#define FEW 40
/* Less than the log takes in memory. */
#define LITTLE_MEMORY (32 << 20)
#define CLIENTS_MAX FEW

static void
allow_few(const struct server *s)
{
	const struct rlimit limit = { (rlim_t)s->how, (rlim_t)s->how };

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		_exit(126);
}

/* Returns the number of clients that the warning names. */
static int
lowered_to(int limit)
{
	const char *p = strstr(server_log(server), "max-clients is lowered");
	int from, to, files;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(sscanf(p,
			     "max-clients is lowered from %d to %d, because a "
			     "process may have %d open files",
			     &from, &to, &files),
	    3);
	ck_assert_int_eq(from, 1000);
	ck_assert_int_eq(files, limit);
	ck_assert_int_lt(to, limit);
	return to;
}

/* Checks that the registry serves each client, not only its worker. */
static void
serve_all(int *fds, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		fds[i] = client_connect(server);
		client_ask(fds[i], "GET b k\n", "v\r\nOK\r\n");
	}
	for (i = 0; i < count; i++)
		client_ask(fds[i], "GET b k\n", "v\r\nOK\r\n");
}

#define REFUSED 25

static void
refuse_some(int in_all)
{
	int i;

	for (i = 0; i < in_all; i++) {
		int fd = client_connect(server);

		client_hear(fd, too_many);
		client_expect_end(fd);
	}
}

/* This many clients are served, and all others are refused at once. */
TEST(test_few_descriptors)
{
	int fds[CLIENTS_MAX], fd, count, i;

	server->before_exec = allow_few;
	server->how = FEW;
	server_run(server);
	count = lowered_to(FEW);
	ck_assert_int_ge(count, 8);
	fd = client_connect(server);
	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	fds[0] = fd;
	serve_all(fds + 1, count - 1);
	refuse_some(REFUSED);
	/* The clients that are connected have enough descriptors even then. */
	launch_kill(server, "registry");
	for (i = 0; i < count; i++)
		client_ask(fds[i], "GET b k\n", "v\r\nOK\r\n");
	launch_kill(server, "acceptor");
	for (i = 0; i < count; i++)
		(void)close(fds[i]);
	fd = client_await_room(server, client_connect);
	(void)close(fd);
	ck_assert_uint_eq(server_log_count(server, "cannot accept"), 0);
	server_stop(server);
}

/* The descriptors are too few for kvd itself. */
TEST(test_too_few_descriptors)
{
	int status;

	server->before_exec = allow_few;
	server->how = 20;
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
	expect_part(server_log(server), "limit of 20 open files: raise it");
	server_expect_clean(server);
	server_free(server);
}

/* As few descriptors as there may be: kvd serves, or says why it does not. */
TEST(test_any_descriptors)
{
	int status, fd;

	server_option(server, "listen unix %s/sock", server->dir);
	if (_i % 2 != 0)
		server_option(server, "acceptors 8");
	server->before_exec = allow_few;
	server->how = _i / 2;
	status = launch_await_command(launch_command(server));
	if (status == 0) {
		launch_adopt(server);
		fd = launch_client(server);
		client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
		(void)close(fd);
		server_stop(server);
		return;
	}
	ck_assert_int_eq(status, EX_CONFIG);
	expect_part(server_log(server), "open files: raise it");
	server_free(server);
}

/* A reload does not raise max-clients beyond what the descriptors allow. */
TEST(test_reload)
{
	server_file(server, "max-clients 5\n");
	server->before_exec = allow_few;
	server->how = FEW;
	server_run(server);
	ck_assert_uint_eq(server_log_count(server, "is lowered"), 0);
	server_file(server, "max-clients 1000\n");
	launch_reload(server);
	ck_assert_int_lt(lowered_to(FEW), FEW);
	server_stop(server);
}

/* Refusals are counted, and logged once in a while. */
TEST(test_refusals)
{
	int64_t started_ms = now_ms();
	size_t lines;
	int fd;

	server_option(server, "max-clients 1");
	server_run(server);
	fd = connect_and_ping(server);
	refuse_some(REFUSED);
	ck_assert_int_eq(client_stat(fd, "refused-clients"), REFUSED);
	lines = server_log_count(server,
	    "refused a client: max-clients are connected");
	ck_assert_uint_ge(lines, 1);
	/* One line is logged in ten seconds. */
	ck_assert_uint_le(lines, 1 + (size_t)(now_ms() - started_ms) / 10000);
	(void)close(fd);
	server_stop(server);
}

/* Whom the kernel takes first */

#define PROTECTED (-500)
#define EXPOSED_BY 300
#define SCORE_MAX 1000

static int
read_score(pid_t pid)
{
	char path[64];
	FILE *file;
	int score;

	snprintf(path, sizeof(path), "/proc/%ld/oom_score_adj", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	ck_assert_int_eq(fscanf(file, "%d", &score), 1);
	(void)fclose(file);
	return score;
}

static bool
write_own_score(int score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool written = fd != -1 && dprintf(fd, "%d", score) > 0;

	(void)close(fd);
	return written;
}

static void
set_score(const struct server *s)
{
	if (s->how >= 0 && !write_own_score(s->how))
		_exit(126);
}

/*
 * Returns whether kvd may lower its score, which it does unless the score was
 * set before.
 */
static bool
may_lower_score(void)
{
	pid_t pid = test_fork();
	int status;

	if (pid == 0)
		_exit(geteuid() == 0 && write_own_score(PROTECTED) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* The score that is set before kvd starts; -1 leaves it as it is. */
static const int scores[] = { -1, 200, 900, SCORE_MAX };

static void
expect_scores(int master)
{
	int exposed = master + EXPOSED_BY;
	int fd = connect_and_ping(server);

	if (exposed > SCORE_MAX)
		exposed = SCORE_MAX;
	ck_assert_int_eq(read_score(server->pid), master);
	ck_assert_int_eq(read_score(server_pid(server, "registry")), master);
	ck_assert_int_eq(read_score(server_pid(server, "acceptor")), exposed);
	/* check_worker tests what the worker does to its own score. */
	ck_assert_int_ge(read_score(server_worker(server, fd)), exposed);
	(void)close(fd);
}

TEST(test_scores)
{
	int own = read_score(getpid()), master = scores[_i];

	if (master == -1)
		master = own == 0 && may_lower_score() ? PROTECTED : own;
	else if (master < own) {
		printf("oom_score_adj is %d already: %d is not tested\n", own,
		    master);
		server_free(server);
		return;
	}
	server->before_exec = set_score;
	server->how = scores[_i];
	server_run(server);
	expect_scores(master);
	launch_kill(server, "registry");
	launch_kill(server, "acceptor");
	expect_scores(master);
	launch_reload(server);
	server_stop(server);
}

static void
allow_little_memory(const struct server *s)
{
	const struct rlimit limit = { LITTLE_MEMORY, LITTLE_MEMORY };

	(void)s;
	if (setrlimit(RLIMIT_DATA, &limit) == -1)
		_exit(126);
}

/* A start that lacks memory says nothing about the store. */
TEST(test_little_memory)
{
	int status;

	if (is_sanitized()) {
		server_free(server);
		return;
	}
	server->before_exec = allow_little_memory;
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_OSERR);
	expect_part(server_log(server), "no memory for the log");
	ck_assert_uint_eq(server_log_count(server, "because of the store"), 0);
	server_expect_clean(server);
	server_free(server);
}

static const struct test tests[] = {
	CASE("descriptors", setup, NULL),
	ONCE(test_few_descriptors),
	ONCE(test_too_few_descriptors),
	LOOP_FROM(test_any_descriptors, 2 * 8, 2 * 52),
	ONCE(test_reload),
	ONCE(test_refusals),
	CASE("memory", setup, NULL),
	EACH(test_scores, scores),
	ONCE(test_little_memory),
};

SUITE("shortages", tests)
