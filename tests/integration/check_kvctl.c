/*
 * check_kvctl: the operator sees and acts, whatever state kvd is in, and what
 * comes over the control socket harms nobody.
 */

#include "ctl.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include "common/buf.h"
#include "proto/hello.h"
#include "proto/schema.h"

#define NOT_ACCEPTING "ERROR not accepting clients\r\n"
/* Of the master: src/master/control_conn.h. */
#define CONNECTIONS_MAX 16
#define NOBODY 65534

static const char *const roles[] = { "checkpointer", "registry", "acceptor" };

static void
signal_role(const struct server *s, const char *role, int signo)
{
	signal_process(server_pid(s, role), signo);
}

/* The number behind this word of the output. */
static long
number_behind(const char *output, const char *word)
{
	const char *p = strstr(output, word);

	ck_assert_msg(p != NULL, "no %s in %s", word, output);
	return strtol(p + strlen(word), NULL, 10);
}

TEST(test_command_line)
{
	struct server *s = server_start(NULL);

	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	ctl_expect(s, CTL("wait"), 0, "");
	ctl_expect_part(s, CTL("-h"), 0, "usage: kvctl ");
	ctl_expect_part(s, CTL("--version"), 0, "kvctl " PACKAGE_VERSION "\n");
	ctl_expect_part(s, CTL("-x"), 2, "usage: kvctl ");
	ctl_expect_part(s, CTL("-t", "0", "ping"), 2, "not a number of");
	ctl_expect_part(s, CTL("-f", "x", "ping"), 2, "exclude each other");
	ctl_expect_part(s, CTL("dance"), 2, "not a command: dance");
	ctl_expect_part(s, CTL("ping", "pong"), 2, "usage: kvctl ping");
	ctl_expect_part(s, CTL("restart"), 2, "usage: kvctl restart ");
	ctl_expect_part(s, CTL("restart", "master"), 1, "restart needs ");
	ctl_expect_part(s, CTL("log", "loud"), 1, "log needs verbose or ");
	server_stop(s);
}

/* -f finds the runtime directory, also if another line has a mistake. */
TEST(test_find_socket)
{
	struct server *s = server_new();
	char output[OUTPUT_SIZE], file[PATH_MAX], program[PATH_MAX + 8];
	const char *const args[] = { program, "-f", file, "ping", NULL };
	FILE *f;

	server_run(s);
	snprintf(program, sizeof(program), "%s/kvctl", build_dir());
	snprintf(file, sizeof(file), "%s/some.conf", s->dir);
	ck_assert_int_eq(run_command(args, output), 1);
	expect_part(output, "some.conf: No such file");
	f = fopen(file, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "listen to me\nruntime %s/run\n", s->dir);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(run_command(args, output), 0);
	server_stop(s);
}

TEST(test_not_running)
{
	struct server *s = server_start(NULL);
	const char *output;

	server_kill_all(s);
	/* Its socket is still there. */
	ck_assert_int_eq(access(ctl_path(s), F_OK), 0);
	ctl_expect_part(s, CTL("status"), 3, "a kvd that was killed has left");
	server_restart(s);
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	ctl_expect(s, CTL("stop"), 0, "");
	/* It has ended when the command returns. */
	ck_assert_int_eq(ctl_run(s, CTL("stop"), &output), 3);
	expect_part(output, "kvd is not running: there is no ");
	ck_assert_int_eq(server_await_end(s, WAIT_MS), 0);
	server_expect_clean(s);
	ctl_expect_part(s, CTL("-t", "0.2", "wait"), 3, "not running");
	server_free(s);
}

TEST(test_wait_for_start)
{
	struct server *s = server_new();
	char program[PATH_MAX + 8];
	int status;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/kvctl", build_dir());
	pid = fork_unhandled();
	if (pid == 0) {
		(void)execl(program, "kvctl", "-s", ctl_path(s), "wait", NULL);
		_exit(127);
	}
	server_run(s);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	server_stop(s);
}

