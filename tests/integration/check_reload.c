/*
 * check_reload: SIGHUP.  What can change changes, what cannot is reported, and
 * no client is disconnected.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

#define ACCEPTORS_MAX 16

static const char too_many[] = "ERROR too many clients\r\n";
static const char done[] = "the configuration was read again";
static const char refused[] = "the configuration stays as it was";

static void
expect_refusal(const struct server *s)
{
	int fd = client_connect(s);

	client_hear(fd, too_many);
	client_expect_end(fd);
}

static void
hang_up(const struct server *s)
{
	ck_assert_int_eq(kill(s->pid, SIGHUP), 0);
}

/* Sends SIGHUP, and waits until all of the old acceptors have ended. */
static void
reload(const struct server *s, size_t acceptors)
{
	size_t count = server_log_count(s, done), i;
	pid_t pids[ACCEPTORS_MAX];

	server_acceptors(s, pids, acceptors);
	hang_up(s);
	server_await_log(s, done, count + 1);
	for (i = 0; i < acceptors; i++)
		process_await_end(pids[i]);
}

/* Sends SIGHUP, and expects kvd to refuse the configuration. */
static void
expect_refused(const struct server *s, const char *why)
{
	size_t count = server_log_count(s, refused);
	pid_t acceptor = server_pid(s, "acceptor");

	hang_up(s);
	server_await_log(s, refused, count + 1);
	ck_assert_msg(strstr(server_log(s), why) != NULL,
	    "\"%s\" is not in the log", why);
	ck_assert_int_eq(server_pid(s, "acceptor"), acceptor);
}

static struct server *
start_with(const char *text)
{
	struct server *s = server_new();

	server_file(s, "%s", text);
	server_run(s);
	return s;
}

/* What changes */

TEST(test_max_clients)
{
	struct server *s = start_with("max-clients 2\n");
	pid_t registry = server_pid(s, "registry");
	int fds[4], i;

	fds[0] = connect_and_ping(s);
	fds[1] = connect_and_ping(s);
	expect_refusal(s);
	server_file(s, "# more\nmax-clients 4\n");
	reload(s, 1);
	fds[2] = connect_and_ping(s);
	fds[3] = connect_and_ping(s);
	expect_refusal(s);
	/* The limit is lower than the number of clients, who stay. */
	server_file(s, "max-clients 1\n");
	reload(s, 1);
	expect_refusal(s);
	for (i = 0; i < 4; i++)
		client_ask(fds[i], "PING\n", "OK\r\n");
	for (i = 0; i < 4; i++)
		(void)close(fds[i]);
	(void)close(client_await_room(s, client_connect));
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	server_stop(s);
}

/* An empty file means the defaults. */
TEST(test_back_to_default)
{
	struct server *s = start_with("max-clients 1\n");
	int fd = connect_and_ping(s), other;

	expect_refusal(s);
	server_file(s, "%s", "");
	reload(s, 1);
	other = connect_and_ping(s);
	(void)close(fd);
	(void)close(other);
	server_stop(s);
}

/* New clients get the new timeouts; connected clients keep the old ones. */
TEST(test_timeouts)
{
	struct server *s = start_with("idle-timeout 1h\n");
	int early = connect_and_ping(s), late;

	server_file(s, "idle-timeout 200ms\n");
	reload(s, 1);
	late = connect_and_ping(s);
	client_hear(late, "ERROR idle timeout\r\n");
	client_expect_end(late);
	client_ask(early, "PING\n", "OK\r\n");
	(void)close(early);
	server_stop(s);
}

static const size_t acceptor_counts[] = { 1, 4, 2, 16, 3, 1 };

/* The cache is to be larger, is smaller, or off: what is read stays right. */
static const char *const cache_table[] = { "128M", "96k", "0" };

