/*
 * interactive: how kv finds its prompt, and the prompt without line editing.
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
try_exec(const char *dir, char *argv[])
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/kv-interactive", dir) >=
	    (int)sizeof(path))
		return;
	(void)execv(path, argv);
	if (errno != ENOENT)
		warn("%s", path);
}

/* Finds the directory of this program. */
static bool
find_own_directory(char dir[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	char *slash;

	if (n == -1)
		return false;
	dir[n] = '\0';
	if ((slash = strrchr(dir, '/')) == NULL)
		return false;
	*slash = '\0';
	return true;
}

/* In a build directory kv-interactive is beside kv, and the one that is
 * installed, if any, may be of another version. */
static void
start_editing(char *argv[])
{
	const char *dir = getenv("KV_LIBEXEC");
	char own[PATH_MAX];

	if (dir != NULL) {
		try_exec(dir, argv);
		return;
	}
	if (find_own_directory(own))
		try_exec(own, argv);
	try_exec(KVD_LIBEXECDIR, argv);
}
#endif

/* After Ctrl-C: the terminal has discarded the line that was typed. */
static void
discard(struct prompt *p, struct buf *in)
{
	buf_consume(in, buf_size(in));
	prompt_newline(p);
	prompt_show(p);
}

/* The terminal does the editing, and hands over complete lines. */
static bool
read_plain(struct prompt *p, void *state, struct buf *line)
{
	struct buf *in = state;
	enum prompt_wake wake;
	uint8_t *to, *lf;
	size_t size;
	ssize_t n;

	prompt_show(p);
	while (buf_size(in) == 0 ||
	    (lf = memchr(buf_data(in), '\n', buf_size(in))) == NULL) {
		while ((wake = prompt_wait(p)) == PROMPT_PRINTED)
			prompt_show(p);
		if (wake == PROMPT_INTERRUPTED) {
			discard(p, in);
			continue;
		}
		if ((to = buf_reserve(in, 4096)) == NULL)
			err(KV_FAILED, NULL);
		n = read(STDIN_FILENO, to, 4096);
		if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
			return false;
		if (n > 0)
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
	/* Line editing needs a terminal for its output, too. */
	if (kv->out.terminal)
		start_editing(argv);
#else
	(void)argv;
#endif
	buf_init(&in);
	status = prompt_run(kv, read_plain, &in);
	buf_clear(&in);
	return status;
}
