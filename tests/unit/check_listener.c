/*
 * check_listener: these tests check listening sockets (master/listener): the
 * options that accepted sockets inherit, and the files of Unix sockets.
 */

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "master/listeners.h"

#define MINUTE_MS 60000
#define WEEK_MS (7 * 24 * 60 * MINUTE_MS)

static char dir[] = "/tmp/kvd.listen.XXXXXX";
static char path[64], other_path[64];
static char error[CONFIG_ERROR_SIZE];
static struct config config;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/one", dir);
	snprintf(other_path, sizeof(other_path), "%s/two", dir);
	ck_assert_int_eq(config_init(&config), 0);
}

static void
teardown(void)
{
	config_clear(&config);
	(void)unlink(path);
	(void)unlink(other_path);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* This adds a listen line for this address. */
__attribute__((format(printf, 1, 2))) static const struct config_listen *
address(const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ck_assert_int_eq(config_line(&config, line, error), 0);
	return TAILQ_LAST(&config.listens, config_listens);
}

static void
open_one(struct listener *l, const struct config_listen *a)
{
	ck_assert_msg(listener_open(l, a, &config, false, error) == 0, "%s",
	    error);
	ck_assert_int_ne(l->fd, -1);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* This returns a client's accepted socket, or -1 if nobody can connect. */
static int
accept_one(const struct listener *l, int *client)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&addr, &size),
	    0);
	*client = socket(addr.ss_family, SOCK_STREAM, 0);
	if (connect(*client, (struct sockaddr *)&addr, size) == -1)
		return -1;
	return accept(l->fd, NULL, NULL);
}

/* Each row has keepalive and write-timeout, and what the kernel is told. */
static const struct {
	int64_t keepalive_ms, write_timeout_ms;
	int idle_s, interval_s, user_timeout_ms;
} table[] = {
	{ 5 * MINUTE_MS, MINUTE_MS, 150, 30, 5 * MINUTE_MS },
	{ MINUTE_MS, MINUTE_MS, 30, 6, MINUTE_MS },
	/* A client that reads slowly gets the write timeout. */
	{ MINUTE_MS, MINUTE_MS + 1, 30, 6, 0 },
	{ 10000, 1, 5, 1, 10000 },
	{ 1, 1, 1, 1, 1 },
	{ 1001, 1, 1, 1, 1001 },
	{ WEEK_MS, 1, 32767, 32767, WEEK_MS },
};

static void
expect_options(int fd, int i)
{
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
	    table[i].idle_s);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
	    table[i].interval_s);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
	    table[i].user_timeout_ms);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
}

TEST(test_keepalive)
{
	struct listener l;
	int fd, client;

	config.keepalive_ms = table[_i].keepalive_ms;
	config.write_timeout_ms = table[_i].write_timeout_ms;
	open_one(&l, address("listen %s", "127.0.0.1:0"));
	expect_options(l.fd, _i);
	fd = accept_one(&l, &client);
	expect_options(fd, _i);
	(void)close(fd);
	(void)close(client);
	listener_close(&l);
}