TEST(test_status)
{
	struct server *s = server_new();
	const char *output;
	char line[64];
	int fd;

	server_option(s, "max-clients 10");
	server_run(s);
	fd = connect_and_ping(s);
	ck_assert_int_eq(ctl_run(s, CTL("status"), &output), 0);
	snprintf(line, sizeof(line), "kvd %s (pid %ld): Accepting connections",
	    PACKAGE_VERSION, (long)s->pid);
	expect_part(output, line);
	snprintf(line, sizeof(line), "\nlistening    127.0.0.1 port %d\n",
	    s->port);
	expect_part(output, line);
	expect_part(output, "\nclients      1 of 10\n");
	expect_part(output, "\nlog          brief\n");
	expect_part(output, "\nrestarts     none\n");
	expect_part(output, "\nalarms       none\n");
	process_kill(server_pid(s, "acceptor"));
	ctl_expect(s, CTL("wait"), 0, "");
	ck_assert_int_eq(ctl_run(s, CTL("status"), &output), 0);
	expect_part(output, "\nrestarts     acceptor 1, the last ");
	expect_part(output, " ago: it died of SIGKILL\n");
	client_ask(fd, "PING\n", "OK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* The tree has the processes that ps(1) shows. */
TEST(test_tree)
{
	struct server *s = server_start(NULL);
	const char *output;
	char part[32];
	size_t i;

	ck_assert_int_eq(ctl_run(s, CTL("tree"), &output), 0);
	snprintf(part, sizeof(part), "%8ld  ready ", (long)s->pid);
	expect_part(output, part);
	for (i = 0; i < COUNT(roles); i++) {
		snprintf(part, sizeof(part), "%8ld  ready ",
		    (long)server_pid(s, roles[i]));
		expect_part(output, part);
		expect_part(output, roles[i]);
	}
	server_stop(s);
}

/* A client that is connected notices nothing. */
TEST(test_restart)
{
	struct server *s = server_start(NULL);
	pid_t before = server_pid(s, roles[_i]);
	int fd = connect_and_ping(s);

	client_ask(fd, "CREATE b\n", "OK\r\n");
	ctl_expect(s, CTL("restart", roles[_i]), 0, "");
	ck_assert_int_ne(server_pid(s, roles[_i]), before);
	client_ask(fd, "PUT b k v\n", "OK\r\n");
	/* Also one that is stopped: the registry is killed at once. */
	if (strcmp(roles[_i], "registry") == 0) {
		signal_role(s, "registry", SIGSTOP);
		ctl_expect(s, CTL("restart", "registry"), 0, "");
		client_ask(fd, "GET b k\n", "v\r\nOK\r\n");
	}
	expect_new_client(s);
	(void)close(fd);
	server_stop(s);
}

/* A restart that is delayed takes place now. */
TEST(test_restart_of_delayed)
{
	struct server *s = server_new();
	const char *output;
	int i;

	server_option(s, "restart-limit 1 in 1h");
	server_run(s);
	/* The delay grows to seconds. */
	for (i = 0; i < 6; i++)
		process_kill(server_pid(s, "acceptor"));
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(ctl_run(s, CTL("status"), &output), 0);
	expect_part(output,
	    "alarms       the acceptor ends again and again: "
	    "it died of SIGKILL; its restart is delayed by ");
	ctl_expect(s, CTL("restart", "acceptor"), 0, "");
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	server_stop(s);
}

/* It works while the registry hangs. */
TEST(test_hung_registry)
{
	struct server *s = server_start(NULL);
	const char *output;
	int64_t since_ms;

	signal_role(s, "registry", SIGSTOP);
	since_ms = now_ms();
	ck_assert_int_eq(ctl_run(s, CTL("status"), &output), 0);
	ck_assert_int_eq(ctl_run(s, CTL("tree"), &output), 0);
	ck_assert_int_eq(ctl_run(s, CTL("config"), &output), 0);
	ctl_expect(s, CTL("suspend"), 0, "");
	ctl_expect(s, CTL("resume"), 0, "");
	ctl_expect(s, CTL("log", "verbose"), 0, "");
	ctl_expect_part(s, CTL("ping"), 1, ") does not answer\n");
	ctl_expect_part(s, CTL("-t", "0.2", "checkpoint"), 1,
	    "kvd does not answer in time");
	ck_assert_int_lt(now_ms() - since_ms, WAIT_MS);
	signal_role(s, "registry", SIGCONT);
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	server_stop(s);
}

/* A request that the registry has not answered is answered by the next one. */
TEST(test_request_under_way)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);

	signal_role(s, "registry", SIGSTOP);
	client_say(fd, "CREATE b\n");
	ctl_expect(s, CTL("restart", "registry"), 0, "");
	client_hear(fd, "OK\r\n");
	(void)close(fd);
	server_stop(s);
}

TEST(test_checkpoint)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);
	const char *output;
	int i;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 3; i++) {
		client_ask(fd, "PUT b k v\n", "OK\r\n");
		ck_assert_int_eq(ctl_run(s, CTL("checkpoint"), &output), 0);
		ck_assert_int_eq(number_behind(output, "revision "),
		    client_stat(fd, "revision"));
	}
	/* One that is asked for while another is made has the later writes. */
	signal_role(s, "checkpointer", SIGSTOP);
	client_ask(fd, "PUT b k w\n", "OK\r\n");
	signal_process(s->pid, SIGUSR1);
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	client_ask(fd, "PUT b k x\n", "OK\r\n");
	i = ctl_connect(s);
	client_say(i, "checkpoint\n");
	signal_role(s, "checkpointer", SIGCONT);
	client_hear(i, "revision ");
	client_read_line(i, (char[LINE_SIZE]){ 0 });
	client_hear(i, "OK\n");
	(void)close(i);
	ck_assert_uint_eq(server_log_count(s, "has everything up to"), 5);
	(void)close(fd);
	server_stop(s);
}

