/*
 * server: starting kvd, and knowing when none of its processes is left.
 *
 * This process is a subreaper, so that waitpid(2) for the process group
 * reports that for certain.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "torture/server.h"

/* Paths of Unix sockets are short: sun_path has 108 bytes. */
#define DIR_MAX 40
#define ARGS_MAX 64

void
server_path(const struct server *s, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", s->dir, name);
}

/* In the guardian, when this program has died, and at the end. */
static void
remove_dir(const void *server)
{
	const struct server *s = server;

	if (s->options->keep)
		printf("%s is kept\n", s->dir);
	else
		remove_tree(s->dir);
}

static void
watch(const struct server *s, pid_t group)
{
	if (!guardian_watch(&s->guardian, group))
		err(EX_OSERR, "guardian");
}

/*
 * An address that no other test uses (all of 127/8 is this machine's), so
 * that its port is still free when the next kvd wants it.
 */
static void
choose_address(struct server *s)
{
	uint32_t n = (uint32_t)getpid();

	s->address.sin_family = AF_INET;
	s->address.sin_addr.s_addr = htonl(127U << 24 |
	    (128 + (n >> 16 & 63)) << 16 | (n >> 8 & 255) << 8 | (1 + n % 254));
}

void
server_open(struct server *s, const struct options *o)
{
	const char *tmp = getenv("TMPDIR");

	*s = (struct server){ .options = o };
	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > DIR_MAX)
		tmp = "/tmp";
	(void)snprintf(s->dir, sizeof(s->dir), "%s/kvd.XXXXXX", tmp);
	if (mkdtemp(s->dir) == NULL)
		err(EX_OSERR, "%s", s->dir);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		err(EX_OSERR, "subreaper");
	choose_address(s);
	if (!guardian_start(&s->guardian, remove_dir, s))
		err(EX_OSERR, "guardian");
}

void
server_close(struct server *s)
{
	(void)guardian_end(&s->guardian);
	remove_dir(s);
}

/* Starting */

__attribute__((format(printf, 3, 4))) static size_t
add_option(char *argv[], size_t n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	argv[n++] = strdup("-o");
	if (vasprintf(&argv[n++], format, args) == -1)
		_exit(126);
	va_end(args);
	return n;
}

/* A sanitizer must not report the signal of a blow. */
static void
set_sanitizer(const char *name)
{
	const char *before = getenv(name);
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%shandle_segv=0:handle_abort=0",
	    before == NULL ? "" : before, before == NULL ? "" : ":");
	(void)setenv(name, text, 1);
}

static void
redirect(const struct server *s)
{
	char path[128];

	server_path(s, "log", path);
	(void)close(STDIN_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
		_exit(126);
	(void)close(STDOUT_FILENO);
	if (open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) != STDOUT_FILENO ||
	    dup2(STDOUT_FILENO, STDERR_FILENO) == -1)
		_exit(126);
	closefrom(3);
}

/* In the child: becomes the master. */
__attribute__((noreturn)) static void
exec_server(const struct server *s)
{
	static const struct rlimit none;
	const struct options *o = s->options;
	char path[PATH_MAX + sizeof("/kvd")], file[128], host[INET_ADDRSTRLEN];
	char *argv[ARGS_MAX] = { strdup("kvd"), strdup("-d") };
	size_t i, n = 2;

	(void)setpgid(0, 0);
	/* No core dumps of the processes that will be killed. */
	(void)setrlimit(RLIMIT_CORE, &none);
	redirect(s);
	set_sanitizer("ASAN_OPTIONS");
	set_sanitizer("UBSAN_OPTIONS");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)inet_ntop(AF_INET, &s->address.sin_addr, host, sizeof(host));
	n = add_option(argv, n, "listen %s:%u", host,
	    ntohs(s->address.sin_port));
	n = add_option(argv, n, "data %s/data", s->dir);
	n = add_option(argv, n, "runtime %s/run", s->dir);
	n = add_option(argv, n, "libexec %s", o->libexec);
	/* kvd never delays a restart. */
	n = add_option(argv, n, "restart-limit 1000 in 1s");
	/* Far longer than a registry is stopped. */
	n = add_option(argv, n, "registry-timeout 5m");
	n = add_option(argv, n, "shutdown-timeout 2s");
	/* Workers whose clients have left count for a moment. */
	n = add_option(argv, n, "max-clients %u", 4 * o->clients + 100);
	/* Otherwise only root can count its descriptors. */
	if (geteuid() != 0)
		n = add_option(argv, n, "core-dumps yes");
	for (i = 0; i < o->n_kvd_options; i++)
		n = add_option(argv, n, "%s", o->kvd_options[i]);
	server_path(s, "kvd.conf", file);
	if (access(file, F_OK) == 0) {
		argv[n++] = strdup("-f");
		argv[n++] = file;
	}
	(void)snprintf(path, sizeof(path), "%s/kvd", o->build);
	(void)execv(path, argv);
	_exit(127);
}

void
server_start(struct server *s)
{
	char path[128];
	struct stat st;

	server_path(s, "log", path);
	s->log_start = stat(path, &st) == -1 ? 0 : st.st_size;
	(void)fflush(NULL);
	if ((s->master = fork()) == -1)
		err(EX_OSERR, "fork");
	if (s->master == 0)
		exec_server(s);
	/* Parent and child both do this; one of them is first. */
	(void)setpgid(s->master, s->master);
	watch(s, s->master);
	s->state = SERVER_STARTING;
}

/* Has it announced its address? */
static bool
is_announced(struct server *s)
{
	static const char announcement[] = "Accepting connections on ";
	char path[128], text[4096];
	unsigned int port;
	const char *p;
	ssize_t n;
	int fd;

	server_path(s, "log", path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = pread(fd, text, sizeof(text) - 1, s->log_start);
	(void)close(fd);
	text[n < 0 ? 0 : n] = '\0';
	if ((p = strstr(text, announcement)) == NULL ||
	    strchr(p, '\n') == NULL ||
	    sscanf(p + strlen(announcement), "%*s port %u", &port) != 1)
		return false;
	s->address.sin_port = htons((in_port_t)port);
	return true;
}

/* Ending */

void
server_end(struct server *s, int sig, bool all)
{
	if (kill(all ? -s->master : s->master, sig) == -1)
		err(EX_OSERR, "kill");
	s->state = SERVER_ENDING;
}

void
server_look(struct server *s)
{
	int status;
	pid_t pid;

	if (s->state == SERVER_DOWN)
		return;
	if (s->state == SERVER_STARTING && is_announced(s))
		s->state = SERVER_READY;
	while ((pid = waitpid(-s->master, &status, WNOHANG)) > 0)
		if (pid == s->master) {
			s->status = status;
			s->state = SERVER_ENDING;
		}
	if (pid == -1 && errno == ECHILD)
		s->state = SERVER_DOWN;
}

bool
server_await(struct server *s, enum server_state state, int64_t ms)
{
	int64_t deadline_ms = clock_ms() + ms;

	for (;;) {
		server_look(s);
		if (s->state == state)
			return true;
		if (clock_ms() > deadline_ms ||
		    (state == SERVER_READY && s->state != SERVER_STARTING))
			return false;
		(void)usleep(5000);
	}
}
