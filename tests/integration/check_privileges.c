/*
 * check_privileges: what the processes of a kvd may do: as whom they run, what
 * they have open, and what another process of the workers' user can do to
 * them.  And what kvd refuses to use, because others could change it.
 *
 * Other users than the one who runs the test take root.
 */

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "exchange.h"
#include "launch.h"

/* Every system has these. */
#define USER "nobody"
#define REGISTRY_USER "daemon"

static struct server *server;
static struct passwd user, registry_user;

static bool
find_user(const char *name, struct passwd *found)
{
	const struct passwd *pw = getpwnam(name);

	if (pw != NULL)
		*found = *pw;
	return pw != NULL && pw->pw_uid != 0;
}

/* If the test cannot run here, says why, and frees the server. */
static bool
can_switch(void)
{
	if (geteuid() == 0 && find_user(USER, &user) &&
	    find_user(REGISTRY_USER, &registry_user))
		return true;
	printf("not running as root, or there is no user " USER
	       " or " REGISTRY_USER ": switching users is not tested\n");
	server_free(server);
	return false;
}

static void
setup(void)
{
	server = server_new();
	server_option(server, "listen 127.0.0.1:0");
	server_option(server, "core-dumps no");
}

static void
add_users(void)
{
	server_option(server, "user " USER);
	server_option(server, "registry-user " REGISTRY_USER);
}

static int
start_with_users(void)
{
	add_users();
	server_run(server);
	return connect_and_ping(server);
}

/* As whom they run */

/* The line of /proc/PID/status that begins so, without that. */
static const char *
status_line(pid_t pid, const char *name)
{
	static char line[256];
	char path[64];
	size_t size = strlen(name);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	ck_assert_ptr_nonnull(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, size) == 0 && line[size] == ':') {
			(void)fclose(file);
			line[strcspn(line, "\n")] = '\0';
			return line + size + 1;
		}
	ck_abort_msg("no %s in %s", name, path);
}

static void
expect_ids(pid_t pid, const char *name, unsigned long id)
{
	char want[128];

	snprintf(want, sizeof(want), "\t%lu\t%lu\t%lu\t%lu", id, id, id, id);
	ck_assert_str_eq(status_line(pid, name), want);
}

static void
expect_user(pid_t pid, const struct passwd *pw)
{
	const char *groups;

	expect_ids(pid, "Uid", pw->pw_uid);
	expect_ids(pid, "Gid", pw->pw_gid);
	groups = status_line(pid, "Groups");
	ck_assert_uint_eq(strspn(groups, " \t"), strlen(groups));
	ck_assert_str_eq(status_line(pid, "CapPrm"), "\t0000000000000000");
	ck_assert_str_eq(status_line(pid, "CapAmb"), "\t0000000000000000");
}

static void
expect_root_directory(pid_t pid, const char *want)
{
	char path[64], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/root", (long)pid);
	n = readlink(path, link, sizeof(link) - 1);
	ck_assert_int_ge(n, 0);
	link[n] = '\0';
	ck_assert_str_eq(link, want);
}

static void
expect_owner(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	launch_stat(server, name, &st);
	ck_assert_msg(st.st_uid == uid && st.st_gid == gid &&
		(st.st_mode & 07777) == mode,
	    "%s: user %lu, group %lu, mode %04o", name,
	    (unsigned long)st.st_uid, (unsigned long)st.st_gid,
	    (unsigned int)st.st_mode & 07777);
}

/* All files in the data directory are the registry's user's. */
static void
expect_data_owner(void)
{
	DIR *dir = opendir(launch_path(server, "data"));
	struct dirent *entry;
	struct stat st;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, "..") == 0)
			continue;
		ck_assert_int_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		ck_assert_msg(st.st_uid == registry_user.pw_uid,
		    "data/%s belongs to user %lu", entry->d_name,
		    (unsigned long)st.st_uid);
	}
	(void)closedir(dir);
}

