/*
 * interactive: how kv comes to a prompt, and the plain one.
 */

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv/interactive.h"
#include "kv/kv.h"
#include "kv/prompt.h"

#ifdef HAVE_LIBEDIT
static void
try_exec(char *argv[])
{
	const char *dir = getenv("KV_LIBEXEC");
	char path[PATH_MAX];

	if (dir == NULL)
		dir = KVD_LIBEXECDIR;
	snprintf(path, sizeof(path), "%s/kv-interactive", dir);
	(void)execv(path, argv);
	if (errno != ENOENT)
		warn("%s", path);
}
#endif

/* The terminal edits; a line is there when the terminal gives it. */
static bool
read_plain(struct prompt *p, void *state, struct buf *line)
{
	struct buf *in = state;
	uint8_t *to, *lf;
	size_t size;
	ssize_t n;

	prompt_show(p);
	while (buf_size(in) == 0 ||
	    (lf = memchr(buf_data(in), '\n', buf_size(in))) == NULL) {
		while (prompt_wait(p) == PROMPT_SAID)
			prompt_show(p);
		if ((to = buf_reserve(in, 4096)) == NULL)
			err(KV_FAILED, NULL);
		n = read(STDIN_FILENO, to, 4096);
		if (n <= 0)
			return false;
		buf_commit(in, (size_t)n);
	}
	size = (size_t)(lf - buf_data(in));
	buf_append(line, buf_data(in), size);
	buf_consume(in, size + 1);
	return true;
}

enum kv_status
interactive_start(struct kv *kv, char *argv[])
{
	enum kv_status status;
	struct buf in;

#ifdef HAVE_LIBEDIT
	try_exec(argv);
#else
	(void)argv;
#endif
	buf_init(&in);
	status = prompt_run(kv, read_plain, &in);
	buf_clear(&in);
	return status;
}
