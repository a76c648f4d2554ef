/*
 * check_maintain: backups of a kvd that serves, and what kvd -c, -C and -R do
 * with the store of one.
 */

#include "fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "stream.h"

#include "common/buf.h"
#include "common/clock.h"

/* The log is soon used up, so that there is always a fold. */
#define SMALL_LOG "max-value 4K", "log-size 9M"
#define VALUE_SIZE 1000
#define KEYS 300

/* PUT number n sets key n % KEYS to a value that begins with n. */
struct writer {
	struct server *server;
	int fd;
	int sent, answered;
};

static const char *
path_of(const struct server *s, const char *name)
{
	static char paths[4][256];
	static int i;

	i = (i + 1) % 4;
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", s->dir, name);
	return paths[i];
}

static const char *
program(void)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/kvd-maintain", build_dir());
	return path;
}

static void
writer_begin(struct writer *w)
{
	static const char *const options[] = { SMALL_LOG,
		"restart-limit 1000 in 1s", "sync never", NULL };

	*w = (struct writer){ .server = server_start(options) };
	w->fd = client_connect(w->server);
	client_ask(w->fd, "CREATE b\n", "OK\r\n");
}

static void
writer_put(struct writer *w, int count)
{
	char value[VALUE_SIZE];
	struct buf out;

	buf_init(&out);
	memset(value, 'x', sizeof(value));
	for (; count > 0; count--) {
		add(&out, "PUT b k%d %d_", w->sent % KEYS, w->sent);
		buf_append(&out, value, sizeof(value));
		add(&out, "\n");
		w->sent++;
	}
	client_send(w->fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	for (; w->answered < w->sent; w->answered++)
		client_hear(w->fd, "OK\r\n");
}

/* So many keys that nobody has put before. */
static void
put_others(struct writer *w, int count)
{
	char value[VALUE_SIZE];
	struct buf out;
	int i;

	buf_init(&out);
	memset(value, 'y', sizeof(value));
	for (i = 0; i < count; i++) {
		add(&out, "PUT b other%d ", w->sent + i);
		buf_append(&out, value, sizeof(value));
		add(&out, "\n");
	}
	client_send(w->fd, buf_data(&out), buf_size(&out));
	buf_clear(&out);
	for (i = 0; i < count; i++)
		client_hear(w->fd, "OK\r\n");
	w->sent += count;
	w->answered += count;
}

static void
writer_end(struct writer *w)
{
	(void)close(w->fd);
	server_stop(w->server);
}

static void
checkpoint(struct server *s)
{
	static const char done[] = "data.mdb has everything";
	size_t before = server_log_count(s, done);

	signal_process(s->pid, SIGUSR1);
	server_await_log(s, done, before + 1);
}

static void
limit_files(rlim_t size)
{
	const struct rlimit limit = { size, size };

	if (size > 0 && setrlimit(RLIMIT_FSIZE, &limit) == -1)
		_exit(99);
}

/* In a child: what the backup says goes to a file. */
static void
redirect_errors(const struct server *s)
{
	int fd = open(path_of(s, "errors"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || dup2(fd, STDERR_FILENO) == -1)
		_exit(99);
}

/* Starts a backup of the server to its file NAME, or to the descriptor `out`
 * if NAME is "-".  NULL ends the options. */
static pid_t
start_backup_to(const struct server *s, const char *name, int out,
    rlim_t file_size, const char *const options[])
{
	const char *args[16] = { "kvd", "backup", "-u" };
	size_t n = 3;
	pid_t pid;

	while (options != NULL && *options != NULL)
		args[n++] = *options++;
	args[n++] = path_of(s, "data");
	args[n++] = strcmp(name, "-") == 0 ? name : path_of(s, name);
	ck_assert_int_ne(pid = fork_unhandled(), -1);
	if (pid == 0) {
		redirect_errors(s);
		if (out != -1 && dup2(out, STDOUT_FILENO) == -1)
			_exit(99);
		limit_files(file_size);
		execv(program(), (char *const *)(uintptr_t)args);
		_exit(99);
	}
	return pid;
}

static pid_t
start_backup(const struct server *s, const char *name, rlim_t file_size,
    const char *const options[])
{
	return start_backup_to(s, name, -1, file_size, options);
}

/* Has the last backup said so? */
static void
expect_said(const struct server *s, const char *want)
{
	char text[OUTPUT_SIZE];
	FILE *file = fopen(path_of(s, "errors"), "r");
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	(void)fclose(file);
	expect_part(text, want);
}

static int
end_backup(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int
make_backup(const struct server *s, const char *name)
{
	return end_backup(start_backup(s, name, 0, NULL));
}

static bool
has_file(const struct server *s, const char *name)
{
	struct stat st;

	return stat(path_of(s, name), &st) == 0;
}

/* Nothing is left of a backup that was not made. */
static void
expect_no_backup(const struct server *s)
{
	const struct dirent *e;
	DIR *dir = opendir(s->dir);

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL)
		if (strstr(e->d_name, "backup") != NULL)
			ck_abort_msg("%s was left", e->d_name);
	(void)closedir(dir);
}

/* Runs kvd with an option such as -c on the data of the server. */
static int
run_kvd(const struct server *s, const char *option, const char *argument,
    char output[OUTPUT_SIZE])
{
	char libexec[4200], data[300];
	const char *args[8] = { "kvd", option };
	size_t n = 2;

	snprintf(libexec, sizeof(libexec), "libexec %s", build_dir());
	snprintf(data, sizeof(data), "data %s", path_of(s, "data"));
	if (argument != NULL)
		args[n++] = argument;
	args[n++] = "-o";
	args[n++] = libexec;
	args[n++] = "-o";
	args[n] = data;
	return kvd_command(args, output);
}

static void
expect_kvd(const struct server *s, const char *option, const char *argument,
    int status, const char *want)
{
	char output[OUTPUT_SIZE];
	int got = run_kvd(s, option, argument, output);

	if (got != status || strstr(output, want) == NULL)
		ck_abort_msg("kvd %s: status %d, output: %s", option, got,
		    output);
}

/* -1: there is no such key. */
static int
value_of(int fd, int key)
{
	char request[32], reply[VALUE_SIZE + 64];
	size_t n = 0;
	ssize_t got;

	snprintf(request, sizeof(request), "GET b k%d\n", key);
	client_say(fd, request);
	do {
		got = read(fd, reply + n, sizeof(reply) - 1 - n);
		ck_assert_int_gt(got, 0);
		n += (size_t)got;
		reply[n] = '\0';
		if (strcmp(reply, "NOT FOUND\r\n") == 0)
			return -1;
	} while (n < 6 || strcmp(reply + n - 6, "\r\nOK\r\n") != 0);
	return atoi(reply);
}

/*
 * A server that is restored has what some number of PUTs had made: at least
 * `least` of them.
 */
static void
expect_moment_in(struct server *restored, const struct server *s,
    const char *name, int least)
{
	int values[KEYS], key, puts = 0, fd;

	expect_kvd(restored, "-R", path_of(s, name), EX_OK, "restored");
	expect_kvd(restored, "-c", NULL, EX_OK, "store OK");
	server_option(restored, "max-value 4K");
	server_option(restored, "log-size 9M");
	server_run(restored);
	fd = client_connect(restored);
	for (key = 0; key < KEYS; key++) {
		values[key] = value_of(fd, key);
		if (values[key] >= puts)
			puts = values[key] + 1;
	}
	ck_assert_int_ge(puts, least);
	for (key = 0; key < KEYS && key < puts; key++)
		ck_assert_int_eq(values[key],
		    puts - 1 - (puts - 1 - key) % KEYS);
	(void)close(fd);
}

static void
expect_moment(const struct server *s, const char *name, int least)
{
	struct server *restored = server_new();

	expect_moment_in(restored, s, name, least);
	server_stop(restored);
}

/* A backup, while a client writes, and perhaps a process dies. */
static const char *const victims[] = { NULL, "checkpointer", "registry" };

TEST(test_while_writing)
{
	struct writer w;
	int least, round, status;
	pid_t pid;

	writer_begin(&w);
	writer_put(&w, 1000);
	for (round = 0; round < 3; round++) {
		checkpoint(w.server);
		least = w.answered;
		pid = start_backup(w.server, "backup", 0, NULL);
		if (victims[_i] != NULL)
			process_kill(server_pid(w.server, victims[_i]));
		while (waitpid(pid, &status, WNOHANG) == 0)
			writer_put(&w, 50);
		ck_assert_int_eq(status, 0);
		expect_moment(w.server, "backup", least);
		ck_assert_int_eq(unlink(path_of(w.server, "backup")), 0);
		writer_put(&w, 3000);
	}
	writer_end(&w);
}

TEST(test_two_at_once)
{
	struct writer w;
	pid_t pids[2];

	writer_begin(&w);
	writer_put(&w, 500);
	checkpoint(w.server);
	pids[0] = start_backup(w.server, "backup1", 0, NULL);
	pids[1] = start_backup(w.server, "backup2", 0, NULL);
	ck_assert_int_eq(end_backup(pids[0]), 0);
	ck_assert_int_eq(end_backup(pids[1]), 0);
	expect_moment(w.server, "backup1", 500);
	expect_moment(w.server, "backup2", 500);
	/* To one file, only one of them. */
	pids[0] = start_backup(w.server, "backup3", 0, NULL);
	pids[1] = start_backup(w.server, "backup3", 0, NULL);
	ck_assert_int_eq(end_backup(pids[0]) + end_backup(pids[1]),
	    EX_CANTCREAT);
	expect_moment(w.server, "backup3", 500);
	writer_end(&w);
}

TEST(test_file)
{
	static const char *const replace[] = { "-f", NULL };
	struct writer w;
	struct stat st;

	writer_begin(&w);
	ck_assert_int_eq(make_backup(w.server, "no/such/backup"), EX_CANTCREAT);
	ck_assert_int_eq(make_backup(w.server, "backup"), EX_OK);
	ck_assert_int_eq(stat(path_of(w.server, "backup"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(make_backup(w.server, "backup"), EX_CANTCREAT);
	expect_said(w.server, "exists already: use another name, or -f");
	ck_assert_int_eq(
	    end_backup(start_backup(w.server, "backup", 0, replace)), EX_OK);
	ck_assert_int_eq(unlink(path_of(w.server, "backup")), 0);
	/* -f replaces files only. */
	ck_assert_int_eq(symlink("nowhere", path_of(w.server, "link")), 0);
	ck_assert_int_eq(make_backup(w.server, "link"), EX_CANTCREAT);
	ck_assert_int_eq(end_backup(start_backup(w.server, "link", 0, replace)),
	    EX_CANTCREAT);
	expect_said(w.server, "is not a regular file");
	ck_assert_int_eq(end_backup(start_backup(w.server, "data", 0, replace)),
	    EX_CANTCREAT);
	expect_no_backup(w.server);
	writer_end(&w);
}

TEST(test_no_bucket)
{
	struct server *s = server_start(NULL), *restored = server_new();
	int fd;

	ck_assert_int_eq(make_backup(s, "backup"), EX_OK);
	expect_said(s, "backup of revision 1: 0 entries");
	expect_kvd(restored, "-R", path_of(s, "backup"), EX_OK, "0 entries");
	server_run(restored);
	fd = client_connect(restored);
	client_ask(fd, "CREATE b\n", "OK\r\n");
	(void)close(fd);
	server_stop(restored);
	server_stop(s);
}

TEST(test_full_disk)
{
	struct writer w;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	ck_assert_int_eq(
	    end_backup(start_backup(w.server, "backup", 100000, NULL)),
	    EX_IOERR);
	expect_said(w.server, "not made: cannot write the backup: File too");
	expect_no_backup(w.server);
	writer_end(&w);
}

/* kvd -C needs room for the copy, and leaves nothing without it. */
TEST(test_no_room)
{
	struct rlimit before, limit;
	struct writer w;
	int i;

	writer_begin(&w);
	/* The segments of the log stay smaller than the limit. */
	for (i = 0; i < 8; i++) {
		put_others(&w, 400);
		checkpoint(w.server);
	}
	(void)close(w.fd);
	server_kill_all(w.server);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 2500000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_kvd(w.server, "-C", NULL, EX_IOERR, "make room");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert(!has_file(w.server, "data/data.new"));
	expect_kvd(w.server, "-c", NULL, EX_OK, "3200 entries");
	expect_kvd(w.server, "-C", NULL, EX_OK, "KiB");
	expect_kvd(w.server, "-c", NULL, EX_OK, "3200 entries");
	server_restart(w.server);
	w.fd = client_connect(w.server);
	client_ask(w.fd, "COUNT b\n", "3200\r\nOK\r\n");
	writer_end(&w);
}

TEST(test_told_to_stop)
{
	static const char *const slow[] = { "-r", "64K", NULL };
	struct writer w;
	pid_t pid;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	pid = start_backup(w.server, "backup", 0, slow);
	signal_process(pid, SIGTERM);
	(void)end_backup(pid);
	expect_no_backup(w.server);
	writer_end(&w);
}

/* Who reads the backup has stopped. */
TEST(test_slow_reader)
{
	static const char *const bound[] = { "-k", "300K", NULL };
	struct writer w;
	int fds[2], status;
	pid_t pid;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = start_backup_to(w.server, "-", fds[1], 0, bound);
	while (waitpid(pid, &status, WNOHANG) == 0)
		writer_put(&w, 50);
	ck_assert_int_eq(WEXITSTATUS(status), EX_TEMPFAIL);
	expect_said(w.server, "could not be used again");
	/* The pipe is full. */
	pid = start_backup_to(w.server, "-", fds[1], 0, NULL);
	signal_process(pid, SIGTERM);
	(void)end_backup(pid);
	(void)close(fds[0]);
	(void)close(fds[1]);
	writer_end(&w);
}

static int64_t
time_backup(const struct server *s, const char *const options[])
{
	int64_t begin_ms = clock_ms();

	ck_assert_int_eq(end_backup(start_backup(s, "backup", 0, options)),
	    EX_OK);
	ck_assert_int_eq(unlink(path_of(s, "backup")), 0);
	return clock_ms() - begin_ms;
}

/* The backup has 313,356 bytes. */
TEST(test_rate)
{
	static const char *const slow[] = { "-r", "300K", NULL };
	struct writer w;
	int64_t ms;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	ms = time_backup(w.server, slow);
	ck_assert_int_ge(ms, 1000);
	ck_assert_int_lt(time_backup(w.server, NULL), ms);
	writer_end(&w);
}

TEST(test_pipe)
{
	char output[OUTPUT_SIZE], script[9000];
	const char *args[] = { "sh", "-c", script, NULL };
	struct writer w;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	snprintf(script, sizeof(script),
	    "(%s backup %s -; echo status $? >&2) | head -c 10 >/dev/null",
	    program(), path_of(w.server, "data"));
	ck_assert_int_eq(run_command(args, output), 0);
	ck_assert_ptr_nonnull(strstr(output, "Broken pipe"));
	ck_assert_ptr_nonnull(strstr(output, "status 74"));
	snprintf(script, sizeof(script), "%s backup %s - >%s", program(),
	    path_of(w.server, "data"), path_of(w.server, "backup"));
	ck_assert_int_eq(run_command(args, output), 0);
	expect_moment(w.server, "backup", KEYS);
	writer_end(&w);
}

/* A slow backup keeps what is overwritten, and gives up before it is much. */
TEST(test_bound)
{
	static const char *const slow[] = { "-r", "64K", "-k", "300K", NULL };
	struct writer w;
	int status;
	pid_t pid;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	pid = start_backup(w.server, "backup", 0, slow);
	while (waitpid(pid, &status, WNOHANG) == 0)
		writer_put(&w, 50);
	ck_assert_int_eq(WEXITSTATUS(status), EX_TEMPFAIL);
	expect_said(w.server,
	    "could not be used again: try again when less is written, or allow "
	    "more");
	expect_no_backup(w.server);
	writer_end(&w);
}

/* So much that the file has to grow, and of which nothing is kept. */
static void
grow_file(struct writer *w)
{
	char value[3500];
	struct buf out;
	int i;

	buf_init(&out);
	memset(value, 'x', sizeof(value));
	client_ask(w->fd, "CREATE c\n", "OK\r\n");
	for (i = 0; i < 3000; i++) {
		add(&out, "PUT c k%d ", i);
		buf_append(&out, value, sizeof(value));
		add(&out, "\n");
		client_send(w->fd, buf_data(&out), buf_size(&out));
		client_hear(w->fd, "OK\r\n");
		buf_truncate(&out, 0);
	}
	buf_clear(&out);
	checkpoint(w->server);
	/* The entries of a dropped bucket may stay for a while, and a backup
	 * would have them. */
	for (i = 0; i < 3; i++)
		client_ask(w->fd, "CLEAR c\n", "1000\r\nOK\r\n");
	client_ask(w->fd, "DROP c\n", "OK\r\n");
}

/* The number of LMDB's last transaction, where its pages have 4 KiB. */
static uint64_t
last_transaction(const struct server *s)
{
	int fd = open(path_of(s, "data/data.mdb"), O_RDONLY | O_CLOEXEC);
	uint64_t n[2] = { 0, 0 };

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pread(fd, &n[0], sizeof(n[0]), 144), sizeof(n[0]));
	ck_assert_int_eq(pread(fd, &n[1], sizeof(n[1]), 4096 + 144),
	    sizeof(n[1]));
	(void)close(fd);
	return n[0] > n[1] ? n[0] : n[1];
}

/* The master, and with it all others; and then kvd is started again, or the
 * store is compacted first: the new file's last transaction has an odd number,
 * so that one that is known to be even would be taken for another. */
static const bool compacted[] = { false, true };

TEST(test_master_dies)
{
	static const char *const slow[] = { "-r", "100K", NULL };
	struct writer w;
	pid_t pid;
	int i;

	writer_begin(&w);
	writer_put(&w, 500);
	if (compacted[_i])
		grow_file(&w);
	checkpoint(w.server);
	pid = start_backup(w.server, "backup", 0, slow);
	writer_put(&w, 500);
	for (i = 0; i < 10 && last_transaction(w.server) % 2 != 0; i++) {
		writer_put(&w, 1);
		checkpoint(w.server);
	}
	server_kill_all(w.server);
	(void)close(w.fd);
	if (compacted[_i])
		expect_kvd(w.server, "-C", NULL, EX_OK, "has 4096 KiB");
	server_restart(w.server);
	w.fd = client_connect(w.server);
	writer_put(&w, 1000);
	checkpoint(w.server);
	ck_assert_int_eq(end_backup(pid), EX_OK);
	expect_moment(w.server, "backup", 500);
	server_kill_all(w.server);
	expect_kvd(w.server, "-c", NULL, EX_OK, "300 entries");
	server_restart(w.server);
	(void)close(w.fd);
	w.fd = client_connect(w.server);
	ck_assert_int_eq(value_of(w.fd, w.sent % KEYS), w.sent - KEYS);
	writer_end(&w);
}

static off_t
size_of(const struct server *s, const char *name)
{
	struct stat st;

	return stat(path_of(s, name), &st) == -1 ? 0 : st.st_size;
}

/* What a backup that was killed has read is used again. */
TEST(test_killed)
{
	char output[OUTPUT_SIZE], script[9000];
	const char *args[] = { "sh", "-c", script, NULL };
	struct writer w;
	int i;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	/* Until it has begun to read. */
	snprintf(script, sizeof(script),
	    "%s backup -r 64K %s - >%s 2>&1 & "
	    "while [ $(stat -c %%s %s) -lt 1000 ]; do sleep 0.05; done; "
	    "kill -9 $!; wait $!; true",
	    program(), path_of(w.server, "data"), path_of(w.server, "backup"),
	    path_of(w.server, "backup"));
	ck_assert_int_eq(run_command(args, output), 0);
	for (i = 0; i < 40; i++) {
		writer_put(&w, KEYS);
		checkpoint(w.server);
	}
	ck_assert_int_le(size_of(w.server, "data/data.mdb"), 4 << 20);
	writer_end(&w);
}

TEST(test_at_rest)
{
	struct writer w;

	writer_begin(&w);
	writer_put(&w, 2000);
	expect_kvd(w.server, "-c", NULL, EX_OK, "kvd uses it");
	expect_kvd(w.server, "-C", NULL, EX_CONFIG, "stop it first");
	expect_kvd(w.server, "-R", "/dev/null", EX_CONFIG, "in use");
	(void)close(w.fd);
	server_kill_all(w.server);
	expect_kvd(w.server, "-c", NULL, EX_OK, "300 entries");
	expect_kvd(w.server, "-C", NULL, EX_OK, "KiB");
	expect_kvd(w.server, "-c", NULL, EX_OK, "300 entries");
	expect_kvd(w.server, "-R", "/dev/null", EX_CONFIG, "has a store");
	ck_assert(!has_file(w.server, "data/data.new"));
	server_restart(w.server);
	w.fd = client_connect(w.server);
	client_ask(w.fd, "COUNT b\n", "300\r\nOK\r\n");
	writer_end(&w);
}

/* Runs kvctl with the server's configuration file. */
static int
run_kvctl(const struct server *s, const char *words, char output[OUTPUT_SIZE])
{
	char script[9000];
	const char *args[] = { "sh", "-c", script, NULL };

	snprintf(script, sizeof(script), "cd %s && %s/kvctl -f kvd.conf %s",
	    s->dir, build_dir(), words);
	return run_command(args, output);
}

TEST(test_kvctl)
{
	struct writer w = { .server = server_new() };
	char output[OUTPUT_SIZE], restore[600];
	FILE *file;

	ck_assert_ptr_nonnull(file = fopen(path_of(w.server, "kvd.conf"), "w"));
	fprintf(file, "libexec %s\nruntime %s\n", build_dir(),
	    path_of(w.server, "run"));
	ck_assert_int_eq(fclose(file), 0);
	server_run(w.server);
	w.fd = client_connect(w.server);
	client_ask(w.fd, "CREATE b\n", "OK\r\n");
	writer_put(&w, KEYS);
	ck_assert_int_eq(run_kvctl(w.server, "backup backup1", output), 0);
	expect_part(output, "backup of revision");
	ck_assert_int_eq(run_kvctl(w.server, "backup backup1", output),
	    EX_CANTCREAT);
	ck_assert_int_eq(
	    run_kvctl(w.server, "backup -f -r 20M backup1", output), 0);
	expect_moment(w.server, "backup1", KEYS);
	ck_assert_int_eq(run_kvctl(w.server, "verify", output), 0);
	expect_part(output, "store OK: 1 buckets, 300 entries");
	/* To another machine, as kvd(8) says. */
	snprintf(restore, sizeof(restore),
	    "backup - | %s/kvd -R - -o 'libexec %s' -o 'data %s'", build_dir(),
	    build_dir(), path_of(w.server, "moved"));
	ck_assert_int_eq(run_kvctl(w.server, restore, output), 0);
	expect_part(output, "300 entries");
	writer_end(&w);
}

TEST(test_usage)
{
	struct server *s = server_new();

	expect_kvd(s, "-c", "-C", EX_USAGE, "only one of");
	expect_kvd(s, "-c", NULL, EX_CONFIG, "No such file");
	expect_kvd(s, "-R", "/no/such/backup", EX_NOINPUT, "No such file");
	expect_kvd(s, "-R", "/dev/null", EX_CONFIG, "no backup of kvd");
	server_free(s);
}

/* Writes a backup that differs from a sound one, and is refused. */
static void
expect_refused(const struct server *s, const char *change, int status,
    const char *want)
{
	char output[OUTPUT_SIZE], script[1200];
	const char *args[] = { "sh", "-c", script, NULL };
	struct server *empty = server_new();

	snprintf(script, sizeof(script), "cd %s && cp backup bad && %s", s->dir,
	    change);
	ck_assert_int_eq(run_command(args, output), 0);
	expect_kvd(empty, "-R", path_of(s, "bad"), status, want);
	ck_assert(!has_file(empty, "data/data.mdb"));
	ck_assert(!has_file(empty, "data/data.new"));
	server_free(empty);
}

TEST(test_bad_backup)
{
	struct writer w;

	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	ck_assert_int_eq(make_backup(w.server, "backup"), EX_OK);
	expect_refused(w.server, "truncate -s -1 bad", EX_DATAERR,
	    "the backup is cut short: use another one");
	expect_refused(w.server, ": >bad", EX_CONFIG, "no backup of kvd");
	expect_refused(w.server,
	    "printf Y | dd of=bad bs=1 seek=50000 conv=notrunc 2>/dev/null",
	    EX_DATAERR, "the backup is damaged: use another one");
	expect_refused(w.server,
	    "printf '\\377' | dd of=bad bs=1 seek=8 conv=notrunc 2>/dev/null",
	    EX_CONFIG, "use the kvd that wrote it");
	writer_end(&w);
}

/* Makes a directory on another file system than that of the server, to which
 * `data' is a link.  False: there is none. */
static bool
move_data(const struct server *s, char dir[32])
{
	struct stat here, there;

	(void)strcpy(dir, "/dev/shm/kvd.XXXXXX");
	if (stat(s->dir, &here) == -1 || stat("/dev/shm", &there) == -1 ||
	    here.st_dev == there.st_dev || mkdtemp(dir) == NULL)
		return false;
	ck_assert_int_eq(symlink(dir, path_of(s, "data")), 0);
	return true;
}

/* The data directory is on another one than the backup, and than its link. */
TEST(test_other_file_system)
{
	struct server *there = server_new();
	struct writer w;
	char dir[32];

	if (!move_data(there, dir)) {
		fprintf(stderr, "skipped: no other file system\n");
		server_free(there);
		return;
	}
	writer_begin(&w);
	writer_put(&w, KEYS);
	checkpoint(w.server);
	ck_assert_int_eq(make_backup(w.server, "backup"), EX_OK);
	expect_moment_in(there, w.server, "backup", KEYS);
	ck_assert_int_eq(make_backup(there, "backup"), EX_OK);
	expect_moment(there, "backup", KEYS);
	server_kill_all(there);
	expect_kvd(there, "-C", NULL, EX_OK, "KiB");
	expect_kvd(there, "-c", NULL, EX_OK, "300 entries");
	server_free(there);
	remove_tree(dir);
	writer_end(&w);
}

static const struct test tests[] = {
	CASE("maintain", NULL, NULL),
	EACH(test_while_writing, victims),
	ONCE(test_two_at_once),
	ONCE(test_file),
	ONCE(test_no_bucket),
	ONCE(test_full_disk),
	ONCE(test_no_room),
	ONCE(test_told_to_stop),
	ONCE(test_slow_reader),
	ONCE(test_rate),
	ONCE(test_pipe),
	ONCE(test_bound),
	EACH(test_master_dies, compacted),
	ONCE(test_killed),
	ONCE(test_at_rest),
	ONCE(test_kvctl),
	ONCE(test_bad_backup),
	ONCE(test_other_file_system),
	ONCE(test_usage),
};

SUITE("maintain", tests)