TEST(test_suspend)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s), other;

	ctl_expect(s, CTL("suspend"), 0, "");
	ctl_expect_part(s, CTL("status"), 0, "Suspended: new clients are ref");
	other = client_connect(s);
	client_hear(other, NOT_ACCEPTING);
	client_expect_end(other);
	client_ask(fd, "PING\n", "OK\r\n");
	/* Also by an acceptor that is started meanwhile. */
	ctl_expect(s, CTL("restart", "acceptor"), 0, "");
	ctl_expect(s, CTL("reload"), 0, "");
	other = client_connect(s);
	client_hear(other, NOT_ACCEPTING);
	client_expect_end(other);
	ctl_expect(s, CTL("resume"), 0, "");
	expect_new_client(s);
	ctl_expect_part(s, CTL("status"), 0, "Accepting connections");
	(void)close(fd);
	server_stop(s);
}

TEST(test_pause)
{
	struct server *s = server_start(NULL);
	int fd;

	ctl_expect(s, CTL("pause"), 0, "");
	ctl_expect_part(s, CTL("status"), 0, "Paused: new clients wait");
	fd = client_connect(s);
	client_say(fd, "ECHO waited\n");
	ctl_expect_part(s, CTL("status"), 0, "clients      0 of ");
	ctl_expect(s, CTL("resume"), 0, "");
	client_hear(fd, "waited\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* What it prints is a configuration, and the comments say what would change. */
TEST(test_config)
{
	struct server *s = server_new();
	const char *output;
	char file[PATH_MAX], check[OUTPUT_SIZE];
	FILE *f;

	server_file(s, "max-clients 20\n");
	server_run(s);
	ck_assert_int_eq(ctl_run(s, CTL("config"), &output), 0);
	expect_part(output, "\nmax-clients 20\n");
	expect_part(output, "\ncontrol mode 0660\n");
	expect_part(output, "# A reload would change nothing.\n");
	snprintf(file, sizeof(file), "%s/printed.conf", s->dir);
	f = fopen(file, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(output, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(kvd_command(CTL("kvd", "-n", "-f", file), check), 0);
	server_file(s, "max-clients 21\nlog-size 64M\nacceptors 2\n");
	ck_assert_int_eq(ctl_run(s, CTL("config"), &output), 0);
	expect_part(output, "\nmax-clients 20\n");
	expect_part(output,
	    "# restart: log-size 64M\n"
	    "# reload: acceptors 2\n"
	    "# reload: max-clients 21\n");
	server_file(s, "max-clients many\n");
	ck_assert_int_eq(ctl_run(s, CTL("config"), &output), 0);
	expect_part(output, "# mistake: ");
	expect_part(output, "line 1: max-clients: \"many\" is not a number");
	server_file(s, "\n");
	server_stop(s);
}

TEST(test_reload)
{
	struct server *s = server_new();
	const char *output;

	server_file(s, "max-clients 20\n");
	server_run(s);
	server_file(s, "max-clients many\nidle-timeout soon\n");
	ck_assert_int_eq(ctl_run(s, CTL("reload"), &output), 1);
	expect_part(output, "line 1: max-clients: ");
	expect_part(output, "line 2: idle-timeout: ");
	expect_part(output, "kvctl: the configuration stays as it was\n");
	ctl_expect_part(s, CTL("status"), 0, "the last reload has failed");
	server_file(s, "max-clients 21\nacceptors 3\n");
	ctl_expect(s, CTL("reload"), 0, "");
	ctl_expect_part(s, CTL("config"), 0, "\nmax-clients 21\n");
	ctl_expect_part(s, CTL("status"), 0, "\nalarms       none\n");
	server_acceptors(s, (pid_t[3]){ 0 }, 3);
	server_stop(s);
}

static mode_t
socket_mode(const struct server *s)
{
	struct stat st;

	ck_assert_int_eq(stat(ctl_path(s), &st), 0);
	return st.st_mode & 07777;
}

TEST(test_mode)
{
	struct server *s = server_new();
	const char *output;

	server_file(s, "\n");
	server_run(s);
	ck_assert_int_eq(socket_mode(s), 0660);
	server_file(s, "control mode 0600\n");
	ctl_expect(s, CTL("reload"), 0, "");
	ck_assert_int_eq(socket_mode(s), 0600);
	/* Neither this nor anything else changes. */
	server_file(s, "control mode 0666 group nosuchgroup\nmax-clients 7\n");
	ck_assert_int_eq(ctl_run(s, CTL("reload"), &output), 1);
	expect_part(output, "there is no group \"nosuchgroup\"");
	ck_assert_int_eq(socket_mode(s), 0600);
	ctl_expect_part(s, CTL("config"), 0, "\nmax-clients 1000\n");
	/* A socket that somebody has removed is made again. */
	server_file(s, "control group %u\n", (unsigned int)getegid());
	ck_assert_int_eq(unlink(ctl_path(s)), 0);
	signal_process(s->pid, SIGHUP);
	server_await_log(s, "control.sock was gone; made again", 1);
	ck_assert_int_eq(socket_mode(s), 0660);
	ctl_expect(s, CTL("wait"), 0, "");
	server_stop(s);
}

/* Runs kvctl as another user.  Only root can. */
static int
run_as_nobody(const struct server *s, const char *command)
{
	char program[PATH_MAX + 8];
	int status;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/kvctl", build_dir());
	pid = fork_unhandled();
	if (pid == 0) {
		(void)close(STDERR_FILENO);
		if (setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
			_exit(126);
		(void)execl(program, "kvctl", "-s", ctl_path(s), command, NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(test_who_may)
{
	struct server *s;

	if (geteuid() != 0) {
		printf("only root can be another user: the test is skipped\n");
		return;
	}
	s = server_new();
	server_option(s, "control mode 0666");
	ck_assert_int_eq(chmod(s->dir, 0711), 0);
	server_run(s);
	/* The build directory may be closed to others. */
	if (run_as_nobody(s, "ping") == 127) {
		printf("kvctl cannot be executed by others: skipped\n");
	} else {
		ck_assert_int_eq(run_as_nobody(s, "status"), 0);
		ck_assert_int_eq(run_as_nobody(s, "suspend"), 1);
		ck_assert_int_eq(run_as_nobody(s, "stop"), 1);
		ctl_expect_part(s, CTL("status"), 0, "alarms       none\n");
		ck_assert_int_eq(chmod(ctl_path(s), 0660), 0);
		ck_assert_int_eq(run_as_nobody(s, "status"), 1);
	}
	server_stop(s);
}

TEST(test_log)
{
	struct server *s = server_start(NULL);

	ctl_expect(s, CTL("restart", "registry"), 0, "");
	ck_assert_uint_eq(server_log_count(s, "registry ready"), 0);
	ctl_expect(s, CTL("log", "verbose"), 0, "");
	ctl_expect(s, CTL("restart", "registry"), 0, "");
	server_await_log(s, "registry ready, pid", 1);
	ctl_expect_part(s, CTL("status"), 0, "\nlog          verbose\n");
	ctl_expect(s, CTL("log", "brief"), 0, "");
	ctl_expect(s, CTL("restart", "registry"), 0, "");
	ck_assert_uint_eq(server_log_count(s, "registry ready, pid"), 1);
	expect_part(server_log(s), "): restart registry\n");
	server_stop(s);
}

/* The field of the only line of a list, or of the first line with this text. */
static const char *
line_with(const char *output, const char *text)
{
	static char line[512];
	const char *p = strstr(output, text), *start;

	ck_assert_msg(p != NULL, "no %s in %s", text, output);
	for (start = p; start > output && start[-1] != '\n'; start--)
		;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(start, "\n"), start);
	return line;
}

/* The id of the client with this peer. */
static void
find_id(const struct server *s, const char *peer, char id[32])
{
	const char *output;

	ck_assert_int_eq(ctl_run(s, CTL("clients"), &output), 0);
	snprintf(id, 32, "%ld", strtol(line_with(output, peer), NULL, 10));
}

/* The peer of a client that is connected by TCP. */
static void
peer_of(int fd, char peer[32])
{
	snprintf(peer, 32, "127.0.0.1:%d", client_port(fd));
}

/* What a client really did, as its worker's process and the kernel say, too. */
TEST(test_clients)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);
	char peer[32], command[64], want[64], found[OUTPUT_SIZE];
	const char *const ss[] = { "sh", "-c", command, NULL };
	long id, pid, commands, in, out;
	const char *output, *line;
	int age, idle;

	client_ask(fd, "CREATE b\nSUBSCRIBE b\nBEGIN\nPUT b k v\n",
	    "OK\r\nOK\r\nQUEUED\r\n");
	peer_of(fd, peer);
	ck_assert_int_eq(ctl_run(s, CTL("clients"), &output), 0);
	line = line_with(output, peer);
	ck_assert_int_eq(sscanf(line, "%ld %*s %d%*s %d%*s %ld %ld %ld", &id,
			     &age, &idle, &commands, &in, &out),
	    6);
	pid = strtol(strrchr(line, ' '), NULL, 10);
	ck_assert_int_eq(pid, server_worker(s, fd));
	ck_assert_int_eq(commands, 5);
	ck_assert_int_eq(in, 5 + 9 + 12 + 6 + 10);
	ck_assert_int_eq(out, 4 + 4 + 4 + 8);
	/* A subscription, a transaction with a request, no listing. */
	expect_part(line, "       0 -           1     1        - ");
	if (have_program("ss")) {
		snprintf(command, sizeof(command),
		    "ss -Htn state established sport = :%d | wc -l", s->port);
		ck_assert_int_eq(run_command(ss, found), 0);
		ck_assert_int_eq(strtol(found, NULL, 10), 1);
	}
	/* The tree has the worker below the acceptor. */
	ck_assert_int_eq(ctl_run(s, CTL("tree"), &output), 0);
	snprintf(want, sizeof(want), "%8ld  idle ", pid);
	expect_part(output, want);
	snprintf(want, sizeof(want), "      `- worker %s\n", peer);
	expect_part(output, want);
	/* When the acceptor has died it is the master's. */
	process_kill(server_pid(s, "acceptor"));
	ctl_expect(s, CTL("wait"), 0, "");
	ck_assert_int_eq(ctl_run(s, CTL("tree"), &output), 0);
	expect_part(output, want + 4);
	(void)close(fd);
	server_stop(s);
}

TEST(test_unix_client)
{
	struct server *s = server_new();
	char want[64];
	int fd;

	server_option(s, "listen unix %s/sock", s->dir);
	server_run(s);
	fd = server_connect_unix(s);
	client_ask(fd, "PING\n", "OK\r\n");
	snprintf(want, sizeof(want), "unix,uid=%lu,pid=%ld ",
	    (unsigned long)geteuid(), (long)getpid());
	ctl_expect_part(s, CTL("clients"), 0, want);
	(void)close(fd);
	server_stop(s);
}

/* A client that does not take its listing: the list says so. */
TEST(test_listing_client)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s), i, small = 1;
	char peer[32], request[2048];
	const char *output;
	int64_t deadline_ms = now_ms() + WAIT_MS;

	client_ask(fd, "CREATE b\n", "OK\r\n");
	for (i = 0; i < 3000; i++) {
		snprintf(request, sizeof(request), "PUT b %d %01500d\n", i, i);
		client_say(fd, request);
		client_hear(fd, "OK\r\n");
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_say(fd, "ENTRIES b\n");
	peer_of(fd, peer);
	/* There is no subscription and no transaction, and SNAPSHOT is a
	 * time. */
	do {
		pause_until(deadline_ms, "no listing");
		ck_assert_int_eq(ctl_run(s, CTL("clients"), &output), 0);
		(void)snprintf(request, sizeof(request), "%s",
		    line_with(output, peer));
	} while (strstr(request, " ENTRIES     -     - ") == NULL ||
	    strstr(request, " ENTRIES     -     -        - ") != NULL);
	(void)close(fd);
	server_stop(s);
}

TEST(test_kill)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s), other = connect_and_ping(s);
	char peer[32], id[32];
	pid_t worker;

	ctl_expect_part(s, CTL("kill", "4711"), 1, "there is no client 4711");
	ctl_expect_part(s, CTL("kill", "1\nstop"), 2, "has a line break");
	ctl_expect_part(s, CTL("kill", "all"), 1, "kill needs the id of a cl");
	peer_of(fd, peer);
	find_id(s, peer, id);
	ctl_expect(s, CTL("kill", id), 0, "");
	client_hear(fd, "ERROR disconnected\r\n");
	client_expect_end(fd);
	ctl_expect_part(s, CTL("kill", id), 1, "there is no client ");
	client_ask(other, "PING\n", "OK\r\n");
	/* One whose worker is stopped: kvctl does not say that it has ended. */
	worker = server_worker(s, other);
	peer_of(other, peer);
	find_id(s, peer, id);
	signal_process(worker, SIGSTOP);
	ctl_expect_part(s, CTL("kill", id), 1, "has not ended yet");
	signal_process(worker, SIGCONT);
	client_hear(other, "ERROR disconnected\r\n");
	client_expect_end(other);
	server_stop(s);
}

/* drain ends who is idle, and not who is in a transaction. */
TEST(test_drain)
{
	struct server *s = server_start(NULL);
	int idle = connect_and_ping(s), busy = connect_and_ping(s), fd;

	client_ask(busy, "CREATE b\nBEGIN\nPUT b k v\n",
	    "OK\r\nOK\r\nQUEUED\r\n");
	ctl_expect(s, CTL("drain"), 0, "");
	ctl_expect_part(s, CTL("status"), 0, "Draining: new clients are refus");
	client_hear(idle, "ERROR disconnected\r\n");
	client_expect_end(idle);
	fd = client_connect(s);
	client_hear(fd, NOT_ACCEPTING);
	client_expect_end(fd);
	client_ask(busy, "COMMIT\n", "OK\r\nOK\r\n");
	/* Now it is idle as well. */
	client_hear(busy, "ERROR disconnected\r\n");
	client_expect_end(busy);
	ctl_expect(s, CTL("resume"), 0, "");
	expect_new_client(s);
	server_stop(s);
}

TEST(test_buckets)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s), i;
	const char *output;
	char request[64];

	ctl_expect(s, CTL("buckets"), 0,
	    "        KEYS           BYTES  BUCKET\n"
	    "           0               0  (0 in all)\n");
	client_ask(fd, "CREATE \"a b\"\nCREATE c\nPUT c key value\nCREATE d\n",
	    "OK\r\nOK\r\nOK\r\nOK\r\n");
	/* More than a page: src/registry/listing.c. */
	for (i = 0; i < 5000; i++) {
		snprintf(request, sizeof(request), "PUT d %06d four\n", i);
		client_say(fd, request);
		client_hear(fd, "OK\r\n");
	}
	ctl_expect(s, CTL("buckets"), 0,
	    "        KEYS           BYTES  BUCKET\n"
	    "           0               0  \"a b\"\n"
	    "           1               8  c\n"
	    "        5000           50000  d\n"
	    "        5001           50008  (3 in all)\n");
	signal_role(s, "registry", SIGSTOP);
	ck_assert_int_eq(ctl_run(s, CTL("-t", "0.3", "buckets"), &output), 1);
	expect_part(output, "the registry does not answer in time");
	signal_role(s, "registry", SIGCONT);
	(void)close(fd);
	server_stop(s);
}

