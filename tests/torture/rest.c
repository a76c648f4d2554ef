/*
 * rest: see rest.h.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "proc.h"
#include "torture/rest.h"

#define PROCESSES_MAX 16384
/* Longer than workers take to end when their clients have left; but when
 * nothing has changed for STILL_MS, nothing will. */
#define SETTLE_MS 20000
#define STILL_MS 2500
/* The server is at rest if it has been for so long. */
#define REST_MS 100
#define LOOK_US 20000

static int
role_of(const struct proc *p, pid_t master)
{
	if (p->pid == master)
		return ROLE_MASTER;
	if (strcmp(p->name, CHECKPOINTER_NAME) == 0)
		return ROLE_CHECKPOINTER;
	if (strcmp(p->name, "kvd-registry") == 0)
		return ROLE_REGISTRY;
	if (strcmp(p->name, "kvd-acceptor") == 0 && p->executed)
		return ROLE_ACCEPTOR;
	return ROLE_WORKER;
}

static void
look(const struct server *s, struct rest *r)
{
	static struct proc list[PROCESSES_MAX];
	size_t i, n = proc_list(s->master, list, PROCESSES_MAX);
	int role;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < n; i++) {
		role = role_of(&list[i], s->master);
		if (proc_is_dead(&list[i])) {
			r->zombies++;
			continue;
		}
		r->processes++;
		if (role != ROLE_WORKER)
			r->descriptors[role] = proc_count_fds(list[i].pid);
	}
}

static bool
is_at_rest(const struct rest *r, const struct rest *before)
{
	int role;

	if (r->zombies > 0 || r->processes != ROLES - 1)
		return false;
	for (role = 0; role < ROLES; role++)
		if (before != NULL &&
		    r->descriptors[role] > before->descriptors[role])
			return false;
	return true;
}

void
rest_await(const struct server *s, struct rest *r, const struct rest *before)
{
	int64_t now_ms = clock_ms(), end_ms = now_ms + SETTLE_MS;
	int64_t still_ms = now_ms;
	struct rest last;

	memset(&last, 0, sizeof(last));
	for (;;) {
		look(s, r);
		now_ms = clock_ms();
		if (memcmp(r, &last, sizeof(last)) != 0)
			still_ms = now_ms;
		last = *r;
		if ((is_at_rest(r, before) && now_ms >= still_ms + REST_MS) ||
		    now_ms >= still_ms + STILL_MS || now_ms >= end_ms)
			return;
		(void)usleep(LOOK_US);
	}
}

void
rest_compare(const struct rest *before, const struct rest *now,
    struct report *r)
{
	int role;

	/* Fewer are right: a worker may not have ended yet before the run. */
	for (role = 0; role < ROLES; role++)
		if (now->descriptors[role] > before->descriptors[role])
			report_failure(r, &r->descriptors,
			    "the %s has %d descriptors, it had %d",
			    role_names[role].text, now->descriptors[role],
			    before->descriptors[role]);
	if (now->zombies > 0)
		report_failure(r, &r->zombies, "%zu zombies are left",
		    now->zombies);
	if (now->processes != ROLES - 1)
		report_failure(r, &r->processes,
		    "there are %zu processes, not %d", now->processes,
		    ROLES - 1);
}

/* The log */

/* "registry (pid 7) died of ..." */
static pid_t
pid_in(const char *line)
{
	const char *p = strstr(line, "(pid ");

	return p == NULL ? 0 : (pid_t)atol(p + 5);
}

static bool
is_unexplained_death(const struct victims *v, const char *line)
{
	static const char died[] = " died of ", exited[] = " exited with ";

	if (strstr(line, died) != NULL)
		return !victims_include(v, pid_in(line), false);
	if (strstr(line, exited) != NULL)
		return !victims_include(v, pid_in(line), true) ||
		    strstr(line, "status 0;") == NULL;
	return false;
}

static bool
is_complaint(const char *line)
{
	static const char *const texts[] = { "Sanitizer", "runtime error",
		"malformed", " damaged", "closing a worker's connection",
		"unknown message", "by its sandbox", "in time; killing it",
		"out of memory", "do not end" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strstr(line, texts[i]) != NULL)
			return true;
	return false;
}

void
rest_read_log(const struct server *s, const struct victims *v, struct report *r)
{
	char path[128], *line = NULL;
	size_t room = 0;
	FILE *file;

	server_path(s, "log", path);
	if ((file = fopen(path, "re")) == NULL)
		err(EX_OSERR, "%s", path);
	while (getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (is_unexplained_death(v, line))
			report_failure(r, &r->deaths, "unexplained: %s", line);
		else if (is_complaint(line))
			report_failure(r, &r->complaints, "in the log: %s",
			    line);
		else if (s->options->verbose)
			printf("kvd: %s\n", line);
	}
	free(line);
	(void)fclose(file);
}

void
rest_check_end(const struct server *s, struct report *r)
{
	static const char *const names[] = { "run/kvd.pid",
		"run/worker/registry.sock" };
	char path[128];
	size_t i;

	if (!WIFEXITED(s->status) || WEXITSTATUS(s->status) != 0)
		report_failure(r, &r->other, "kvd ended with wait status %#x",
		    (unsigned int)s->status);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		server_path(s, names[i], path);
		if (access(path, F_OK) == 0)
			report_failure(r, &r->other, "%s is left", path);
	}
}