static size_t
count_entries(const char *name)
{
	DIR *dir = opendir(launch_path(server, name));
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

TEST(test_users)
{
	pid_t registry, acceptor, worker;
	int fd;

	if (!can_switch())
		return;
	fd = start_with_users();
	client_ask(fd, "CREATE b\n", "OK\r\n");
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	registry = server_pid(server, "registry");
	acceptor = server_pid(server, "acceptor");
	worker = server_worker(server, fd);
	expect_ids(server->pid, "Uid", 0);
	expect_user(registry, &registry_user);
	expect_user(server_pid(server, "checkpointer"), &registry_user);
	expect_user(acceptor, &user);
	expect_user(worker, &user);
	expect_root_directory(registry, "/");
	expect_root_directory(acceptor, launch_path(server, "run/worker"));
	expect_root_directory(worker, launch_path(server, "run/worker"));
	expect_owner("data", registry_user.pw_uid, registry_user.pw_gid, 0700);
	expect_data_owner();
	expect_owner("run", 0, getegid(), 0755);
	expect_owner("run/kvd.pid", 0, getegid(), 0644);
	expect_owner("run/control.sock", 0, getegid(), 0660);
	expect_owner("run/worker", 0, user.pw_gid, 0710);
	expect_owner("run/worker/registry.sock", 0, user.pw_gid, 0660);
	ck_assert_uint_eq(count_entries("run/worker"), 1);
	(void)close(fd);
	server_stop(server);
}

/* Neither a restarted process nor a worker whose registry is another one has
 * more than the first. */
TEST(test_restarts)
{
	int fd;

	if (!can_switch())
		return;
	fd = start_with_users();
	client_ask(fd, "CREATE b\n", "OK\r\n");
	process_kill(server_pid(server, "registry"));
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	process_kill(server_pid(server, "acceptor"));
	expect_new_client(server);
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	expect_user(server_pid(server, "registry"), &registry_user);
	expect_user(server_pid(server, "acceptor"), &user);
	(void)close(fd);
	server_stop(server);
}

/* The name of the registry's socket is made again, with its group. */
TEST(test_socket_made_again)
{
	int fd;

	if (!can_switch())
		return;
	fd = start_with_users();
	client_ask(fd, "CREATE b\n", "OK\r\n");
	ck_assert_int_eq(
	    unlink(launch_path(server, "run/worker/registry.sock")), 0);
	process_kill(server_pid(server, "registry"));
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	expect_owner("run/worker/registry.sock", 0, user.pw_gid, 0660);
	(void)close(fd);
	server_stop(server);
}

static bool
is_served(void)
{
	struct exchange x = { .out = "PUT b k v\n",
		.out_size = 10,
		.want = "OK\r\n",
		.want_size = 4 };
	int fd = client_connect(server);
	bool good = exchange_run(fd, &x) == EXCHANGE_OK;

	(void)close(fd);
	return good;
}

/* Somebody has removed the directory that is the root of acceptors and workers.
 * Workers that are connected are lost, but new clients are served. */
TEST(test_root_made_again)
{
	int64_t deadline_ms;
	int fd;

	if (!can_switch())
		return;
	server_option(server, "registry-timeout 300ms");
	fd = start_with_users();
	client_ask(fd, "CREATE b\n", "OK\r\n");
	remove_tree(launch_path(server, "run"));
	deadline_ms = now_ms() + WAIT_MS;
	while (!is_served())
		pause_until(deadline_ms, "service");
	client_ask(fd, "PUT b k w\n", "ERROR registry unavailable\r\n");
	(void)close(fd);
	server_stop(server);
}

/* An acceptor that cannot execute itself is replaced. */
TEST(test_crash)
{
	pid_t acceptor, worker;
	int fd, other;

	if (!can_switch())
		return;
	fd = start_with_users();
	other = connect_and_ping(server);
	acceptor = server_pid(server, "acceptor");
	worker = server_worker(server, fd);
	signal_process(worker, SIGSEGV);
	client_expect_gone(fd);
	process_await_end(acceptor);
	ck_assert_int_ne(server_pid(server, "acceptor"), acceptor);
	expect_new_client(server);
	client_ask(other, "PING\n", "OK\r\n");
	ck_assert_uint_eq(server_log_count(server, "restarting it"), 0);
	ck_assert_uint_eq(server_log_count(server, "died of SIGSEGV"), 1);
	(void)close(other);
	server_stop(server);
}

/* What they have open */

struct allowed {
	const char *prefix; /* of what the link in /proc/PID/fd leads to */
	size_t min, max; /* how many such there may be */
};

/* `DIR' stands for the server's directory. */
static const struct allowed of_worker[] = {
	{ "/dev/null", 2, 2 }, /* 0 and 1 */
	{ "DIR/log", 1, 1 },
	{ "socket:", 2, 2 }, /* the client, the registry */
	{ "pipe:", 1, 1 }, /* the lifeline */
	{ "anon_inode:[signalfd]", 1, 1 },
	{ NULL, 0, 0 },
};

static const struct allowed of_acceptor[] = {
	{ "/dev/null", 3, 3 }, /* and the spare one */
	{ "DIR/log", 1, 1 },
	{ "socket:", 2, 2 }, /* the master, clients */
	{ "pipe:", 1, 1 },
	{ "anon_inode:[signalfd]", 2, 2 }, /* its own, and the workers' */
	{ "/memfd:", 1, 1 }, /* the scoreboard */
	{ "/proc/", 0, 1 }, /* its oom_score_adj */
	{ "BUILD/kvd-acceptor", 0, 1 }, /* unless it has another root */
	{ NULL, 0, 0 },
};

static const struct allowed of_registry[] = {
	{ "/dev/null", 2, 2 },
	{ "DIR/log", 1, 1 },
	{ "DIR/data", 1, 16 },
	/* The master, the checkpointer, new workers, a worker. */
	{ "socket:", 4, 4 },
	{ "anon_inode:", 2, 2 },
	{ "/memfd:", 1, 3 }, /* the scoreboard, the cache, what is hot */
	{ NULL, 0, 0 },
};

static const struct allowed of_checkpointer[] = {
	{ "/dev/null", 2, 2 },
	{ "DIR/log", 1, 1 },
	{ "DIR/data", 1, 16 },
	{ "socket:", 2, 2 },
	{ "anon_inode:", 1, 1 },
	{ NULL, 0, 0 },
};

static bool
is_allowed(const struct allowed *a, const char *link)
{
	const char *dir = server->dir, *prefix = a->prefix;

	if (strncmp(prefix, "DIR", 3) == 0 ||
	    strncmp(prefix, "BUILD", 5) == 0) {
		dir = prefix[0] == 'D' ? server->dir : build_dir();
		if (strncmp(link, dir, strlen(dir)) != 0)
			return false;
		link += strlen(dir);
		prefix += prefix[0] == 'D' ? 3 : 5;
	}
	return strncmp(link, prefix, strlen(prefix)) == 0;
}

static void
expect_descriptors(pid_t pid, const struct allowed *allowed)
{
	char path[64], link[PATH_MAX];
	size_t count[16] = { 0 }, i;
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	ck_assert_msg((dir = opendir(path)) != NULL, "%s: %s", path,
	    strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(dir), entry->d_name, link,
		    sizeof(link) - 1);
		ck_assert_int_ge(n, 0);
		link[n] = '\0';
		for (i = 0; allowed[i].prefix != NULL; i++)
			if (is_allowed(&allowed[i], link))
				break;
		ck_assert_msg(allowed[i].prefix != NULL, "%s/%s is %s", path,
		    entry->d_name, link);
		count[i]++;
	}
	(void)closedir(dir);
	for (i = 0; allowed[i].prefix != NULL; i++)
		ck_assert_msg(count[i] >= allowed[i].min &&
			count[i] <= allowed[i].max,
		    "process %ld has %zu of %s", (long)pid, count[i],
		    allowed[i].prefix);
}

