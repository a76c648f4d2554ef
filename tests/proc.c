/*
 * proc: see proc.h.
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

/* include/linux/sched.h: has not executed a program since it was forked. */
#define PF_FORKNOEXEC 0x40

static bool
read_text(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, text, size - 1);
	(void)close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

/* The line is: pid (name) state parent group session tty tpgid flags ...
 * The name may contain any characters, parentheses included. */
static bool
read_stat(pid_t pid, struct proc *p)
{
	const char *name, *rest;
	unsigned int flags;
	int parent, group;
	char text[512];

	if (!read_text(pid, "stat", text, sizeof(text)) ||
	    (name = strchr(text, '(')) == NULL ||
	    (rest = strrchr(text, ')')) == NULL ||
	    sscanf(rest, ") %c %d %d %*d %*d %*d %u", &p->state, &parent,
		&group, &flags) != 4)
		return false;
	(void)snprintf(p->name, sizeof(p->name), "%.*s", (int)(rest - name - 1),
	    name + 1);
	p->pid = pid;
	p->parent = parent;
	p->group = group;
	p->executed = (flags & PF_FORKNOEXEC) == 0;
	return true;
}

static bool
read_title(struct proc *p)
{
	return read_text(p->pid, "cmdline", p->title, sizeof(p->title));
}

bool
proc_read(pid_t pid, struct proc *p)
{
	return read_stat(pid, p) && read_title(p);
}

bool
proc_is_dead(const struct proc *p)
{
	return p->state == 'Z' || p->state == 'X';
}

size_t
proc_list(pid_t group, struct proc *list, size_t max)
{
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL)
		return 0;
	while (n < max && (entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    read_stat((pid_t)atol(entry->d_name), &list[n]) &&
		    list[n].group == group && read_title(&list[n]))
			n++;
	(void)closedir(dir);
	return n;
}

size_t
proc_children(pid_t pid, pid_t *list, size_t max)
{
	char path[64];
	size_t n = 0;
	FILE *file;
	long child;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)pid, (long)pid);
	if ((file = fopen(path, "re")) == NULL)
		return 0;
	while (n < max && fscanf(file, "%ld", &child) == 1)
		list[n++] = (pid_t)child;
	(void)fclose(file);
	return n;
}

int
proc_count_fds(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

long
proc_memory_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	(void)fclose(f);
	return kib;
}