/* A connection to the registry that the master has passed on. */
static int
connect_registry(const struct server *s)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char text[64];
	struct iovec data = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	int ctl = ctl_connect(s), fd;

	client_say(ctl, "registry\n");
	ck_assert_int_eq(recvmsg(ctl, &m, 0), 3);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	(void)close(ctl);
	return fd;
}

static const struct {
	enum message_type type;
	struct fields fields;
} not_allowed[] = {
	{ MESSAGE_GET, { .bucket = { "b", 1 }, .key = { "k", 1 } } },
	{ MESSAGE_PUT, { .bucket = { "b", 1 }, .key = { "k", 1 } } },
	{ MESSAGE_LIST,
	    { .kind = LIST_ENTRIES, .limit = 1, .bucket = { "b", 1 } } },
	{ MESSAGE_SUBSCRIBE, { .bucket = { "b", 1 } } },
};

static void
say_frame(int fd, enum message_type type, const struct fields *fields)
{
	struct hello hello = { .session = 1 };
	struct buf b;

	buf_init(&b);
	hello_put(&b, &hello);
	schema_put(&b, type, 1, fields);
	ck_assert(!buf_failed(&b));
	client_send(fd, buf_data(&b), buf_size(&b));
	buf_clear(&b);
}

/* It shows no value and changes nothing. */
TEST(test_registry_refuses)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s), line = connect_registry(s);

	client_ask(fd, "CREATE b\nPUT b k secret\n", "OK\r\nOK\r\n");
	say_frame(line, not_allowed[_i].type, &not_allowed[_i].fields);
	client_expect_end(line);
	server_await_log(s, "connection: not for an operator", 1);
	client_ask(fd, "GET b k\n", "secret\r\nOK\r\n");
	(void)close(fd);
	server_stop(s);
}