/* The files in /proc of a process that cannot be traced are root's. */
TEST(test_descriptors)
{
	int fd;

	if (geteuid() != 0) {
		printf("not running as root: descriptors are not tested\n");
		server_free(server);
		return;
	}
	if (_i == 1) {
		if (!can_switch())
			return;
		add_users();
	}
	server_run(server);
	fd = connect_and_ping(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	expect_descriptors(server_worker(server, fd), of_worker);
	expect_descriptors(server_pid(server, "acceptor"), of_acceptor);
	expect_descriptors(server_pid(server, "registry"), of_registry);
	expect_descriptors(server_pid(server, "checkpointer"), of_checkpointer);
	(void)close(fd);
	server_stop(server);
}

/* Limits, and no way to more privileges, for any user who starts kvd. */

static void
expect_limit(pid_t pid, enum __rlimit_resource resource, rlim_t want)
{
	struct rlimit limit;

	ck_assert_int_eq(prlimit(pid, resource, NULL, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, want);
	ck_assert_uint_eq(limit.rlim_max, want);
}

TEST(test_limits)
{
	pid_t pids[4];
	size_t i;
	int fd;

	server_run(server);
	fd = connect_and_ping(server);
	pids[0] = server_worker(server, fd);
	pids[1] = server_pid(server, "registry");
	pids[2] = server_pid(server, "checkpointer");
	pids[3] = server_pid(server, "acceptor");
	for (i = 0; i < COUNT(pids); i++) {
		ck_assert_str_eq(status_line(pids[i], "NoNewPrivs"), "\t1");
		ck_assert_str_eq(status_line(pids[i], "Umask"), "\t0077");
		expect_limit(pids[i], RLIMIT_CORE, 0);
		if (i < 3)
			expect_limit(pids[i], RLIMIT_NPROC, 0);
	}
	(void)close(fd);
	server_stop(server);
}

/* What a process of the workers' user can do to the others */

/* In the child: exits with the number of the first of these that it can do. */
#define CAN(what)                           \
	do {                                \
		number++;                   \
		if (what)                   \
			_exit(10 + number); \
	} while (0)

static bool
can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd != -1;
}

static bool
can_open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return can_open(path, flags);
}