TEST(test_cache)
{
	struct server *s = start_with("cache 200k\n");
	int fd = client_connect(s);
	long hits;

	client_ask(fd, "CREATE b\nPUT b k v\n", "OK\r\nOK\r\n");
	client_ask(fd, "GET b k\nGET b k\n", "v\r\nOK\r\nv\r\nOK\r\n");
	hits = client_stat(fd, "cache-hits");
	ck_assert_int_ge(hits, 1);
	ck_assert_int_ge(client_stat(fd, "cache-misses"), 1);
	server_file(s, "cache %s\n", cache_table[_i]);
	reload(s, 1);
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	ck_assert_int_eq(client_stat(fd, "cache-hits"), hits);
	client_ask(fd, "PUT b k w\nGET b k\n", "OK\r\nw\r\nOK\r\n");
	client_ask(fd, "GET b k\nGET b k\n", "w\r\nOK\r\nw\r\nOK\r\n");
	if (_i < 2)
		ck_assert_int_gt(client_stat(fd, "cache-hits"), hits);
	else
		ck_assert_int_eq(client_stat(fd, "cache-hits"), hits);
	(void)close(fd);
	server_stop(s);
}

TEST(test_acceptors)
{
	struct server *s = start_with("acceptors 1\nmax-clients 4\n");
	int fds[4], i;
	pid_t pids[ACCEPTORS_MAX];
	size_t n;

	for (i = 0; i < 3; i++)
		fds[i] = connect_and_ping(s);
	for (n = 1; n < COUNT(acceptor_counts); n++) {
		server_file(s, "acceptors %zu\nmax-clients 4\n",
		    acceptor_counts[n]);
		reload(s, acceptor_counts[n - 1]);
		server_acceptors(s, pids, acceptor_counts[n]);
		fds[3] = client_await_room(s, client_connect);
		expect_refusal(s);
		(void)close(fds[3]);
	}
	for (i = 0; i < 3; i++) {
		client_ask(fds[i], "PING\n", "OK\r\n");
		(void)close(fds[i]);
	}
	server_stop(s);
}

/*
 * A surplus acceptor does not end when it is told to.  If it then ends, kvd
 * goes on.
 */