/* A reload can change keepalive, starting from none. */
TEST(test_keepalive_changes)
{
	const struct config_listen *a = address("listen %s", "127.0.0.1:0");
	struct listener l;
	int fd, client;

	config.keepalive_ms = 0;
	open_one(&l, a);
	ck_assert_int_eq(option(l.fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(l.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	config.keepalive_ms = table[0].keepalive_ms;
	config.write_timeout_ms = table[0].write_timeout_ms;
	ck_assert_int_eq(listener_change(&l, a, &config, error), 0);
	fd = accept_one(&l, &client);
	expect_options(fd, 0);
	(void)close(fd);
	(void)close(client);
	config.keepalive_ms = 0;
	ck_assert_int_eq(listener_change(&l, a, &config, error), 0);
	fd = accept_one(&l, &client);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	(void)close(fd);
	(void)close(client);
	listener_close(&l);
}

/* The process that started kvd has bound this socket. */
TEST(test_adopt)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct listener l;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	config.keepalive_ms = table[0].keepalive_ms;
	ck_assert_int_eq(listener_adopt(&l, fd, &config, error), 0);
	expect_options(fd, 0);
	ck_assert(listener_has_name(&l));
	listener_close(&l);
}

/* These tests check the files of Unix sockets. */

static bool
exists(const char *file)
{
	struct stat st;

	return lstat(file, &st) == 0;
}

static void
make_file(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ne(fd, -1);
	(void)close(fd);
}

TEST(test_close)
{
	struct listener l;

	open_one(&l, address("listen unix %s", path));
	ck_assert(listener_has_name(&l));
	listener_close(&l);
	ck_assert(!exists(path));
	listener_close(&l);
}

TEST(test_name_gone)
{
	struct listener l;

	open_one(&l, address("listen unix %s", path));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(!listener_has_name(&l));
	make_file(path);
	ck_assert(!listener_has_name(&l));
	listener_close(&l);
	ck_assert(exists(path));
}

/* A path may be written differently or lead through links. */
TEST(test_is_at)
{
	const struct config_listen *a = address("listen unix %s", path);
	struct listener l;
	char longer[80];

	open_one(&l, a);
	ck_assert(listener_is_at(&l, a));
	snprintf(longer, sizeof(longer), "%s/./one", dir);
	ck_assert(listener_is_at(&l, address("listen unix %s", longer)));
	ck_assert(!listener_is_at(&l, address("listen unix %s", other_path)));
	ck_assert_int_eq(symlink("one", other_path), 0);
	ck_assert(!listener_is_at(&l, address("listen unix %s", other_path)));
	ck_assert(!listener_is_at(&l, address("listen %s", "127.0.0.1:1")));
	listener_close(&l);
}

TEST(test_is_at_inet)
{
	struct listener l;

	open_one(&l, address("listen %s", "127.0.0.1:0"));
	ck_assert(listener_is_at(&l, address("listen %s", "127.0.0.1:00")));
	ck_assert(!listener_is_at(&l, address("listen %s", "127.0.0.2:0")));
	ck_assert(!listener_is_at(&l, address("listen unix %s", path)));
	listener_close(&l);
}

/* A socket on which nobody listens is replaced.  If somebody listens it is
 * not. */
TEST(test_stale)
{
	const struct config_listen *a = address("listen unix %s", path);
	struct listener l, again;
	struct stat before, after;

	open_one(&l, a);
	ck_assert_int_eq(listener_open(&again, a, &config, false, error), -1);
	ck_assert_ptr_nonnull(strstr(error, strerror(EADDRINUSE)));
	ck_assert(listener_has_name(&l));
	/* This is how a killed kvd leaves the socket. */
	ck_assert_int_eq(stat(path, &before), 0);
	ck_assert_int_eq(link(path, other_path), 0);
	(void)close(l.fd);
	open_one(&again, a);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_ne(after.st_ino, before.st_ino);
	listener_close(&again);
}

/* A file that is not a socket must never be removed. */
TEST(test_file_there)
{
	struct listener l;

	make_file(path);
	ck_assert_int_eq(listener_open(&l, address("listen unix %s", path),
			     &config, false, error),
	    -1);
	ck_assert(exists(path));
	ck_assert_int_eq(l.fd, -1);
}

TEST(test_change_mode)
{
	struct listener l;
	struct stat st;

	open_one(&l, address("listen unix %s", path));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(listener_change(&l,
			     address("listen unix %s mode 0666", path), &config,
			     error),
	    0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	/* Another file has the name now, so its mode must not be changed. */
	ck_assert_int_eq(unlink(path), 0);
	make_file(path);
	ck_assert_int_eq(listener_change(&l,
			     address("listen unix %s mode 0644", path), &config,
			     error),
	    -1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	listener_close(&l);
}

/* The mode that a Unix socket has when bind(2) returns: the linker lets
 * listener.c call this instead (--wrap). */
static mode_t bound_mode;
int __real_bind(int fd, const struct sockaddr *addr, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t size);

int
__wrap_bind(int fd, const struct sockaddr *addr, socklen_t size)
{
	int rc = __real_bind(fd, addr, size);
	struct stat st;

	if (addr->sa_family == AF_UNIX &&
	    stat(((const struct sockaddr_un *)(const void *)addr)->sun_path,
		&st) == 0)
		bound_mode = st.st_mode & 07777;
	return rc;
}

/* CVE-2023-45145: between bind(2) and chmod(2) others could connect to the
 * socket. */
TEST(test_cve_2023_45145)
{
	mode_t old = umask(0);
	struct listener l;

	bound_mode = 07777;
	open_one(&l, address("listen unix %s mode 0600", path));
	ck_assert_uint_eq(bound_mode, 0600);
	listener_close(&l);
	bound_mode = 07777;
	ck_assert_int_eq(listener_open_registry(&l, dir, (gid_t)-1, error), 0);
	ck_assert_uint_eq(bound_mode & 0077, 0);
	listener_close(&l);
	(void)umask(old);
}

TEST(test_registry)
{
	char socket_path[80], long_dir[200];
	struct listener l;
	struct stat st;

	snprintf(socket_path, sizeof(socket_path), "%s/registry.sock", dir);
	/* In kvd's own directory any file of this name may be replaced. */
	make_file(socket_path);
	ck_assert(listener_registry_fits(dir));
	ck_assert_int_eq(listener_open_registry(&l, dir, (gid_t)-1, error), 0);
	ck_assert_int_eq(stat(socket_path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	listener_close(&l);
	ck_assert(!exists(socket_path));
	memset(long_dir, 'x', sizeof(long_dir) - 1);
	long_dir[sizeof(long_dir) - 1] = '\0';
	ck_assert(!listener_registry_fits(long_dir));
	ck_assert_int_eq(listener_open_registry(&l, long_dir, (gid_t)-1, error),
	    -1);
}

/* Nobody has this address of TEST-NET-1 (RFC 5737). */
TEST(test_optional)
{
	struct listener l;

	ck_assert_int_eq(listener_open(&l, address("listen %s", "192.0.2.1:0"),
			     &config, false, error),
	    -1);
	ck_assert_ptr_nonnull(strstr(error, "192.0.2.1:0"));
	ck_assert_int_eq(listener_open(&l,
			     address("listen %s optional", "192.0.2.1:0"),
			     &config, false, error),
	    0);
	ck_assert_int_eq(l.fd, -1);
	ck_assert(listener_has_name(&l));
	listener_close(&l);
}

/* Exposed addresses */

static const struct {
	const char *listen, *name;
} exposed_table[] = {
	{ "listen 0.0.0.0:0", "0.0.0.0 port " },
	{ "listen [::]:0 optional", ":: port " },
	{ "listen 127.0.0.1:0", NULL },
	{ "listen 127.1.2.3:0", NULL },
	{ "listen [::1]:0 optional", NULL },
};

/* The sockets are bound, but nobody listens. */
TEST(test_warn)
{
	const struct config_listen *l = address("%s", exposed_table[_i].listen);
	struct listeners set = { .count = 1 };
	char want[128], log[2048] = "";
	int fd = socket(l->addr.ss_family, SOCK_STREAM, 0), i;

	if (fd == -1 ||
	    bind(fd, (const struct sockaddr *)&l->addr, l->addr_size) == -1) {
		ck_assert(l->optional);
		return;
	}
	set.fds = &fd;
	for (i = 0; i < 2; i++) {
		config.insecure = i == 1;
		ck_assert_int_ne(
		    dup2(open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), 2), -1);
		log_init("master", LOG_TO_STDERR, false);
		listeners_warn(&set, &config);
		ck_assert_int_ge(pread(2, log, sizeof(log) - 1, 0), 0);
		snprintf(want, sizeof(want),
		    ": master: other machines may reach %s",
		    exposed_table[_i].name == NULL ? "" :
						     exposed_table[_i].name);
		if (exposed_table[_i].name == NULL || i == 1)
			ck_assert_str_eq(log, "");
		else
			ck_assert_ptr_nonnull(strstr(log, want));
		memset(log, 0, sizeof(log));
	}
	(void)close(fd);
}

static const struct test tests[] = {
	CASE("options", setup, teardown),
	EACH(test_keepalive, table),
	ONCE(test_keepalive_changes),
	ONCE(test_adopt),
	CASE("files", setup, teardown),
	ONCE(test_close),
	ONCE(test_name_gone),
	ONCE(test_is_at),
	ONCE(test_is_at_inet),
	ONCE(test_stale),
	ONCE(test_file_there),
	ONCE(test_change_mode),
	ONCE(test_cve_2023_45145),
	ONCE(test_registry),
	ONCE(test_optional),
	CASE("exposed", setup, teardown),
	EACH(test_warn, exposed_table),
};

SUITE("listener", tests)