static bool
can_connect(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	return fd == -1 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0;
}

static bool
can_trace(pid_t pid)
{
	return ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0;
}

struct targets {
	pid_t master, registry, checkpointer, acceptor, worker;
	char data[PATH_MAX], log[PATH_MAX], run[PATH_MAX], new[PATH_MAX],
	    control[PATH_MAX], pidfile[PATH_MAX], worker_new[PATH_MAX];
};

__attribute__((noreturn)) static void
attack(const struct targets *t)
{
	const pid_t all[] = { t->master, t->registry, t->checkpointer,
		t->acceptor, t->worker };
	int number = 0;
	size_t i;

	if (setgroups(0, NULL) == -1 ||
	    setresgid(user.pw_gid, user.pw_gid, user.pw_gid) == -1 ||
	    setresuid(user.pw_uid, user.pw_uid, user.pw_uid) == -1)
		_exit(1);
	CAN(can_open(t->data, O_RDONLY));
	CAN(can_open(t->log, O_RDWR));
	CAN(can_open(t->pidfile, O_RDWR));
	CAN(can_connect(t->control));
	CAN(mkdir(t->new, 0700) == 0);
	CAN(mkdir(t->worker_new, 0700) == 0);
	CAN(kill(t->master, 0) == 0);
	CAN(kill(t->registry, 0) == 0);
	CAN(kill(t->checkpointer, 0) == 0);
	for (i = 0; i < COUNT(all); i++) {
		CAN(can_open_of(all[i], "fd", O_RDONLY | O_DIRECTORY));
		CAN(can_open_of(all[i], "fd/6", O_RDWR));
		CAN(can_open_of(all[i], "mem", O_RDWR));
		CAN(can_trace(all[i]));
	}
	_exit(0);
}

