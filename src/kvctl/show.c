/*
 * show: status and tree.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kvctl/ctl_format.h"
#include "kvctl/record.h"
#include "kvctl/show.h"
#include "kvctl/stats.h"
#include "kvctl/view.h"

/* Operations are counted for so long. */
#define SAMPLE_MS 500

/* Prints a row of the screen.  Rows that belong to the one before have no
 * name. */
static void
print_row(const char *name, const char *value)
{
	printf("%-12s %s\n", name, value);
}

static void
print_texts(const char *name, const struct buf *texts)
{
	const char *text = NULL;

	if (buf_size(texts) == 0)
		print_row(name, "none");
	while ((text = view_next_text(texts, text)) != NULL) {
		print_row(name, text);
		name = "";
	}
}

/* How far the log is brought into data.mdb. */
static void
print_checkpoint(const struct stats *s)
{
	uint64_t done = stats_number(s, "fold-done"),
		 total = stats_number(s, "fold-keys"),
		 bytes = stats_number(s, "log-bytes");
	char text[128], size[CTL_TEXT_SIZE], all[CTL_TEXT_SIZE];

	if (total > 0)
		snprintf(text, sizeof(text),
		    "under way, %" PRIu64 " of %" PRIu64 " keys", done, total);
	else if (bytes == 0)
		(void)strlcpy(text, "data.mdb has everything", sizeof(text));
	else
		snprintf(text, sizeof(text),
		    "none under way; the log has %s of %s to come",
		    ctl_format_size(size, bytes),
		    ctl_format_size(all, stats_number(s, "log-size")));
	print_row("checkpoint", text);
}

static void
print_store(const struct stats *before, const struct stats *now)
{
	char text[128], disk[CTL_TEXT_SIZE], used[CTL_TEXT_SIZE];
	int64_t ms = now->uptime_ms - before->uptime_ms;
	uint64_t calls = stats_number(now, "command-time") -
	    stats_number(before, "command-time");

	snprintf(text, sizeof(text), "%" PRIu64, stats_number(now, "buckets"));
	print_row("buckets", text);
	snprintf(text, sizeof(text), "%" PRIu64, stats_number(now, "keys"));
	print_row("keys", text);
	snprintf(text, sizeof(text), "%s on the disk, %s of them used",
	    ctl_format_size(disk, stats_number(now, "file-bytes")),
	    ctl_format_size(used, stats_number(now, "used-bytes")));
	print_row("store", text);
	snprintf(text, sizeof(text), "%.0f a second",
	    ms <= 0 ? 0.0 : (double)calls * 1000 / (double)ms);
	print_row("operations", text);
	print_checkpoint(now);
}

/* Without the keyword `scrub' there is no such row. */
static void
print_scrub(const struct view_status *s)
{
	char text[128] = "", at[32], next[CTL_TEXT_SIZE];
	time_t ended = (time_t)s->scrub_ended_s;
	struct tm tm;

	if (s->scrub[0] == '\0' || strcmp(s->scrub, "off") == 0)
		return;
	if (ended != 0 && localtime_r(&ended, &tm) != NULL) {
		(void)strftime(at, sizeof(at), "%Y-%m-%d %H:%M", &tm);
		snprintf(text, sizeof(text), "%s at %s; ",
		    s->scrub_found == 0 ? "store OK" : "store damaged", at);
	}
	if (strcmp(s->scrub, "running") == 0)
		(void)strlcat(text, "another one is under way", sizeof(text));
	else {
		(void)strlcat(text, "the next one in ", sizeof(text));
		(void)strlcat(text, ctl_format_time(next, s->scrub_next_ms),
		    sizeof(text));
	}
	print_row("scrub", text);
}

static void
print_status(struct view_status *s, const struct stats *before,
    const struct stats *now)
{
	char text[2 * CTL_TEXT_SIZE + 8];

	printf("kvd %s (pid %ld): %s\n", s->version, s->pid, s->state);
	print_row("uptime", ctl_format_time(text, s->uptime_ms));
	print_texts("listening", &s->listens);
	snprintf(text, sizeof(text), "%" PRId64 " of %" PRId64, s->clients,
	    s->max_clients);
	print_row("clients", text);
	print_store(before, now);
	print_row("log", s->log);
	print_scrub(s);
	print_texts("restarts", &s->restarts);
	if (stats_number(now, "held") > 0)
		view_add_text(&s->alarms,
		    "writes wait for the checkpointer: is the disk slow, or "
		    "full?");
	print_texts("alarms", &s->alarms);
}

