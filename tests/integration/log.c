/*
 * log: see log.h.
 */

#include "log.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "suite.h"
#include "wait.h"

#define LOG_MAX (256 * 1024)

long
server_log_size(const struct server *s)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	return stat(path, &st) == -1 ? 0 : (long)st.st_size;
}

const char *
server_log(const struct server *s)
{
	static char text[LOG_MAX];
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	text[0] = '\0';
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return text;
	n = pread(fd, text, sizeof(text) - 1, s->log_start);
	text[n < 0 ? 0 : n] = '\0';
	(void)close(fd);
	return text;
}

size_t
server_log_count(const struct server *s, const char *text)
{
	const char *p = server_log(s);
	size_t n = 0;

	while ((p = strstr(p, text)) != NULL) {
		p++;
		n++;
	}
	return n;
}

void
server_await_log(const struct server *s, const char *text, size_t count)
{
	int64_t deadline_ms = now_ms() + WAIT_MS;

	while (server_log_count(s, text) < count)
		pause_until(deadline_ms, text);
}

/* False if the line is not there, or not yet to its end. */
static bool
find_line(const struct server *s, const char *start, char line[LOG_LINE_SIZE])
{
	const char *p = strstr(server_log(s), start);

	if (p == NULL || strchr(p, '\n') == NULL)
		return false;
	(void)strlcpy(line, p, LOG_LINE_SIZE);
	line[strcspn(line, "\n")] = '\0';
	return true;
}

void
server_await_line(const struct server *s, const char *role, pid_t pid,
    char line[LOG_LINE_SIZE])
{
	int64_t deadline_ms = now_ms() + WAIT_MS;
	char start[64];

	snprintf(start, sizeof(start), "%s (pid %ld", role, (long)pid);
	while (!find_line(s, start, line))
		pause_until(deadline_ms, start);
}

void
expect_part(const char *line, const char *part)
{
	ck_assert_msg(strstr(line, part) != NULL, "\"%s\" is not in: %s", part,
	    line);
}

static const char announcement[] = "Accepting connections on ";

bool
server_is_announced(const struct server *s)
{
	const char *p = server_log(s);
	size_t n;

	for (n = 0; n < s->listens; n++) {
		if ((p = strstr(p, announcement)) == NULL ||
		    (p = strchr(p, '\n')) == NULL)
			return false;
	}
	return true;
}

void
server_find_address(struct server *s)
{
	const char *p =
	    strstr(server_log(s), announcement) + strlen(announcement);

	s->port = 0;
	if (sscanf(p, "%63[^ ] port %d\n", s->host, &s->port) != 2)
		s->host[0] = '\0'; /* a Unix socket */
}

int
server_port(const struct server *s, const char *host)
{
	char start[128];
	const char *p;

	snprintf(start, sizeof(start), "%s%s port ", announcement, host);
	p = strstr(server_log(s), start);
	ck_assert_msg(p != NULL, "no listener on %s", host);
	return atoi(p + strlen(start));
}