TEST(test_attack)
{
	struct targets t;
	int fd, status;
	pid_t pid;

	if (!can_switch())
		return;
	fd = start_with_users();
	t = (struct targets){ .master = server->pid,
		.registry = server_pid(server, "registry"),
		.checkpointer = server_pid(server, "checkpointer"),
		.acceptor = server_pid(server, "acceptor"),
		.worker = server_worker(server, fd) };
	(void)strlcpy(t.data, launch_path(server, "data"), PATH_MAX);
	(void)strlcpy(t.log, launch_path(server, "data/log.1"), PATH_MAX);
	(void)strlcpy(t.new, launch_path(server, "run/new"), PATH_MAX);
	(void)strlcpy(t.pidfile, launch_path(server, "run/kvd.pid"), PATH_MAX);
	(void)strlcpy(t.control, launch_path(server, "run/control.sock"),
	    PATH_MAX);
	(void)strlcpy(t.worker_new, launch_path(server, "run/worker/new"),
	    PATH_MAX);
	pid = test_fork();
	if (pid == 0)
		attack(&t);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "attack %d succeeded", WEXITSTATUS(status) - 10);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(server);
}

/* Even where everybody may connect to the control socket, or the user gets a
 * connection to the registry, neither hears anything. */
TEST(test_sockets)
{
	static const char *const paths[] = { "run/control.sock",
		"run/worker/registry.sock" };
	char path[PATH_MAX];
	int fd, status;
	pid_t pid;
	char byte;

	if (!can_switch())
		return;
	server_option(server, "control mode 0666");
	fd = start_with_users();
	(void)strlcpy(path, launch_path(server, paths[_i]), sizeof(path));
	pid = test_fork();
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 || setgid(user.pw_gid) == -1 ||
		    setuid(user.pw_uid) == -1)
			_exit(2);
		_exit(read(client_connect_unix(path), &byte, 1) > 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	if (_i == 0)
		server_await_log(server,
		    "who runs processes of kvd, has connected to the control "
		    "socket",
		    1);
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(server);
}

/* Which users are refused */

static const struct {
	const char *option, *other; /* NULL: none */
	const char *why;
} bad_users[] = {
	{ "user kvd-nobody", "registry-user " REGISTRY_USER,
	    "user: there is no user \"kvd-nobody\"" },
	{ "user " USER, "registry-user 4294967290",
	    "registry-user: there is no user \"4294967290\"" },
	{ "user " USER, NULL, "user is given and registry-user is not" },
	{ "registry-user " USER, NULL,
	    "registry-user is given and user is not" },
	{ "user root", "registry-user " REGISTRY_USER,
	    "only one of user and registry-user is root" },
};

TEST(test_bad_users)
{
	const char *options[] = { bad_users[_i].option, bad_users[_i].other,
		NULL };
	char data[PATH_MAX], runtime[PATH_MAX], output[OUTPUT_SIZE];
	const char *args[12] = { "kvd", "-n", "-o", data, "-o", runtime };
	size_t n = 6, i;

	if (geteuid() != 0) {
		printf("not running as root: users are not tested\n");
		server_free(server);
		return;
	}
	ck_assert_int_eq(launch_second(server, options, output), EX_CONFIG);
	expect_part(output, bad_users[_i].why);
	ck_assert(!launch_exists(server, "data"));
	/* What it says of users is all; whose the directories are to be is not
	 * known. */
	ck_assert_int_eq(mkdir(launch_path(server, "data"), 0700), 0);
	ck_assert_int_eq(mkdir(launch_path(server, "run"), 0755), 0);
	ck_assert_int_eq(chown(launch_path(server, "data"), 12345, 0), 0);
	snprintf(data, sizeof(data), "data %s/data", server->dir);
	snprintf(runtime, sizeof(runtime), "runtime %s/run", server->dir);
	for (i = 0; options[i] != NULL; i++) {
		args[n++] = "-o";
		args[n++] = options[i];
	}
	ck_assert_int_eq(kvd_command(args, output), EX_CONFIG);
	expect_part(output, bad_users[_i].why);
	ck_assert_ptr_null(strstr(output, "chown"));
	server_free(server);
}

