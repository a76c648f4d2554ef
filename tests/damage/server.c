/*
 * server: see server.h.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "damage/server.h"

#define LOG_MAX ((size_t)1 << 20)
#define STOP_MS 20000
#define POLL_US 2000

/* The configuration: short times, so that what hangs is noticed soon. */
static void
write_config(const struct try_options *o)
{
	char path[PATH_SIZE + 16];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/conf", o->dir);
	if ((f = fopen(path, "we")) == NULL)
		err(EX_OSERR, "%s", path);
	(void)fprintf(f,
	    "data %s/data\nruntime %s/run\nlisten unix %s/sock\n"
	    "libexec %s\nsync never\ncache 64k\nlog-size 16M\nmax-value 64k\n"
	    "heartbeat-timeout 1s\nregistry-timeout 20s\n"
	    "shutdown-timeout 2s\n",
	    o->dir, o->dir, o->dir, o->build);
	if (fclose(f) == EOF)
		err(EX_OSERR, "%s", path);
}

static void
redirect(const struct try_options *o)
{
	char path[PATH_SIZE + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/log", o->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd == -1 || dup2(fd, STDOUT_FILENO) == -1 ||
	    dup2(fd, STDERR_FILENO) == -1)
		_exit(126);
	closefrom(STDERR_FILENO + 1);
}

__attribute__((noreturn)) static void
exec_kvd(const struct try_options *o, const char *option)
{
	static const struct rlimit none;
	char path[PATH_SIZE * 2], config[PATH_SIZE + 16];

	(void)setpgid(0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	redirect(o);
	(void)snprintf(path, sizeof(path), "%s/kvd", o->build);
	(void)snprintf(config, sizeof(config), "%s/conf", o->dir);
	(void)execl(path, "kvd", option, "-f", config, (char *)NULL);
	_exit(127);
}

static pid_t
run(const struct try_options *o, const char *option)
{
	pid_t pid;

	(void)fflush(NULL);
	if ((pid = fork()) == -1)
		err(EX_OSERR, "fork");
	if (pid == 0)
		exec_kvd(o, option);
	return pid;
}

void
server_start(struct server *s)
{
	write_config(s->options);
	s->master = run(s->options, "-d");
}

/* The log, which is to be freed. */
static char *
read_log(const struct server *s)
{
	char path[PATH_SIZE + 16], *text = malloc(LOG_MAX + 1);
	ssize_t n = 0;
	int fd;

	if (text == NULL)
		err(EX_OSERR, NULL);
	(void)snprintf(path, sizeof(path), "%s/log", s->options->dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, text, LOG_MAX);
		(void)close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static unsigned int
count_in_log(const struct server *s, const char *what)
{
	char *text = read_log(s), *at = text;
	unsigned int n = 0;

	while ((at = strstr(at, what)) != NULL) {
		at += strlen(what);
		n++;
	}
	free(text);
	return n;
}

bool
server_is_ready(const struct server *s)
{
	return count_in_log(s, "Accepting connections on ") > 0;
}

bool
server_runs(struct server *s)
{
	if (s->master != 0 &&
	    waitpid(s->master, &s->status, WNOHANG) == s->master)
		s->master = 0;
	return s->master != 0;
}

unsigned int
server_checkpoints(const struct server *s)
{
	return count_in_log(s, "checkpoint: data.mdb has everything");
}

unsigned int
server_checkpoint(const struct server *s)
{
	unsigned int n = server_checkpoints(s);

	if (s->master != 0)
		(void)kill(s->master, SIGUSR1);
	return n;
}

unsigned int
server_crashes(const struct server *s)
{
	return count_in_log(s, " died of SIG") +
	    count_in_log(s, " exited with status 74");
}

bool
server_sentence(const struct server *s, char *line, size_t size)
{
	char *text = read_log(s), *at = text, *next;
	bool found = false;

	for (; *at != '\0'; at = next) {
		next = at + strcspn(at, "\n");
		if (*next != '\0')
			*next++ = '\0';
		if (strstr(at, "restore ") == NULL)
			continue;
		(void)strlcpy(line, at, size);
		found = true;
	}
	free(text);
	return found;
}

bool
server_stop(struct server *s)
{
	int64_t deadline_ms = clock_ms() + STOP_MS;
	bool ended = true;

	if (s->master != 0)
		(void)kill(s->master, SIGTERM);
	while (server_runs(s)) {
		if (clock_ms() > deadline_ms) {
			ended = false;
			(void)kill(-s->master, SIGKILL);
		}
		(void)usleep(POLL_US);
	}
	return ended;
}

bool
server_check_finds(const struct server *s)
{
	pid_t pid = run(s->options, "-c");
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			err(EX_OSERR, "waitpid");
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