/* There are few: a new one ends the oldest. */
TEST(test_registry_connections)
{
	struct server *s = server_start(NULL);
	struct fields none = { .kind = 0 };
	int fds[8];
	size_t i;

	for (i = 0; i < COUNT(fds); i++) {
		fds[i] = connect_registry(s);
		say_frame(fds[i], MESSAGE_PING, &none);
		client_expect(fds[i], "\x11\0\0\0", 4);
	}
	for (i = 0; i < 4; i++)
		client_expect_gone(fds[i]);
	for (; i < COUNT(fds); i++)
		(void)close(fds[i]);
	server_stop(s);
}

/* top, on a terminal */

struct terminal {
	int fd;
	pid_t pid;
	char text[65536]; /* what was shown last */
	size_t size;
};

static void
open_top(struct terminal *t, const struct server *s)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 100 };
	char program[PATH_MAX + 8];

	snprintf(program, sizeof(program), "%s/kvctl", build_dir());
	t->size = 0;
	fflush(NULL);
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	ck_assert_int_ne(t->pid, -1);
	if (t->pid == 0) {
		(void)execl(program, "kvctl", "-s", ctl_path(s), "top", NULL);
		_exit(127);
	}
}

/* Waits until this is shown, after what was expected before. */
static void
expect_shown(struct terminal *t, const char *text)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char *p;
	ssize_t n;

	t->text[t->size] = '\0';
	while ((p = strstr(t->text, text)) == NULL) {
		/* Pictures that were seen are of no use. */
		if (t->size > sizeof(t->text) / 2) {
			memmove(t->text, t->text + t->size / 2,
			    t->size - t->size / 2 + 1);
			t->size -= t->size / 2;
		}
		ck_assert_msg(now_ms() < deadline_ms, "no %s in %.2000s", text,
		    t->text);
		ck_assert_msg(poll(&pfd, 1, WAIT_MS) == 1, "no %s in %.2000s",
		    text, t->text);
		n = read(t->fd, t->text + t->size,
		    sizeof(t->text) - 1 - t->size);
		ck_assert_msg(n > 0, "the end, and no %s in %.2000s", text,
		    t->text);
		t->size += (size_t)n;
		t->text[t->size] = '\0';
	}
	p += strlen(text);
	t->size -= (size_t)(p - t->text);
	memmove(t->text, p, t->size + 1);
}

