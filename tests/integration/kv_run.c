/*
 * kv_run: see kv_run.h.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "kv_run.h"

void
kv_use_address(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_assert_int_eq(setenv("KV_SERVER", text, 1), 0);
}

void
kv_use(const struct server *s)
{
	kv_use_address("%s:%d", s->host, s->port);
}

static const char *
kv_path(void)
{
	static char path[PATH_MAX + sizeof("/kv")];

	snprintf(path, sizeof(path), "%s/kv", build_dir());
	return path;
}

static void
become(const char *path, const char *const args[], int in, int out, int error)
{
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(error, STDERR_FILENO) == -1)
		_exit(126);
	(void)setenv("KV", kv_path(), 1);
	(void)setenv("KV_LIBEXEC", build_dir(), 1);
	(void)execv(path, (char *const *)(void *)(uintptr_t)args);
	_exit(127);
}

/* With `out' as standard output. */
static void
start(struct kv_process *p, const char *path, int out, const char *const args[])
{
	int in[2], error[2];

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(error, O_CLOEXEC), 0);
	if ((p->pid = test_fork()) == 0)
		become(path, args, in[0], out, error[1]);
	(void)close(in[0]);
	(void)close(error[1]);
	p->in = in[1];
	p->out = -1;
	p->err = error[0];
}

/* With a pipe as standard output. */
static void
start_piped(struct kv_process *p, const char *path, const char *const args[])
{
	int out[2];

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	start(p, path, out[1], args);
	(void)close(out[1]);
	p->out = out[0];
}

static void
prepend_kv(const char *argv[32], const char *const args[])
{
	size_t n;

	argv[0] = "kv";
	for (n = 0; args[n] != NULL; n++) {
		ck_assert_uint_lt(n, 30);
		argv[n + 1] = args[n];
	}
	argv[n + 1] = NULL;
}

void
kv_start(struct kv_process *p, const char *const args[])
{
	const char *argv[32];

	prepend_kv(argv, args);
	start_piped(p, kv_path(), argv);
}

void
kv_start_to(struct kv_process *p, int out, const char *const args[])
{
	const char *argv[32];

	prepend_kv(argv, args);
	start(p, kv_path(), out, argv);
}

void
kv_start_shell(struct kv_process *p, const char *script)
{
	/* bash, for PIPESTATUS. */
	start_piped(p, "/bin/bash",
	    (const char *const[]){ "bash", "-c", script, NULL });
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* Reads once, and closes the pipe at its end. */
static void
drain(int *fd, char **data, size_t *size)
{
	char *more = realloc(*data, *size + 65536 + 1);
	ssize_t n;

	ck_assert_ptr_nonnull(more);
	*data = more;
	n = read(*fd, *data + *size, 65536);
	if (n <= 0)
		close_fd(fd);
	else
		*size += (size_t)n;
	(*data)[*size] = '\0';
}

static void
feed(struct kv_process *p, const char *in, size_t in_size, size_t *sent)
{
	ssize_t n = 0;

	if (*sent < in_size)
		n = write(p->in, in + *sent, in_size - *sent);
	if (n > 0)
		*sent += (size_t)n;
	if (n == -1 && errno != EAGAIN)
		*sent = in_size;
	if (*sent == in_size)
		close_fd(&p->in);
}

void
kv_finish_run(struct kv_process *p, const void *in, size_t in_size,
    struct kv_result *r)
{
	struct pollfd pfds[3];
	size_t sent = 0;
	int status;

	memset(r, 0, sizeof(*r));
	if (p->in != -1)
		ck_assert_int_eq(fcntl(p->in, F_SETFL, O_NONBLOCK), 0);
	while (p->in != -1 || p->out != -1 || p->err != -1) {
		pfds[0] = (struct pollfd){ p->in, POLLOUT, 0 };
		pfds[1] = (struct pollfd){ p->out, POLLIN, 0 };
		pfds[2] = (struct pollfd){ p->err, POLLIN, 0 };
		if (poll(pfds, 3, WAIT_MS) <= 0)
			ck_abort_msg("kv neither ends nor writes anything");
		if (p->in != -1 && pfds[0].revents != 0)
			feed(p, in, in_size, &sent);
		if (p->out != -1 && pfds[1].revents != 0)
			drain(&p->out, &r->out, &r->out_size);
		if (p->err != -1 && pfds[2].revents != 0)
			drain(&p->err, &r->err, &r->err_size);
	}
	ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
	r->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
kv_result_clear(struct kv_result *r)
{
	free(r->out);
	free(r->err);
	memset(r, 0, sizeof(*r));
}

static struct kv_result last;

const struct kv_result *
kv_run(const void *in, size_t in_size, const char *const args[])
{
	struct kv_process p;

	kv_result_clear(&last);
	kv_start(&p, args);
	kv_finish_run(&p, in, in_size, &last);
	return &last;
}

const struct kv_result *
kv_shell(const char *script)
{
	struct kv_process p;

	kv_result_clear(&last);
	kv_start_shell(&p, script);
	kv_finish_run(&p, "", 0, &last);
	return &last;
}

void
kv_read_line(int fd, char line[LINE_SIZE])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t size = 0;

	do {
		ck_assert_uint_lt(size, LINE_SIZE - 1);
		if (poll(&pfd, 1, WAIT_MS) != 1)
			ck_abort_msg("no line came");
		if (read(fd, line + size, 1) != 1)
			ck_abort_msg(
			    "the output ended where a line was expected");
	} while (line[size++] != '\n');
	line[size - 1] = '\0';
}

void
kv_expect_line(int fd, const char *want)
{
	char line[LINE_SIZE];

	kv_read_line(fd, line);
	ck_assert_str_eq(line, want);
}

void
kv_expect(const char *const args[], const char *in, int status, const char *out,
    const char *err)
{
	const struct kv_result *r;
	char line[256] = "kv";
	size_t i;

	for (i = 0; args[i] != NULL; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    " %.60s", args[i]);
	r = kv_run(in == NULL ? "" : in, in == NULL ? 0 : strlen(in), args);
	if (r->status != status || strcmp(r->out, out) != 0 ||
	    (err == NULL ? r->err_size == 0 : strcmp(r->err, err) != 0))
		ck_abort_msg("%s: status %d (not %d), out \"%.200s\" (not "
			     "\"%.200s\"), err \"%.200s\" (not \"%.200s\")",
		    line, r->status, status, r->out, out, r->err,
		    err == NULL ? "something" : err);
}

struct server *
kv_start_server(const char *bucket)
{
	static const char *const options[] = { "sync never", NULL };
	struct server *s = server_start(options);

	kv_use(s);
	kv_expect(KV("create", bucket), NULL, 0, "", "");
	return s;
}

void
kv_stop_server(struct server *s)
{
	int status;

	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	status = server_await_end(s, WAIT_MS);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
