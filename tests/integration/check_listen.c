/*
 * check_listen: the mode and the group of a Unix socket, addresses that the
 * machine lacks, addresses that are spelled differently when the configuration
 * is read again, and the configuration file itself.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sysexits.h>
#include <unistd.h>

#include "launch.h"

static const char refused[] = "the configuration stays as it was";

static struct server *server;

static void
setup(void)
{
	server = server_new();
}

static void
expect_mode(const char *name, mode_t mode)
{
	struct stat st;

	launch_stat(server, name, &st);
	ck_assert_msg((st.st_mode & 07777) == mode, "%s has mode %o", name,
	    st.st_mode & 07777);
}

/* A thread that reads the status of a path as often as it can. */

struct watch {
	const char *path;
	mode_t mode; /* all bits that may ever be set */
	gid_t gid; /* the group that the group's bits are for */
	atomic_bool over;
	mode_t wrong; /* a mode that had other bits, or 0 */
	pthread_t thread;
};

static void *
watch_path(void *arg)
{
	struct watch *w = arg;
	struct stat st;
	mode_t mode;

	while (!atomic_load(&w->over)) {
		if (lstat(w->path, &st) == -1)
			continue;
		mode = st.st_mode & 0777;
		if (mode & ~w->mode || (st.st_gid != w->gid && mode & 077))
			w->wrong = st.st_mode;
	}
	return NULL;
}

static void
begin_watch(struct watch *w)
{
	ck_assert_int_eq(pthread_create(&w->thread, NULL, watch_path, w), 0);
}

static void
end_watch(struct watch *w)
{
	atomic_store(&w->over, true);
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	ck_assert_msg(w->wrong == 0, "%s had mode %o", w->path, w->wrong);
}

static const struct {
	const char *option;
	mode_t mode;
} mode_table[] = {
	{ "", 0600 },
	{ " mode 0", 0 },
	{ " mode 600", 0600 },
	{ " mode 0660", 0660 },
	{ " mode 666", 0666 },
	{ " mode 0777", 0777 },
	{ " optional mode 0640", 0640 },
	{ " mode 0606 optional", 0606 },
};

/* The socket has its mode from the moment it exists. */
TEST(test_mode)
{
	struct watch w = { .path = launch_path(server, "sock"),
		.mode = mode_table[_i].mode,
		.gid = getegid() };

	server_option(server, "listen 127.0.0.1:0");
	server_option(server, "listen unix %s/sock%s", server->dir,
	    mode_table[_i].option);
	begin_watch(&w);
	server_run(server);
	end_watch(&w);
	expect_mode("sock", mode_table[_i].mode);
	server_stop(server);
}

/* Finds a group other than the primary one that this process may use. */
static bool
find_group(gid_t *gid)
{
	gid_t groups[64];
	int n = getgroups(COUNT(groups), groups), i;

	*gid = 12345;
	if (geteuid() == 0)
		return true;
	for (i = 0; i < n; i++)
		if (groups[i] != getegid()) {
			*gid = groups[i];
			return true;
		}
	printf("neither root nor in a second group: the group of a socket is "
	       "not tested\n");
	return false;
}

TEST(test_group)
{
	struct watch w = { .path = launch_path(server, "sock"), .mode = 0660 };
	struct stat st;

	if (!find_group(&w.gid)) {
		server_free(server);
		return;
	}
	server_option(server, "listen 127.0.0.1:0");
	server_option(server, "listen unix %s/sock mode 0660 group %ld",
	    server->dir, (long)w.gid);
	begin_watch(&w);
	server_run(server);
	end_watch(&w);
	launch_stat(server, "sock", &st);
	ck_assert_uint_eq(st.st_gid, w.gid);
	expect_mode("sock", 0660);
	server_stop(server);
}

/* The primary group is given by its name. */
TEST(test_own_group)
{
	const struct group *group = getgrgid(getegid());

	if (group == NULL) {
		printf("this group has no name: it is not tested\n");
		server_free(server);
		return;
	}
	server_option(server, "listen unix %s/sock group %s mode 0660",
	    server->dir, group->gr_name);
	launch_run(server);
	expect_mode("sock", 0660);
	server_stop(server);
}

TEST(test_no_group)
{
	int status;

	server_option(server, "listen unix %s/sock group no-such-group",
	    server->dir);
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_UNAVAILABLE);
	expect_part(server_log(server), "no group \"no-such-group\"");
	server_expect_clean(server);
	server_free(server);
}