static void
become_user(const struct server *s)
{
	(void)s;
	if (setgroups(0, NULL) == -1 || setgid(user.pw_gid) == -1 ||
	    setuid(user.pw_uid) == -1)
		_exit(126);
}

/* An ordinary user may name itself, and nobody else. */
TEST(test_ordinary_user)
{
	int fd, status;

	if (!can_switch())
		return;
	ck_assert_int_eq(chown(server->dir, user.pw_uid, user.pw_gid), 0);
	launch_write(server, "log", "");
	ck_assert_int_eq(
	    chown(launch_path(server, "log"), user.pw_uid, user.pw_gid), 0);
	server->before_exec = become_user;
	server_option(server, "user " USER);
	server_option(server, "registry-user %s", _i == 0 ? USER : "root");
	if (_i == 0) {
		server_run(server);
		fd = connect_and_ping(server);
		client_ask(fd, "CREATE b\n", "OK\r\n");
		expect_user(server_pid(server, "registry"), &user);
		expect_root_directory(server_worker(server, fd), "/");
		(void)close(fd);
		server_stop(server);
		return;
	}
	server_spawn(server);
	status = server_await_end(server, WAIT_MS);
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
	server_await_log(server, "cannot become \"root\": start it as root", 1);
	server_free(server);
}

/* The data directory */

/* Starts, and ends, a kvd that has a store, and leaves its directory. */
static void
make_store(void)
{
	int fd;

	server_run(server);
	fd = connect_and_ping(server);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	(void)close(fd);
	signal_process(server->pid, SIGTERM);
	ck_assert_int_eq(server_await_end(server, WAIT_MS), 0);
}

static void
expect_refused(const char *why)
{
	static const char *const none[] = { NULL };
	char output[OUTPUT_SIZE];

	ck_assert_int_eq(launch_second(server, none, output), EX_CONFIG);
	expect_part(output, why);
}

/* Renames a file to `NAME.x', and puts a link to that in its place. */
static void
replace(const char *name, int (*put_link)(const char *, const char *))
{
	char to[PATH_MAX];

	snprintf(to, sizeof(to), "%s.x", launch_path(server, name));
	ck_assert_int_eq(rename(launch_path(server, name), to), 0);
	ck_assert_int_eq(put_link(to, launch_path(server, name)), 0);
}

static const char *const store_files[] = { "data/data.mdb", "data/log.2",
	"data/lock" };

TEST(test_files)
{
	const char *name = store_files[_i];
	char to[PATH_MAX];

	make_store();
	ck_assert_int_eq(chmod(launch_path(server, name), 0620), 0);
	expect_refused("can be written to by its group or by others: "
		       "chmod go-w it");
	ck_assert_int_eq(chmod(launch_path(server, name), 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(launch_path(server, name), 12345, 0), 0);
		expect_refused("belongs to user 12345, not to user 0, who owns "
			       "the store: chown it");
		ck_assert_int_eq(chown(launch_path(server, name), 0, 0), 0);
	}
	replace(name, link);
	expect_refused("has another name (link(2)): remove that");
	(void)strlcpy(to, launch_path(server, name), sizeof(to));
	ck_assert_int_eq(unlink(to), 0);
	(void)strlcat(to, ".x", sizeof(to));
	ck_assert_int_eq(rename(to, launch_path(server, name)), 0);
	replace(name, symlink);
	expect_refused("is a symbolic link: put the file itself there");
	ck_assert_int_eq(unlink(launch_path(server, name)), 0);
	ck_assert_int_eq(mkdir(launch_path(server, name), 0700), 0);
	expect_refused("is not a file: move it away");
	server_free(server);
}

/* A segment of another store is refused, and the store can be used when its own
 * is back. */
TEST(test_foreign_segment)
{
	char path[PATH_MAX];
	struct server *first;

	make_store();
	first = server;
	setup();
	make_store();
	(void)strlcpy(path, launch_path(server, "data/log.1"), sizeof(path));
	ck_assert_int_eq(rename(launch_path(first, "data/log.1"),
			     launch_path(first, "data/own")),
	    0);
	ck_assert_int_eq(rename(path, launch_path(first, "data/log.1")), 0);
	server_free(server);
	server = first;
	expect_refused("belongs to another store than data.mdb");
	ck_assert_int_eq(rename(launch_path(server, "data/own"),
			     launch_path(server, "data/log.1")),
	    0);
	server_run(server);
	expect_new_client(server);
	server_stop(server);
}

