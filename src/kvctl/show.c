/*
 * show: status and tree.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kvctl/ctl_format.h"
#include "kvctl/record.h"
#include "kvctl/show.h"

/* Prints a row of the screen.  Rows that belong to the one before have no
 * name. */
static void
print_row(const char *name, const char *value)
{
	printf("%-12s %s\n", name, value);
}

/* What is printed when all lines have come. */
struct status {
	int64_t uptime_ms;
	long pid;
	char version[64], state[128], log[16], clients[CTL_TEXT_SIZE],
	    max_clients[CTL_TEXT_SIZE];
	struct buf listens, restarts, alarms; /* texts, each with a NUL */
};

static void
add_text(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text) + 1);
}

static void
add_process(struct status *s, char *line)
{
	char text[256], ago[CTL_TEXT_SIZE];
	struct record r;

	record_parse(&r, line);
	if (strcmp(record_text(&r, "role"), "master") == 0) {
		s->pid = (long)record_number(&r, "pid");
		return;
	}
	if (record_number(&r, "restarts") == 0)
		return;
	snprintf(text, sizeof(text), "%s %" PRId64 ", the last %s ago: it %s",
	    record_text(&r, "role"), record_number(&r, "restarts"),
	    ctl_format_time(ago, record_number(&r, "ended-ms")),
	    record_text(&r, "end"));
	add_text(&s->restarts, text);
}

/* Sets a text if the line is about it. */
static void
take_text(const char *line, const char *name, char *to, size_t size)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) == 0 && line[n] == ' ')
		(void)snprintf(to, size, "%s", line + n + 1);
}

static void
take_status(struct ctl *ctl, void *arg, char *line)
{
	struct status *s = arg;
	char uptime[CTL_TEXT_SIZE] = "";

	(void)ctl;
	take_text(line, "version", s->version, sizeof(s->version));
	take_text(line, "state", s->state, sizeof(s->state));
	take_text(line, "log", s->log, sizeof(s->log));
	take_text(line, "clients", s->clients, sizeof(s->clients));
	take_text(line, "max-clients", s->max_clients, sizeof(s->max_clients));
	take_text(line, "uptime-ms", uptime, sizeof(uptime));
	if (uptime[0] != '\0')
		(void)sscanf(uptime, "%" SCNd64, &s->uptime_ms);
	if (strncmp(line, "listen ", 7) == 0)
		add_text(&s->listens, line + 7);
	else if (strncmp(line, "alarm ", 6) == 0)
		add_text(&s->alarms, line + 6);
	else if (strncmp(line, "process ", 8) == 0)
		add_process(s, line);
}

static void
print_texts(const char *name, const struct buf *texts)
{
	const char *p = (const char *)buf_data(texts), *end;

	if (buf_size(texts) == 0) {
		print_row(name, "none");
		return;
	}
	for (end = p + buf_size(texts); p < end; p += strlen(p) + 1) {
		print_row(name, p);
		name = "";
	}
}

static void
print_status(const struct status *s)
{
	char text[2 * CTL_TEXT_SIZE + 8];

	printf("kvd %s (pid %ld): %s\n", s->version, s->pid, s->state);
	print_row("uptime", ctl_format_time(text, s->uptime_ms));
	print_texts("listening", &s->listens);
	snprintf(text, sizeof(text), "%s of %s", s->clients, s->max_clients);
	print_row("clients", text);
	print_row("log", s->log);
	print_texts("restarts", &s->restarts);
	print_texts("alarms", &s->alarms);
}

int
show_status(struct ctl *ctl, const char *argument)
{
	struct status s = { .uptime_ms = 0 };
	int status;

	buf_init(&s.listens);
	buf_init(&s.restarts);
	buf_init(&s.alarms);
	status = ctl_ask(ctl, "status", argument, take_status, &s);
	if (status == CTL_DONE)
		print_status(&s);
	buf_clear(&s.listens);
	buf_clear(&s.restarts);
	buf_clear(&s.alarms);
	return ctl_complain(ctl, status);
}

static void
take_tree(struct ctl *ctl, void *arg, char *line)
{
	char uptime[CTL_TEXT_SIZE], ago[CTL_TEXT_SIZE];
	struct record r;
	const char *role;

	(void)ctl;
	(void)arg;
	record_parse(&r, line);
	role = record_text(&r, "role");
	if (strcmp(r.word, "process") != 0)
		return;
	printf("%8" PRId64 "  %-8s %8s %8" PRId64 "  %s%s",
	    record_number(&r, "pid"), record_text(&r, "state"),
	    ctl_format_time(uptime, record_number(&r, "uptime-ms")),
	    record_number(&r, "restarts"),
	    strcmp(role, "master") == 0 ? "" : " `- ", role);
	if (record_text(&r, "end")[0] != '\0')
		printf(": the last %s %s ago", record_text(&r, "end"),
		    ctl_format_time(ago, record_number(&r, "ended-ms")));
	putchar('\n');
}

int
show_tree(struct ctl *ctl, const char *argument)
{
	printf("%8s  %-8s %8s %8s  %s\n", "PID", "STATE", "UPTIME", "RESTARTS",
	    "PROCESS");
	return ctl_complain(ctl,
	    ctl_ask(ctl, "tree", argument, take_tree, NULL));
}