/* Reading the configuration again */

static void
run_with_file(const char *text)
{
	server_file(server, "listen unix %s/sock%s", server->dir, text);
	launch_run(server);
}

static void
expect_refused(const char *why)
{
	size_t count = server_log_count(server, refused);

	signal_process(server->pid, SIGHUP);
	server_await_log(server, refused, count + 1);
	expect_part(server_log(server), why);
	launch_expect_served(server);
}

TEST(test_mode_changes)
{
	struct stat before, after;
	int fd;

	run_with_file("\n");
	fd = launch_client(server);
	launch_stat(server, "sock", &before);
	server_file(server, "listen unix %s/sock mode 0666\n", server->dir);
	launch_reload(server);
	expect_mode("sock", 0666);
	launch_stat(server, "sock", &after);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	server_file(server, "listen unix %s/sock\n", server->dir);
	launch_reload(server);
	expect_mode("sock", 0600);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	launch_expect_served(server);
	server_stop(server);
}

/*
 * kvd does not change the mode of another file that now has the socket's name.
 */
TEST(test_mode_of_another)
{
	char other[PATH_MAX];

	run_with_file("\n");
	(void)strlcpy(other, launch_path(server, "sock"), sizeof(other));
	ck_assert_int_eq(rename(other, launch_path(server, "away")), 0);
	launch_write(server, "sock", "precious");
	ck_assert_int_eq(chmod(other, 0400), 0);
	server_file(server, "listen unix %s/sock mode 0666\n", server->dir);
	signal_process(server->pid, SIGHUP);
	server_await_log(server, refused, 1);
	expect_mode("sock", 0400);
	ck_assert_int_eq(rename(launch_path(server, "away"), other), 0);
	launch_reload(server);
	expect_mode("sock", 0666);
	launch_expect_served(server);
	server_stop(server);
}

static void
lose_file(void)
{
	ck_assert_int_eq(unlink(launch_path(server, "kvd.conf")), 0);
}

/* A process that opens a FIFO to read would wait for a writer. */
static void
make_fifo(void)
{
	lose_file();
	ck_assert_int_eq(mkfifo(launch_path(server, "kvd.conf"), 0600), 0);
}

static void
make_directory(void)
{
	lose_file();
	ck_assert_int_eq(mkdir(launch_path(server, "kvd.conf"), 0700), 0);
}

static void
make_dangling_link(void)
{
	lose_file();
	ck_assert_int_eq(symlink("none", launch_path(server, "kvd.conf")), 0);
}

static void
make_endless_link(void)
{
	lose_file();
	ck_assert_int_eq(symlink("/dev/zero", launch_path(server, "kvd.conf")),
	    0);
}

static const struct {
	void (*change)(void);
	const char *why;
} file_table[] = {
	{ lose_file, "kvd.conf: No such file" },
	{ make_fifo, "kvd.conf: is not a regular file" },
	{ make_directory, "kvd.conf: is a directory" },
	{ make_dangling_link, "kvd.conf: No such file" },
	{ make_endless_link, "kvd.conf: the configuration is larger than 1M" },
};

TEST(test_file)
{
	run_with_file(" mode 0660\n");
	file_table[_i].change();
	expect_refused(file_table[_i].why);
	expect_mode("sock", 0660);
	(void)remove(launch_path(server, "kvd.conf"));
	server_file(server, "listen unix %s/sock mode 0600\n", server->dir);
	launch_reload(server);
	expect_mode("sock", 0600);
	server_stop(server);
}

/* kvd follows a symbolic link each time it reads the file. */
TEST(test_file_is_link)
{
	run_with_file(" mode 0660\n");
	ck_assert_int_eq(rename(launch_path(server, "kvd.conf"),
			     launch_path(server, "one.conf")),
	    0);
	ck_assert_int_eq(symlink("one.conf", launch_path(server, "kvd.conf")),
	    0);
	launch_reload(server);
	expect_mode("sock", 0660);
	server_file(server, "listen unix %s/sock mode 0640\n", server->dir);
	ck_assert_int_eq(rename(launch_path(server, "one.conf"),
			     launch_path(server, "two.conf")),
	    0);
	lose_file();
	ck_assert_int_eq(symlink("two.conf", launch_path(server, "kvd.conf")),
	    0);
	launch_reload(server);
	expect_mode("sock", 0640);
	server_stop(server);
}

