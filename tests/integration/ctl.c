/*
 * ctl: see ctl.h.
 */

#include "ctl.h"

#include <limits.h>
#include <unistd.h>

#include "common/control.h"

#define WORDS_MAX 16

const char *
ctl_path(const struct server *s)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/run/" CONTROL_SOCKET, s->dir);
	return path;
}

int
ctl_run(const struct server *s, const char *const words[], const char **output)
{
	static char text[OUTPUT_SIZE];
	char program[PATH_MAX + sizeof("/kvctl")];
	const char *args[WORDS_MAX + 4] = { program, "-s", ctl_path(s) };
	size_t n;

	snprintf(program, sizeof(program), "%s/kvctl", build_dir());
	for (n = 0; words[n] != NULL; n++) {
		ck_assert_uint_lt(n, WORDS_MAX);
		args[n + 3] = words[n];
	}
	*output = text;
	return run_command(args, text);
}

void
ctl_expect(const struct server *s, const char *const words[], int status,
    const char *output)
{
	const char *got;
	int rc = ctl_run(s, words, &got);

	ck_assert_msg(rc == status && strcmp(got, output) == 0,
	    "kvctl %s: status %d and \"%s\", not %d and \"%s\"", words[0], rc,
	    got, status, output);
}

void
ctl_expect_part(const struct server *s, const char *const words[], int status,
    const char *part)
{
	const char *got;
	int rc = ctl_run(s, words, &got);

	ck_assert_msg(rc == status && strstr(got, part) != NULL,
	    "kvctl %s: status %d and \"%s\", not %d and \"%s\"", words[0], rc,
	    got, status, part);
}

int
ctl_connect(const struct server *s)
{
	int fd = client_connect_unix(ctl_path(s));

	client_hear(fd, CONTROL_GREETING "1\n");
	return fd;
}