/* The exit status.  All that is left to be read is. */
static int
close_top(struct terminal *t)
{
	int status;

	while (read(t->fd, t->text, sizeof(t->text)) > 0)
		;
	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	(void)close(t->fd);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
resize(struct terminal *t, unsigned short rows, unsigned short columns)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };

	ck_assert_int_eq(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

TEST(test_top)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);
	struct terminal t;
	char peer[32];

	peer_of(fd, peer);
	open_top(&t, s);
	expect_shown(&t, "\033[?1049h");
	expect_shown(&t, "Accepting connections; up ");
	expect_shown(&t, "clients 1 of 1000 ");
	expect_shown(&t, peer);
	client_ask(fd, "PING\n", "OK\r\n");
	expect_shown(&t, "\r\nPING ");
	/* Smaller than anything, then larger. */
	resize(&t, 2, 20);
	expect_shown(&t, "\r\nclients 1 of 1000   \033[K\033[J");
	resize(&t, 50, 132);
	expect_shown(&t, peer);
	ck_assert_int_eq(write(t.fd, "xq", 2), 2);
	expect_shown(&t, "\033[?25h\033[?1049l");
	ck_assert_int_eq(close_top(&t), 0);
	(void)close(fd);
	server_stop(s);
}

TEST(test_top_without_server)
{
	struct server *s = server_start(NULL);
	struct terminal t;

	open_top(&t, s);
	expect_shown(&t, "clients 0 of 1000 ");
	server_kill_all(s);
	expect_shown(&t, "kvd ");
	expect_shown(&t, "kvd is not running: nobody listens on ");
	server_restart(s);
	expect_shown(&t, "Accepting connections; up ");
	/* Told to end, it leaves the terminal as it was. */
	ck_assert_int_eq(kill(t.pid, SIGTERM), 0);
	expect_shown(&t, "\033[?25h\033[?1049l");
	ck_assert_int_eq(close_top(&t), 0);
	ctl_expect_part(s, CTL("top"), 1, "top needs a terminal");
	server_stop(s);
}