/* Addresses */

static bool
has_ipv6(void)
{
	FILE *file = fopen("/proc/net/if_inet6", "re");
	bool found = file != NULL && fgetc(file) != EOF;

	if (file != NULL)
		(void)fclose(file);
	return found;
}

/*
 * Starts on a port that the kernel chooses, then reloads the address in another
 * spelling.
 */
static void
respell(const char *host, const char *before, const char *after)
{
	struct server *first = server_new();
	int64_t started_ms;
	int fd;

	server_option(first, "listen %s:0", before);
	server_run(first);
	server->port = first->port;
	server_stop(first);
	server_file(server, "listen %s:%d\nlisten  unix\t%s/sock\n", before,
	    server->port, server->dir);
	launch_run(server);
	fd = client_connect_to(host, server->port);
	client_ask(fd, "PING\n", "OK\r\n");
	server_file(server, "listen unix   %s/sock\nlisten %s:0%d\n",
	    server->dir, after, server->port);
	started_ms = now_ms();
	launch_reload(server);
	/* The wait for an address that is in use would be longer. */
	ck_assert_int_lt(now_ms() - started_ms, 1000);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	fd = client_connect_to(host, server->port);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(server);
}

TEST(test_respelled)
{
	respell("127.0.0.1", "127.0.0.1", "127.0.0.1");
}

TEST(test_respelled_ipv6)
{
	if (has_ipv6())
		respell("::1", "[::1]", "[0:0:0::0001]");
	else {
		printf("there is no IPv6: it is not tested\n");
		server_free(server);
	}
}

/* These are other spellings of the same path. */
static const char *const unix_spellings[] = { "/./sock", "//sock",
	"/run/../sock" };

TEST(test_respelled_path)
{
	struct stat before, after;

	run_with_file("\n");
	launch_stat(server, "sock", &before);
	server_file(server, "listen unix %s%s mode 0660\n", server->dir,
	    unix_spellings[_i]);
	launch_reload(server);
	launch_stat(server, "sock", &after);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	expect_mode("sock", 0660);
	launch_expect_served(server);
	server_stop(server);
}

/* TEST-NET-1 (RFC 5737) is an address that no machine has. */
TEST(test_optional)
{
	int fd;

	server_option(server, "listen 192.0.2.1:0 optional");
	server_option(server, "listen 127.0.0.1:0");
	server_option(server, "listen [::1]:0 optional");
	server_option(server, "listen [2001:db8::1]:0 optional");
	server->listens -= has_ipv6() ? 2 : 3;
	server_run(server);
	(void)close(connect_and_ping(server));
	if (has_ipv6()) {
		fd = client_connect_to("::1", server_port(server, "::1"));
		client_ask(fd, "PING\n", "OK\r\n");
		(void)close(fd);
	}
	ck_assert_uint_eq(server_log_count(server, "Accepting connections on"),
	    has_ipv6() ? 2 : 1);
	launch_kill(server, "acceptor");
	(void)close(connect_and_ping(server));
	server_stop(server);
}

static const char *const unavailable[] = { "listen 192.0.2.1:0",
	"listen 192.0.2.1:0 optional" };

TEST(test_not_optional)
{
	static const char *const texts[] = { "cannot listen on 192.0.2.1:0",
		"no address is left to listen on" };
	int status;

	server_option(server, "%s", unavailable[_i]);
	if (_i == 0)
		server_option(server, "listen 127.0.0.1:0");
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_UNAVAILABLE);
	expect_part(server_log(server), texts[_i]);
	server_expect_clean(server);
	server_free(server);
}

static const struct test tests[] = {
	CASE("sockets", setup, NULL),
	EACH(test_mode, mode_table),
	ONCE(test_group),
	ONCE(test_own_group),
	ONCE(test_no_group),
	ONCE(test_mode_changes),
	ONCE(test_mode_of_another),
	CASE("file", setup, NULL),
	EACH(test_file, file_table),
	ONCE(test_file_is_link),
	CASE("addresses", setup, NULL),
	ONCE(test_respelled),
	ONCE(test_respelled_ipv6),
	EACH(test_respelled_path, unix_spellings),
	ONCE(test_optional),
	EACH(test_not_optional, unavailable),
};

SUITE("listen", tests)
