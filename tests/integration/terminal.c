/*
 * terminal: see terminal.h.
 */

#include <sys/wait.h>

#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include "fixture.h"
#include "terminal.h"

void
terminal_open(struct terminal *t, const char *host, int port)
{
	char service[16];

	memset(t, 0, sizeof(*t));
	snprintf(service, sizeof(service), "%d", port);
	t->pid = forkpty(&t->fd, NULL, NULL, NULL);
	ck_assert_int_ne(t->pid, -1);
	if (t->pid != 0)
		return;
	(void)setenv("TERM", "dumb", 1);
	(void)execlp("telnet", "telnet", host, service, (char *)NULL);
	_exit(127);
}

void
terminal_close(struct terminal *t)
{
	int status;

	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	ck_assert(WIFEXITED(status));
	(void)close(t->fd);
}

void
terminal_type(struct terminal *t, const char *keys)
{
	size_t size = strlen(keys);

	ck_assert_int_eq(write(t->fd, keys, size), (ssize_t)size);
}

void
terminal_expect(struct terminal *t, const char *text)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	const char *p;
	ssize_t n;

	while ((p = strstr(t->text + t->seen, text)) == NULL) {
		ck_assert_uint_lt(t->size, sizeof(t->text) - 1);
		if (poll(&pfd, 1, WAIT_MS) != 1 ||
		    (n = read(t->fd, t->text + t->size,
			 sizeof(t->text) - 1 - t->size)) <= 0)
			ck_abort_msg("no \"%s\" after \"%s\"", text, t->text);
		t->size += (size_t)n;
		t->text[t->size] = '\0';
	}
	t->seen = (size_t)(p - t->text) + strlen(text);
}
