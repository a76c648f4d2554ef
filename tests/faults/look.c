/*
 * look: see look.h.
 */

#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "faults/look.h"
#include "proc.h"

#define PROCESSES_MAX 256
#define AWAIT_MS 10000
#define LOOK_US 5000
/* What a process may grow by after the first faults: buffers and tables that it
 * keeps. */
#define GROWTH_KIB 16384
/* How many lines of a log are printed. */
#define LINES_MAX 24

/* Processes */

static enum fault_role
role_of(const struct proc *p, pid_t master)
{
	if (p->pid == master)
		return FAULT_MASTER;
	if (strcmp(p->name, CHECKPOINTER_NAME) == 0)
		return FAULT_CHECKPOINTER;
	if (strcmp(p->name, "kvd-registry") == 0)
		return FAULT_REGISTRY;
	if (strcmp(p->name, "kvd-acceptor") == 0 && p->executed)
		return FAULT_ACCEPTOR;
	return FAULT_WORKER;
}

static void
look(const struct server *s, struct look *l)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = proc_list(s->master, list, PROCESSES_MAX);
	enum fault_role role;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < n; i++) {
		role = role_of(&list[i], s->master);
		if (proc_is_dead(&list[i]))
			l->zombies++;
		else if (role == FAULT_WORKER)
			l->workers++;
		else {
			l->pid[role] = list[i].pid;
			l->descriptors[role] = proc_count_fds(list[i].pid);
			l->memory_kib[role] = proc_memory_kib(list[i].pid);
		}
	}
}

static bool
is_good(const struct look *l, unsigned int workers, const struct look *before)
{
	int role;

	for (role = 0; role < PERMANENT; role++)
		if (l->pid[role] == 0 ||
		    (before != NULL &&
			l->descriptors[role] > before->descriptors[role]))
			return false;
	return l->workers == workers && l->zombies == 0;
}

void
look_await(struct server *s, struct look *l, unsigned int workers,
    const struct look *before)
{
	int64_t deadline_ms = clock_ms() + AWAIT_MS;

	for (;;) {
		server_look(s);
		look(s, l);
		if (is_good(l, workers, before) || clock_ms() > deadline_ms)
			return;
		(void)usleep(LOOK_US);
	}
}

void
look_compare(const struct look *before, const struct look *now,
    unsigned int workers, struct verdict *v)
{
	int role;

	for (role = 0; role < PERMANENT; role++) {
		if (now->pid[role] == 0)
			verdict_fail(v, "there is no %s",
			    fault_role_names[role]);
		if (now->descriptors[role] > before->descriptors[role])
			verdict_fail(v, "the %s has %d descriptors, not %d",
			    fault_role_names[role], now->descriptors[role],
			    before->descriptors[role]);
		if (now->pid[role] == before->pid[role] &&
		    now->memory_kib[role] >
			before->memory_kib[role] + GROWTH_KIB)
			verdict_fail(v, "the %s has grown from %ld to %ld KiB",
			    fault_role_names[role], before->memory_kib[role],
			    now->memory_kib[role]);
	}
	if (now->zombies > 0)
		verdict_fail(v, "%u zombies are left", now->zombies);
	if (now->workers != workers)
		verdict_fail(v, "there are %u workers, not %u", now->workers,
		    workers);
}

/* The log */

static FILE *
open_log(const struct server *s, off_t from)
{
	char path[128];
	FILE *f;

	server_path(s, "log", path);
	if ((f = fopen(path, "re")) == NULL || fseeko(f, from, SEEK_SET) == -1)
		err(EX_OSERR, "%s", path);
	return f;
}

void
log_begin(struct log *l, const struct server *s)
{
	char path[128];
	struct stat st;

	server_path(s, "log", path);
	l->from = stat(path, &st) == -1 ? 0 : st.st_size;
	l->n_killed = 0;
}

void
log_kill(struct log *l, pid_t pid)
{
	if (l->n_killed < KILLED_MAX)
		l->killed[l->n_killed++] = pid;
}

bool
log_contains(const struct log *l, const struct server *s, const char *text)
{
	FILE *f = open_log(s, l->from);
	bool found = false;
	char *line = NULL;
	size_t room = 0;

	while (!found && getline(&line, &room, f) > 0)
		found = strstr(line, text) != NULL;
	free(line);
	(void)fclose(f);
	return found;
}

bool
log_has_line(const struct log *l, const struct server *s, pid_t pid)
{
	char start[32];

	(void)snprintf(start, sizeof(start),
	    pid == 0 ? "kvd[" : "kvd[%ld]: ", (long)pid);
	return log_contains(l, s, start);
}

bool
log_is_documented(int status, int error)
{
	if (status == EX_CONFIG)
		return error == EACCES || error == EPERM;
	return status == EX_UNAVAILABLE || status == EX_OSERR ||
	    status == EX_IOERR || status == EX_TEMPFAIL;
}

static bool
was_killed(const struct log *l, pid_t pid)
{
	size_t i;

	for (i = 0; i < l->n_killed; i++)
		if (l->killed[i] == pid)
			return true;
	return false;
}

/* A signal that could not be sent is followed by SIGKILL. */
static bool
is_after_kill(const struct log *l, const char *line)
{
	return l->error == EPERM &&
	    (strstr(line, "in time; killing it") != NULL ||
		strstr(line, "died of SIGKILL") != NULL);
}

static void
check_end(const struct log *l, const struct server *s, const char *line,
    struct verdict *v)
{
	const char *pid_text = strstr(line, "(pid ");
	const char *died = strstr(line, " died of ");
	const char *exited = strstr(line, " exited with status ");
	pid_t pid = pid_text == NULL ? 0 : (pid_t)atol(pid_text + 5);
	int status;

	if (died != NULL && !was_killed(l, pid) && !is_after_kill(l, line))
		verdict_fail(v, "a process died: %s", line);
	if (exited == NULL)
		return;
	status = atoi(exited + strlen(" exited with status "));
	/* With 0 it has ended because its master, as it seemed, had. */
	if (status != 0 && !log_is_documented(status, l->error))
		verdict_fail(v, "unexpected status: %s", line);
	if (!log_has_line(l, s, pid))
		verdict_fail(v, "ended without a word: %s", line);
}

static bool
is_complaint(const char *line)
{
	static const char *const texts[] = { "Sanitizer", "runtime error",
		"killed by its sandbox", "malformed", " damaged",
		"unknown message", "it hangs", "in time; killing it",
		"do not end", "Success" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(line, texts[i]) != NULL)
			return true;
	return false;
}

void
log_check(struct log *l, const struct server *s, struct verdict *v)
{
	FILE *f = open_log(s, l->from);
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		check_end(l, s, line, v);
		if (is_complaint(line) && !is_after_kill(l, line))
			verdict_fail(v, "in the log: %s", line);
	}
	free(line);
	(void)fclose(f);
}

void
log_print(const struct log *l, const struct server *s)
{
	FILE *f = open_log(s, l->from);
	char *line = NULL;
	size_t room = 0, n = 0;

	while (n++ < LINES_MAX && getline(&line, &room, f) > 0)
		printf("    %s", line);
	free(line);
	(void)fclose(f);
}