/* stats: the counters are what a client really did. */
TEST(test_stats)
{
	struct server *s = server_start(NULL);
	int fd = connect_and_ping(s);
	const char *output;

	client_ask(fd, "CREATE b\nPUT b k v\nPUT b l v\nGET b k\nWHAT\n",
	    "OK\r\nOK\r\nOK\r\nv\r\nOK\r\nUNKNOWN COMMAND\r\n");
	ctl_expect_part(s, CTL("stats", "-j", "-m"), 2, "exclude each other");
	ctl_expect_part(s, CTL("status", "-j"), 2, "options of stats");
	client_ask(fd, "QUIT\n", "OK\r\n");
	client_expect_end(fd);
	do
		ck_assert_int_eq(ctl_run(s, CTL("stats"), &output), 0);
	while (strstr(output, "clients-closed quit ") == NULL);
	ck_assert_int_eq(number_behind(output, "clients-accepted"), 1);
	ck_assert_int_eq(number_behind(output, "clients-connected"), 0);
	ck_assert_int_eq(number_behind(output, "command-time PUT"), 2);
	ck_assert_int_eq(number_behind(output, "command-time GET"), 1);
	ck_assert_int_eq(number_behind(output, "command-errors other"), 1);
	/* Also while the registry hangs, or is another. */
	signal_role(s, "registry", SIGSTOP);
	ctl_expect_part(s, CTL("stats"), 0, "\ncommand-time PUT  ");
	ctl_expect_part(s, CTL("status"), 0, "\nkeys         ");
	ctl_expect(s, CTL("restart", "registry"), 0, "");
	ck_assert_int_eq(ctl_run(s, CTL("stats"), &output), 0);
	ck_assert_int_eq(number_behind(output, "command-time PUT"), 2);
	server_stop(s);
}

/* What is sent to the control socket, and the reply. */
static const struct {
	const char *request;
	size_t size;
	const char *reply;
} garbage[] = {
	{ "ping", 4, "ERROR the last line has no end, and is not executed\n" },
	{ "\r\n \t\nping\r\n", 11, "OK\n" },
	{ "pingping\n", 9, "ERROR unknown request: help lists all\n" },
	{ "\x16\x03\x01\x02\n", 5, "ERROR unknown request: help lists all\n" },
	{ "stop\0\n", 6, "ERROR a request has no NUL byte\n" },
	{ "stop now\n", 9, "ERROR stop needs no argument\n" },
	{ "log a b c d\n", 12, "ERROR log has too many arguments\n" },
	{ "ping\nping\n", 10, "OK\nOK\n" },
	{ "", 0, "" },
};

TEST(test_garbage)
{
	struct server *s = server_start(NULL);
	int fd = ctl_connect(s);

	client_send(fd, garbage[_i].request, garbage[_i].size);
	client_half_close(fd);
	client_hear(fd, garbage[_i].reply);
	client_expect_end(fd);
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	expect_new_client(s);
	server_stop(s);
}

