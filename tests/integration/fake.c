/*
 * fake: see fake.h.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "fake.h"
#include "kv_run.h"

#define CONNS_MAX 8

static bool
await(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, WAIT_MS) == 1;
}

static bool
hear(int fd, const char *want)
{
	size_t size = strlen(want), got = 0;
	char data[4096];
	ssize_t n;

	while (got < size) {
		if (!await(fd))
			break;
		n = recv(fd, data,
		    size - got < sizeof(data) ? size - got : sizeof(data), 0);
		if (n <= 0 || memcmp(data, want + got, (size_t)n) != 0) {
			fprintf(stderr, "fake: %.*s, not %s\n",
			    n < 0 ? 0 : (int)n, data, want + got);
			return false;
		}
		got += (size_t)n;
	}
	return got == size;
}

static bool
say(int fd, const char *text)
{
	size_t size = strlen(text), sent = 0;
	ssize_t n;

	while (sent < size) {
		n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
		if (n == -1)
			return false;
		sent += (size_t)n;
	}
	return true;
}

static void
reset(int fd)
{
	struct linger linger = { 1, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(fd);
}

/* Reads until the client closes the connection. */
static bool
hear_end(int fd)
{
	char data[4096];
	ssize_t n = 0;

	while (await(fd) && (n = recv(fd, data, sizeof(data), 0)) > 0)
		;
	return n <= 0;
}

static bool
take_step(const struct fake_step *step, int listener, int conns[CONNS_MAX])
{
	int *fd = &conns[step->conn], i;

	if (*fd == -1) {
		if (!await(listener))
			return false;
		*fd = accept(listener, NULL, NULL);
	}
	if (*fd == -1 || (step->expect != NULL && !hear(*fd, step->expect)))
		return false;
	for (i = 0; i < (step->times == 0 ? 1 : step->times); i++)
		/* A reply that is repeated may be one that nobody reads. */
		if (step->reply != NULL && !say(*fd, step->reply))
			return step->times != 0;
	switch (step->after) {
	case FAKE_ON:
		return true;
	case FAKE_CLOSE:
		(void)close(*fd);
		return true;
	case FAKE_RESET:
		reset(*fd);
		return true;
	case FAKE_HANG:
		return hear_end(*fd);
	}
	return false;
}

__attribute__((noreturn)) static void
serve(int listener, const struct fake_step steps[], size_t n)
{
	int conns[CONNS_MAX];
	size_t i;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(conns, -1, sizeof(conns));
	for (i = 0; i < n; i++)
		if (!take_step(&steps[i], listener, conns)) {
			fprintf(stderr, "fake: step %zu failed\n", i);
			_exit(1);
		}
	_exit(0);
}

void
fake_start(struct fake *f, const struct fake_step steps[], size_t n)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(addr);
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, size), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	f->port = ntohs(addr.sin_port);
	if ((f->pid = test_fork()) == 0)
		serve(fd, steps, n);
	(void)close(fd);
	kv_use_address("127.0.0.1:%d", f->port);
}

void
fake_finish(struct fake *f)
{
	int status;

	ck_assert_int_eq(waitpid(f->pid, &status, 0), f->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the fake server was not asked what it expected");
}

void
fake_kill(struct fake *f)
{
	(void)kill(f->pid, SIGKILL);
	ck_assert_int_eq(waitpid(f->pid, NULL, 0), f->pid);
}