TEST(test_surplus_acceptor)
{
	struct server *s = start_with("acceptors 2\n");
	int fd = connect_and_ping(s);
	pid_t pids[2];

	server_acceptors(s, pids, 2);
	ck_assert_int_eq(kill(pids[0], SIGSTOP), 0);
	ck_assert_int_eq(kill(pids[1], SIGSTOP), 0);
	server_file(s, "acceptors 1\n");
	hang_up(s);
	server_await_log(s, done, 1);
	process_kill(pids[0]);
	process_kill(pids[1]);
	server_acceptors(s, pids, 1);
	(void)close(connect_and_ping(s));
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* Listeners */

static void
socket_path(const struct server *s, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", s->dir, name);
}

static void
expect_no_socket(const char *path)
{
	struct stat st;

	ck_assert_msg(lstat(path, &st) == -1, "%s is there", path);
}

TEST(test_listen)
{
	struct server *s = server_new();
	char one[128], two[128];
	int tcp, old, fresh;

	socket_path(s, "one", one);
	socket_path(s, "two", two);
	server_file(s, "listen 127.0.0.1:0\nlisten unix %s\n", one);
	server_run(s);
	tcp = connect_and_ping(s);
	old = client_connect_unix(one);
	client_ask(old, "CREATE b\n", "OK\r\n");
	/*
	 * The order is different, one listener is gone, one is new, and the one
	 * whose port the kernel chose keeps its port.
	 */
	server_file(s, "listen unix %s\nlisten 127.0.0.1:0\n", two);
	reload(s, 1);
	expect_no_socket(one);
	fresh = client_connect_unix(two);
	client_ask(fresh, "PUT b k 1\n", "OK\r\n");
	client_ask(old, "GET b k\n", "1\r\nOK\r\n");
	client_ask(tcp, "GET b k\n", "1\r\nOK\r\n");
	(void)close(connect_and_ping(s));
	/* The first configuration is used again. */
	server_file(s, "listen unix %s\n", one);
	reload(s, 1);
	expect_no_socket(two);
	(void)close(old);
	old = client_connect_unix(one);
	client_ask(old, "GET b k\n", "1\r\nOK\r\n");
	client_ask(fresh, "GET b k\n", "1\r\nOK\r\n");
	client_ask(tcp, "GET b k\n", "1\r\nOK\r\n");
	(void)close(old);
	(void)close(fresh);
	(void)close(tcp);
	server_stop(s);
}

/* Binds a port of an address that no other test uses, and listens on it. */
static int
bind_somewhere(char address[64])
{
	unsigned int n = (unsigned int)getpid();
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t size = sizeof(sin);
	int fd;

	snprintf(address, 64, "127.%u.%u.%u", 128 + (n >> 16 & 63),
	    n >> 8 & 255, 1 + n % 254);
	ck_assert_int_eq(inet_pton(AF_INET, address, &sin.sin_addr), 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, size), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	snprintf(address + strlen(address), 64 - strlen(address), ":%d",
	    ntohs(sin.sin_port));
	return fd;
}

/* If an address is in use, all listeners stay, and no new one is left open. */
TEST(test_listen_in_use)
{
	struct server *s = start_with("listen 127.0.0.1:0\nmax-clients 1\n");
	int fd = connect_and_ping(s), taken, other;
	char address[64], path[128], host[64];

	taken = bind_somewhere(address);
	socket_path(s, "sock", path);
	server_file(s,
	    "listen 127.0.0.1:0\nlisten unix %s\nlisten %s\nmax-clients 2\n",
	    path, address);
	expect_refused(s, address);
	expect_no_socket(path);
	client_ask(fd, "PING\n", "OK\r\n");
	expect_refusal(s);
	/* When the address is free, the same file is accepted. */
	(void)close(taken);
	reload(s, 1);
	(void)snprintf(host, sizeof(host), "%s", address);
	*strchr(host, ':') = '\0';
	other = client_connect_to(host, atoi(strchr(address, ':') + 1));
	client_ask(other, "PING\n", "OK\r\n");
	expect_refusal(s);
	(void)close(other);
	(void)close(fd);
	server_stop(s);
}

/* Binds a port of all addresses, so that no other test gets it; kvd can bind it
 * as well, because nobody listens on this socket. */
static int
reserve_port(int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
expect_served_at(const char *host, int port)
{
	int fd = client_connect_to(host, port);

	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
}

static const struct {
	const char *before, *after;
} inclusion_table[] = {
	{ "127.0.0.1", "0.0.0.0" },
	{ "0.0.0.0", "127.0.0.1" },
};

/* An address that includes the one before, or is included by it, replaces it,
 * though acceptors have the old socket open.  If the change fails, kvd listens
 * on the old one. */
TEST(test_listen_includes)
{
	const char *before = inclusion_table[_i].before;
	const char *after = inclusion_table[_i].after;
	struct server *s = server_new();
	int reserved, port, fd;

	reserved = reserve_port(&port);
	server_file(s, "insecure yes\nlisten %s:%d\n", before, port);
	server_run(s);
	fd = client_connect_to("127.0.0.1", port);
	client_ask(fd, "PING\n", "OK\r\n");
	server_file(s, "insecure yes\nlisten %s:%d\nlisten unix %s/no/sock\n",
	    after, port, s->dir);
	expect_refused(s, "/no/sock: No such file");
	expect_served_at("127.0.0.1", port);
	server_file(s, "insecure yes\nlisten %s:%d\n", after, port);
	reload(s, 1);
	expect_served_at("127.0.0.1", port);
	if (_i == 0)
		expect_served_at("127.5.5.5", port);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	(void)close(reserved);
	server_stop(s);
}

TEST(test_listen_twice)
{
	struct server *s = start_with("listen 127.0.0.1:0\n");
	char path[128];

	/* The same address counts as one, however it is spelled. */
	server_file(s, "listen 127.9.9.9:1\nlisten 127.9.9.9:01\n");
	expect_refused(s,
	    "listen: 127.9.9.9:1 and 127.9.9.9:01 are the same address");
	socket_path(s, "sock", path);
	server_file(s, "listen unix %s\nlisten unix %s\n", path, path);
	expect_refused(s, path);
	expect_no_socket(path);
	(void)close(connect_and_ping(s));
	server_stop(s);
}

/* What does not change */

static const struct {
	const char *text, *where, *what;
} broken_files[] = {
	{ "max-clients 9\nnonsense 1\n", "kvd.conf: line 2: ", "\"nonsense\"" },
	{ "\n\nmax-clients many\n", "kvd.conf: line 3: ", "\"many\"" },
	{ "max-clients 9\nlisten nowhere:1\n",
	    "kvd.conf: line 2: ", "nowhere" },
	{ "restart-limit 3\n", "kvd.conf: line 1: ", "NUMBER in TIME" },
};

TEST(test_broken_file)
{
	struct server *s = start_with("max-clients 1\n");
	int fd = connect_and_ping(s);

	server_file(s, "%s", broken_files[_i].text);
	expect_refused(s, broken_files[_i].where);
	expect_refused(s, broken_files[_i].what);
	expect_refusal(s);
	client_ask(fd, "PING\n", "OK\r\n");
	/* The administrator corrects the file. */
	server_file(s, "max-clients 2\n");
	reload(s, 1);
	(void)close(connect_and_ping(s));
	(void)close(fd);
	server_stop(s);
}

TEST(test_missing_file)
{
	struct server *s = start_with("max-clients 1\n");
	char path[128];
	int fd = connect_and_ping(s);

	socket_path(s, "kvd.conf", path);
	ck_assert_int_eq(unlink(path), 0);
	expect_refused(s, "kvd.conf: No such file or directory");
	expect_refusal(s);
	(void)close(fd);
	server_stop(s);
}

/* Options that cannot change are reported and stay; the others change. */
TEST(test_fixed)
{
	struct server *s =
	    start_with("max-value 4\nregistry-timeout 5s\nmax-clients 1\n");
	int fd = connect_and_ping(s), other;

	server_file(s,
	    "max-value 1M\nregistry-timeout 1ms\nmax-clients 2\n"
	    "data /nowhere\nruntime /nowhere\nlibexec /nowhere\n");
	reload(s, 1);
	/* The options of the command line still apply. */
	server_await_log(s, "restart kvd to change max-value, registry-timeout",
	    1);
	ck_assert_ptr_null(strstr(server_log(s), "nowhere"));
	other = connect_and_ping(s);
	client_ask(other, "CREATE b\nPUT b k 12345\nPUT b k 1234\n",
	    "OK\r\nERROR value too long\r\nOK\r\n");
	expect_refusal(s);
	(void)close(fd);
	(void)close(other);
	server_stop(s);
}

TEST(test_command_line)
{
	struct server *s = server_new();
	int fds[2];

	server_option(s, "max-clients 2");
	server_file(s, "max-clients 1\n");
	server_run(s);
	fds[0] = connect_and_ping(s);
	server_file(s, "max-clients 5\n");
	reload(s, 1);
	fds[1] = connect_and_ping(s);
	expect_refusal(s);
	(void)close(fds[0]);
	(void)close(fds[1]);
	server_stop(s);
}

/* SIGHUP before kvd has started must not do harm. */
TEST(test_early)
{
	struct server *s = server_new();
	int i;

	server_run(s);
	for (i = 0; i < 10; i++) {
		server_kill_all(s);
		server_spawn(s);
		while (strstr(server_log(s), "Accepting") == NULL) {
			/* Until kvd handles signals, SIGHUP kills it. */
			if (server_count(s, "kvd: registry") > 0)
				hang_up(s);
			pause_until(now_ms() + WAIT_MS, "");
		}
	}
	server_stop(s);
}

/* Under load */

static void
pause_us(long us)
{
	struct timespec pause = { .tv_nsec = us * 1000 };

	(void)nanosleep(&pause, NULL);
}

#define HANGUPS 100
#define ROOM 60

/*
 * No client is lost, connected or connecting, and the count of clients stays
 * right.
 */
TEST(test_storm)
{
	struct server *s = start_with("max-clients 60\nacceptors 2\n");
	struct crowd *loyal = crowd_start(s, CROWD_LOYAL, 2, 8);
	struct crowd *guests = crowd_start(s, CROWD_GUESTS, 2, 4);
	pid_t registry = server_pid(s, "registry");
	int fds[ROOM], i;

	for (i = 0; i < HANGUPS; i++) {
		hang_up(s);
		pause_us(random() % 10000);
		if (i % 10 == 9) {
			crowd_await(loyal, 1);
			crowd_await(guests, 1);
		}
	}
	crowd_end(loyal);
	crowd_end(guests);
	ck_assert_int_eq(server_pid(s, "registry"), registry);
	for (i = 0; i < ROOM; i++)
		fds[i] = client_await_room(s, client_connect);
	expect_refusal(s);
	for (i = 0; i < ROOM; i++)
		(void)close(fds[i]);
	server_stop(s);
}

/*
 * The number of acceptors goes up and down before they have started or ended.
 */
TEST(test_acceptors_storm)
{
	struct server *s = start_with("acceptors 1\n");
	struct crowd *guests = crowd_start(s, CROWD_GUESTS, 2, 4);
	pid_t pids[ACCEPTORS_MAX];
	int i;

	for (i = 0; i < HANGUPS / 2; i++) {
		server_file(s, "acceptors %ld\n", random() % 5 + 1);
		hang_up(s);
		pause_us(random() % 10000);
	}
	crowd_await(guests, 1);
	server_file(s, "acceptors 3\n");
	hang_up(s);
	server_acceptors(s, pids, 3);
	crowd_await(guests, 1);
	crowd_end(guests);
	server_stop(s);
}

/* In the background */

static pid_t
read_pid_file(const struct server *s)
{
	char path[128];
	FILE *file;
	long pid;

	socket_path(s, "run/kvd.pid", path);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	ck_assert_int_eq(fscanf(file, "%ld\n", &pid), 1);
	ck_assert_int_eq(fclose(file), 0);
	return (pid_t)pid;
}

#define DAEMON_FILE \
	"libexec %s\ndata %s/data\nruntime %s/run\nlisten 127.0.0.1:0\n"

/* The path is relative, and the daemon has changed its directory since. */
TEST(test_daemon)
{
	static const char *const args[] = { "kvd", "-f", "kvd.conf", NULL };
	static const char start[] = "Accepting connections on 127.0.0.1 port ";
	struct server *s = server_new();
	char output[OUTPUT_SIZE], build[PATH_MAX];
	const char *port;
	int fd, other;

	(void)snprintf(build, sizeof(build), "%s", build_dir());
	ck_assert_int_eq(setenv("KVD_BUILD", build, 1), 0);
	ck_assert_int_eq(chdir(s->dir), 0);
	server_file(s, DAEMON_FILE "max-clients 1\n", build, s->dir, s->dir);
	ck_assert_int_eq(kvd_command(args, output), 0);
	server_adopt(s, read_pid_file(s));
	ck_assert_ptr_nonnull(port = strstr(output, start));
	s->port = atoi(port + strlen(start));
	(void)snprintf(s->host, sizeof(s->host), "127.0.0.1");
	fd = connect_and_ping(s);
	expect_refusal(s);
	server_file(s, DAEMON_FILE "max-clients 2\n", build, s->dir, s->dir);
	hang_up(s);
	other = client_await_room(s, client_connect);
	client_ask(fd, "PING\n", "OK\r\n");
	expect_refusal(s);
	(void)close(fd);
	(void)close(other);
	server_stop(s);
}

static void
setup(void)
{
	srandom((unsigned int)(time(NULL) ^ getpid() << 16));
}

static const struct test tests[] = {
	CASE("changes", NULL, NULL),
	ONCE(test_max_clients),
	ONCE(test_back_to_default),
	ONCE(test_timeouts),
	EACH(test_cache, cache_table),
	ONCE(test_acceptors),
	ONCE(test_surplus_acceptor),
	ONCE(test_listen),
	ONCE(test_listen_in_use),
	EACH(test_listen_includes, inclusion_table),
	ONCE(test_listen_twice),
	CASE("refusals", NULL, NULL),
	EACH(test_broken_file, broken_files),
	ONCE(test_missing_file),
	ONCE(test_fixed),
	ONCE(test_command_line),
	ONCE(test_early),
	CASE("storms", setup, NULL),
	ONCE(test_storm),
	ONCE(test_acceptors_storm),
	ONCE(test_daemon),
};

SUITE("reload", tests)