TEST(test_long_line)
{
	struct server *s = server_start(NULL);
	char line[4096];
	int fd = ctl_connect(s);

	memset(line, 'x', sizeof(line));
	client_send(fd, line, sizeof(line));
	client_hear(fd, "ERROR a request has at most 128 bytes\n");
	(void)close(fd);
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	server_stop(s);
}

static size_t
count_descriptors(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* A thousand connections, which say nothing or do not read. */
TEST(test_crowd)
{
	static int fds[1000];
	struct server *s = server_start(NULL);
	size_t before = count_descriptors(s->pid), i;
	const char *output;
	int rc;

	for (i = 0; i < COUNT(fds); i++) {
		fds[i] = client_connect_unix(ctl_path(s));
		if (i < CONNECTIONS_MAX)
			client_say(fds[i], "status\nconfig\nst");
	}
	/* The last one is answered, so all have been. */
	client_hear(fds[COUNT(fds) - 1], "ERROR too many connections to the ");
	/* One more while a connection is refused. */
	ck_assert_uint_le(count_descriptors(s->pid),
	    before + CONNECTIONS_MAX + 1);
	ctl_expect_part(s, CTL("ping"), 1, "too many connections to the con");
	expect_new_client(s);
	for (i = 0; i < COUNT(fds); i++)
		(void)close(fds[i]);
	do
		rc = ctl_run(s, CTL("ping"), &output);
	while (rc == 1);
	ck_assert_int_eq(rc, 0);
	server_stop(s);
}

/* Who does not read is disconnected; until then nobody notices. */
TEST(test_does_not_read)
{
	struct server *s = server_start(NULL);
	int fd = ctl_connect(s), small = 1;
	size_t before = count_descriptors(s->pid);
	int64_t deadline_ms;
	char text[1024];
	size_t n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (n = 0; n + 7 < sizeof(text); n += 7)
		memcpy(text + n, "config\n", 7);
	/* As much as the socket takes. */
	while (send(fd, text, n, MSG_DONTWAIT) != -1)
		;
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	expect_new_client(s);
	deadline_ms = now_ms() + WAIT_MS;
	while (count_descriptors(s->pid) == before)
		pause_until(deadline_ms, "the connection is not closed");
	(void)close(fd);
	server_stop(s);
}

/* Standard output that cannot be written to, or is closed early. */
TEST(test_output)
{
	struct server *s = server_start(NULL);
	char script[2 * PATH_MAX], output[OUTPUT_SIZE];
	const char *const args[] = { "sh", "-c", script, NULL };

	snprintf(script, sizeof(script), "'%s/kvctl' -s '%s' status >/dev/full",
	    build_dir(), ctl_path(s));
	ck_assert_int_eq(run_command(args, output), 1);
	expect_part(output, "kvctl: standard output: No space left");
	snprintf(script, sizeof(script), "'%s/kvctl' -s '%s' config | head -1",
	    build_dir(), ctl_path(s));
	ck_assert_int_eq(run_command(args, output), 0);
	expect_part(output, "listen ");
	ctl_expect(s, CTL("ping"), 0, "kvd is ready\n");
	server_stop(s);
}

/* What listens there is not kvd. */
TEST(test_other_server)
{
	struct server *s = server_new();
	const char *output;
	char path[PATH_MAX];

	server_option(s, "listen unix %s/sock", s->dir);
	server_run(s);
	snprintf(path, sizeof(path), "%s/sock", s->dir);
	ck_assert_int_eq(
	    ctl_run(s, CTL("-t", "0.5", "-s", path, "ping"), &output), 1);
	expect_part(output, "kvd does not answer in time");
	server_stop(s);
}

static const struct test tests[] = {
	CASE("kvctl", NULL, NULL),
	ONCE(test_command_line),
	ONCE(test_find_socket),
	ONCE(test_not_running),
	ONCE(test_wait_for_start),
	ONCE(test_other_server),
	ONCE(test_output),
	CASE("look", NULL, NULL),
	ONCE(test_status),
	ONCE(test_tree),
	ONCE(test_config),
	ONCE(test_clients),
	ONCE(test_unix_client),
	ONCE(test_listing_client),
	ONCE(test_buckets),
	EACH(test_registry_refuses, not_allowed),
	ONCE(test_registry_connections),
	ONCE(test_stats),
	CASE("top", NULL, NULL),
	ONCE(test_top),
	ONCE(test_top_without_server),
	CASE("act", NULL, NULL),
	EACH(test_restart, roles),
	ONCE(test_restart_of_delayed),
	ONCE(test_checkpoint),
	ONCE(test_suspend),
	ONCE(test_pause),
	ONCE(test_reload),
	ONCE(test_mode),
	ONCE(test_who_may),
	ONCE(test_log),
	ONCE(test_kill),
	ONCE(test_drain),
	CASE("trouble", NULL, NULL),
	ONCE(test_hung_registry),
	ONCE(test_request_under_way),
	EACH(test_garbage, garbage),
	ONCE(test_long_line),
	ONCE(test_crowd),
	ONCE(test_does_not_read),
};

SUITE("kvctl", tests)