int
show_status(struct ctl *ctl, const char *argument)
{
	static const struct timespec sample = { .tv_nsec =
						    SAMPLE_MS * 1000000 };
	struct stats *before = NULL, *now = NULL;
	struct view_status s;
	int status;

	(void)argument;
	status = view_status_get(ctl, &s);
	if (status == CTL_DONE)
		status = stats_get(ctl, &before);
	if (status == CTL_DONE) {
		(void)nanosleep(&sample, NULL);
		status = stats_get(ctl, &now);
	}
	if (status == CTL_DONE)
		print_status(&s, before, now);
	view_status_clear(&s);
	stats_free(before);
	stats_free(now);
	return ctl_complain(ctl, status);
}

/* tree: processes and clients, collected before they are printed. */

struct process {
	long pid;
	int64_t uptime_ms, restarts, ended_ms;
	char role[16], state[16], end[80];
};

struct worker {
	long pid, parent;
	int64_t age_ms;
	bool busy;
	char peer[80];
};

struct tree {
	struct buf processes, workers;
};

static void
take_tree(struct ctl *ctl, void *arg, char *line)
{
	struct tree *tree = arg;
	struct process p;
	struct worker w;
	struct record r;

	(void)ctl;
	record_parse(&r, line);
	if (strcmp(r.word, "process") == 0) {
		p = (struct process){ .pid = (long)record_number(&r, "pid"),
			.uptime_ms = record_number(&r, "uptime-ms"),
			.restarts = record_number(&r, "restarts"),
			.ended_ms = record_number(&r, "ended-ms") };
		(void)strlcpy(p.role, record_text(&r, "role"), sizeof(p.role));
		(void)strlcpy(p.state, record_text(&r, "state"),
		    sizeof(p.state));
		(void)strlcpy(p.end, record_text(&r, "end"), sizeof(p.end));
		buf_append(&tree->processes, &p, sizeof(p));
	} else if (strcmp(r.word, "client") == 0) {
		w = (struct worker){ .pid = (long)record_number(&r, "pid"),
			.parent = (long)record_number(&r, "parent"),
			.age_ms = record_number(&r, "age-ms"),
			.busy = strcmp(record_text(&r, "command"), "-") != 0 };
		(void)strlcpy(w.peer, record_text(&r, "peer"), sizeof(w.peer));
		buf_append(&tree->workers, &w, sizeof(w));
	}
}

/* The workers of this process; of the master those that it has adopted. */
static void
print_workers(const struct tree *tree, long parent, const char *indent)
{
	const struct worker *w = (const void *)buf_data(&tree->workers);
	size_t n = buf_size(&tree->workers) / sizeof(*w);
	char uptime[CTL_TEXT_SIZE];

	for (; n > 0; n--, w++)
		if (w->parent == parent)
			printf("%8ld  %-8s %8s %8s  %s`- worker %s\n", w->pid,
			    w->busy ? "busy" : "idle",
			    ctl_format_time(uptime, w->age_ms), "-", indent,
			    w->peer);
}

static void
print_process(const struct process *p, bool is_master)
{
	char uptime[CTL_TEXT_SIZE], ago[CTL_TEXT_SIZE];

	printf("%8ld  %-8s %8s %8" PRId64 "  %s%s", p->pid, p->state,
	    ctl_format_time(uptime, p->uptime_ms), p->restarts,
	    is_master ? "" : " `- ", p->role);
	if (p->end[0] != '\0')
		printf(": the last %s %s ago", p->end,
		    ctl_format_time(ago, p->ended_ms));
	putchar('\n');
}

static void
print_tree(const struct tree *tree)
{
	const struct process *p = (const void *)buf_data(&tree->processes);
	size_t n = buf_size(&tree->processes) / sizeof(*p), i;

	printf("%8s  %-8s %8s %8s  %s\n", "PID", "STATE", "UPTIME", "RESTARTS",
	    "PROCESS");
	for (i = 0; i < n; i++) {
		print_process(&p[i], i == 0);
		if (i > 0 && p[i].pid != 0)
			print_workers(tree, p[i].pid, "     ");
	}
	if (n > 0)
		print_workers(tree, p[0].pid, " ");
}

int
show_tree(struct ctl *ctl, const char *argument)
{
	struct tree tree;
	int status;

	buf_init(&tree.processes);
	buf_init(&tree.workers);
	status = ctl_ask(ctl, "tree", argument, take_tree, &tree);
	if (buf_failed(&tree.processes) || buf_failed(&tree.workers)) {
		(void)strlcpy(ctl->conn.error, "out of memory",
		    sizeof(ctl->conn.error));
		status = CTL_FAILED;
	}
	if (status == CTL_DONE)
		print_tree(&tree);
	buf_clear(&tree.processes);
	buf_clear(&tree.workers);
	return ctl_complain(ctl, status);
}
