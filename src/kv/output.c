/*
 * output: standard output.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "kv/output.h"
#include "kv/kv_status.h"
#include "proto/format.h"

/* The capacity of a pipe on Linux. */
#define FLUSH_SIZE ((size_t)64 << 10)

void
output_init(struct output *o)
{
	buf_init(&o->buf);
	o->terminal = isatty(STDOUT_FILENO) == 1;
}

__attribute__((noreturn)) static void
fail(void)
{
	err(KV_FAILED, "standard output");
}

void
output_check(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags != -1 && (flags & O_ACCMODE) != O_RDONLY)
		return;
	errno = EBADF;
	fail();
}

void
output_gone(void)
{
	/* What write(2) would do. */
	(void)raise(SIGPIPE);
	errno = EPIPE;
	fail();
}

void
output_stdio(void)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		fail();
}

/* Another process that shares standard output has made it non-blocking, and
 * may need that. */
static void
await_writable(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (io_poll(&pfd, 1, CLOCK_NEVER) == IO_FAILED)
		fail();
}

void
output_flush(struct output *o)
{
	ssize_t n;

	if (buf_failed(&o->buf))
		err(KV_FAILED, NULL);
	while (buf_size(&o->buf) > 0) {
		n = write(STDOUT_FILENO, buf_data(&o->buf), buf_size(&o->buf));
		if (n >= 0)
			buf_consume(&o->buf, (size_t)n);
		else if (errno == EAGAIN)
			await_writable();
		else if (errno != EINTR)
			fail();
	}
}

void
output_added(struct output *o)
{
	if (buf_size(&o->buf) >= FLUSH_SIZE || buf_failed(&o->buf))
		output_flush(o);
}

void
output_line(struct output *o, const struct bytes *words, size_t n)
{
	format_line(&o->buf, words, n);
	/* Lines of a file end in LF, not in CR LF. */
	if (!buf_failed(&o->buf)) {
		buf_truncate(&o->buf, buf_size(&o->buf) - 2);
		buf_append_byte(&o->buf, '\n');
	}
	output_added(o);
}