TEST(test_writable_data)
{
	make_store();
	ck_assert_int_eq(chmod(launch_path(server, "data"), 0777), 0);
	expect_refused("can be written to by its group or by others");
	server_free(server);
}

/* Root starts a kvd of another user's, once and without naming that user: it
 * changes nothing. */
TEST(test_root_once)
{
	if (!can_switch())
		return;
	ck_assert_int_eq(mkdir(launch_path(server, "data"), 0700), 0);
	ck_assert_int_eq(chown(launch_path(server, "data"),
			     registry_user.pw_uid, registry_user.pw_gid),
	    0);
	expect_refused("which kvd runs as: start kvd as that user, or chown "
		       "it");
	ck_assert_uint_eq(count_entries("data"), 0);
	add_users();
	make_store();
	expect_data_owner();
	server_free(server);
}

/* And what root has made is not taken by another user. */
TEST(test_root_first)
{
	if (!can_switch())
		return;
	make_store();
	add_users();
	expect_refused("belongs to user 0, not to user");
	server_free(server);
}

/* Root cannot make the directory where others could exchange it. */
TEST(test_shared_parent)
{
	if (!can_switch())
		return;
	add_users();
	ck_assert_int_eq(chmod(server->dir, 01777), 0);
	expect_refused("does not exist, and others than root may write to its "
		       "parent directory: make it, and chown it to user");
	ck_assert(!launch_exists(server, "data"));
	server_free(server);
}

/* Root maintains a store, and its files stay their owner's. */

static void
maintain(const char *flag, const char *file)
{
	char data[PATH_MAX], libexec[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "kvd", "-o", "user " USER, "-o",
		"registry-user " REGISTRY_USER, "-o", data, "-o", libexec, flag,
		file, NULL };

	snprintf(data, sizeof(data), "data %s", launch_path(server, "data"));
	snprintf(libexec, sizeof(libexec), "libexec %s", build_dir());
	ck_assert_msg(kvd_command(args, output) == 0, "%s", output);
}

static void
back_up(const char *file)
{
	char program[PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { program, "backup",
		launch_path(server, "data"), file, NULL };

	snprintf(program, sizeof(program), "%s/kvd-maintain", build_dir());
	ck_assert_msg(run_command(args, output) == 0, "%s", output);
}

TEST(test_maintain)
{
	char backup[PATH_MAX];
	int fd;

	if (!can_switch())
		return;
	(void)strlcpy(backup, launch_path(server, "backup"), sizeof(backup));
	add_users();
	make_store();
	back_up(backup);
	maintain("-c", NULL);
	maintain("-C", NULL);
	expect_data_owner();
	remove_tree(launch_path(server, "data"));
	maintain("-R", backup);
	expect_data_owner();
	server_run(server);
	fd = connect_and_ping(server);
	client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	(void)close(fd);
	server_stop(server);
}

static const struct test tests[] = {
	CASE("users", setup, NULL),
	ONCE(test_users),
	ONCE(test_restarts),
	ONCE(test_socket_made_again),
	ONCE(test_root_made_again),
	ONCE(test_crash),
	EACH(test_bad_users, bad_users),
	LOOP(test_ordinary_user, 2),
	CASE("rights", setup, NULL),
	LOOP(test_descriptors, 2),
	ONCE(test_limits),
	ONCE(test_attack),
	LOOP(test_sockets, 2),
	CASE("data", setup, NULL),
	EACH(test_files, store_files),
	ONCE(test_foreign_segment),
	ONCE(test_writable_data),
	ONCE(test_root_once),
	ONCE(test_root_first),
	ONCE(test_shared_parent),
	ONCE(test_maintain),
};

SUITE("privileges", tests)
