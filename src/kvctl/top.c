/*
 * top: a live screen of rates, commands and clients.  It goes on when kvd ends,
 * and shows when it is back.
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "kvctl/clients.h"
#include "kvctl/ctl_format.h"
#include "kvctl/screen.h"
#include "kvctl/stats.h"
#include "kvctl/top.h"
#include "kvctl/view.h"

#define INTERVAL_MS 1000
/* How long kvd may take to say what is shown. */
#define PATIENCE_MS 2000
/* More clients than this are not listed: they would cost more than they tell. */
#define CLIENTS_MAX 2000
/* How many commands are shown at most. */
#define COMMANDS_MAX 10

struct row {
	uint64_t id, commands;
	double rate; /* commands a second since the picture before */
	char line[CLIENTS_LINE_SIZE];
};

struct picture {
	struct view_status status;
	struct stats *stats; /* NULL: there is none */
	struct row *rows; /* clients, by their ids */
	size_t count;
	bool lost; /* no memory for all rows */
};

static void
picture_clear(struct picture *p)
{
	view_status_clear(&p->status);
	stats_free(p->stats);
	free(p->rows);
	memset(p, 0, sizeof(*p));
}

static void
take_client(struct ctl *ctl, void *arg, char *text)
{
	struct picture *p = arg;
	struct record r;
	struct row *more;

	(void)ctl;
	record_parse(&r, text);
	if (p->count == CLIENTS_MAX || strcmp(r.word, "client") != 0)
		return;
	more = reallocarray(p->rows, p->count + 1, sizeof(*more));
	if (more == NULL) {
		p->lost = true;
		return;
	}
	p->rows = more;
	more[p->count] = (struct row){ .id = (uint64_t)record_number(&r, "id"),
		.commands = (uint64_t)record_number(&r, "commands") };
	clients_format(more[p->count++].line, &r);
}

static int
compare_ids(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

/* The busiest first. */
static int
compare_rates(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	if (one->rate != other->rate)
		return one->rate > other->rate ? -1 : 1;
	return compare_ids(a, b);
}

/* Returns enum ctl_status. */
static int
picture_take(struct ctl *ctl, struct picture *p)
{
	int status;

	memset(p, 0, sizeof(*p));
	ctl->conn.deadline_ms = ctl->deadline_ms = clock_ms() + PATIENCE_MS;
	if ((status = view_status_get(ctl, &p->status)) != CTL_DONE ||
	    (status = stats_get(ctl, &p->stats)) != CTL_DONE)
		return status;
	if (p->status.clients <= CLIENTS_MAX)
		status = ctl_ask(ctl, "clients", NULL, take_client, p);
	if (p->count > 0)
		qsort(p->rows, p->count, sizeof(*p->rows), compare_ids);
	return status;
}

/* Seconds between two pictures of one kvd; 0: there is none to compare with. */
static double
seconds_between(const struct picture *before, const struct picture *now)
{
	if (before->stats == NULL || before->status.pid != now->status.pid ||
	    now->stats->uptime_ms <= before->stats->uptime_ms)
		return 0;
	return (double)(now->stats->uptime_ms - before->stats->uptime_ms) /
	    1000;
}

static double
rate_of(const struct picture *before, const struct picture *now,
    const char *name)
{
	double seconds = seconds_between(before, now);

	if (seconds == 0)
		return 0;
	return ((double)stats_number(now->stats, name) -
		   (double)stats_number(before->stats, name)) /
	    seconds;
}

static void
draw_head(struct screen *s, const struct picture *before,
    const struct picture *now)
{
	char a[CTL_TEXT_SIZE], b[CTL_TEXT_SIZE], c[CTL_TEXT_SIZE];
	const char *alarm = NULL;

	screen_line(s, "kvd %s (pid %ld): %s; up %s", now->status.version,
	    now->status.pid, now->status.state,
	    ctl_format_time(a, now->status.uptime_ms));
	screen_line(s,
	    "clients %" PRId64 " of %" PRId64
	    "   operations %.0f/s   errors %.0f/s   in %s/s   out %s/s",
	    now->status.clients, now->status.max_clients,
	    rate_of(before, now, "command-time"),
	    rate_of(before, now, "command-errors"),
	    ctl_format_size(a,
		(uint64_t)rate_of(before, now, "bytes-received")),
	    ctl_format_size(b, (uint64_t)rate_of(before, now, "bytes-sent")));
	screen_line(s,
	    "keys %" PRIu64 "   commits %.0f/s   events %.0f/s   store %s   "
	    "log %s of %s",
	    stats_number(now->stats, "keys"), rate_of(before, now, "commits"),
	    rate_of(before, now, "events"),
	    ctl_format_size(a, stats_number(now->stats, "file-bytes")),
	    ctl_format_size(b, stats_number(now->stats, "log-bytes")),
	    ctl_format_size(c, stats_number(now->stats, "log-size")));
	while ((alarm = view_next_text(&now->status.alarms, alarm)) != NULL)
		screen_line(s, "ALARM %s", alarm);
	screen_line(s, "%s", "");
}

/* The calls of a command between two pictures. */
static bool
subtract(const struct picture *before, const struct picture *now, size_t i,
    struct stats_value *calls)
{
	const struct stats_family *then =
	    stats_find(before->stats, "command-time");
	const struct stats_family *f = stats_find(now->stats, "command-time");
	size_t n;

	if (then == NULL || then->count != f->count)
		return false;
	*calls = f->values[i];
	calls->number -= then->values[i].number;
	calls->sum_us -= then->values[i].sum_us;
	for (n = 0; n < STATS_BUCKETS_MAX; n++)
		calls->buckets[n] -= then->values[i].buckets[n];
	return calls->number > 0;
}

static int
compare_calls(const void *a, const void *b)
{
	const struct stats_value *one = a, *other = b;

	if (one->number != other->number)
		return one->number > other->number ? -1 : 1;
	return strcmp(one->label, other->label);
}

static void
draw_commands(struct screen *s, const struct picture *before,
    const struct picture *now)
{
	const struct stats_family *f = stats_find(now->stats, "command-time");
	double seconds = seconds_between(before, now);
	struct stats_value *calls;
	size_t i, n = 0;

	screen_line(s, "%-12s %10s %10s %10s %10s", "COMMAND", "CALLS/S",
	    "MEAN us", "50% us", "99% us");
	if (f == NULL || seconds == 0 ||
	    (calls = calloc(f->count, sizeof(*calls))) == NULL)
		return;
	for (i = 0; i < f->count; i++)
		n += subtract(before, now, i, &calls[n]);
	qsort(calls, n, sizeof(*calls), compare_calls);
	for (i = 0; i < n && i < COMMANDS_MAX; i++)
		screen_line(s,
		    "%-12s %10.0f %10" PRIu64 " %10" PRIu64 " %10" PRIu64,
		    calls[i].label, (double)calls[i].number / seconds,
		    calls[i].sum_us / calls[i].number,
		    stats_quantile(now->stats, &calls[i], 0.5),
		    stats_quantile(now->stats, &calls[i], 0.99));
	free(calls);
}

/* Fills in the rates of the clients that were in the picture before. */
static void
compare_clients(const struct picture *before, struct picture *now)
{
	double seconds = seconds_between(before, now);
	const struct row *then;
	size_t i;

	if (seconds == 0 || before->count == 0)
		return;
	for (i = 0; i < now->count; i++) {
		then = bsearch(&now->rows[i], before->rows, before->count,
		    sizeof(*before->rows), compare_ids);
		if (then != NULL)
			now->rows[i].rate =
			    (double)(now->rows[i].commands - then->commands) /
			    seconds;
	}
}

static void
draw_clients(struct screen *s, const struct picture *before,
    struct picture *now)
{
	size_t i;

	screen_line(s, "%s", "");
	if (now->status.clients > CLIENTS_MAX) {
		screen_line(s, "more than %d clients are not listed",
		    CLIENTS_MAX);
		return;
	}
	screen_line(s, "%9s %s", "OPS/S", clients_head);
	compare_clients(before, now);
	if (now->count > 0)
		qsort(now->rows, now->count, sizeof(*now->rows), compare_rates);
	for (i = 0; i < now->count && screen_left(s) > 0; i++)
		screen_line(s, "%9.0f %s", now->rows[i].rate,
		    now->rows[i].line);
	/* For the next picture. */
	if (now->count > 0)
		qsort(now->rows, now->count, sizeof(*now->rows), compare_ids);
}

static int
draw(struct screen *s, const struct picture *before, struct picture *now)
{
	screen_begin(s);
	draw_head(s, before, now);
	draw_commands(s, before, now);
	draw_clients(s, before, now);
	return screen_end(s);
}

static int
draw_error(struct screen *s, const struct ctl *ctl)
{
	screen_begin(s);
	screen_line(s, "%s", ctl->conn.error);
	screen_line(s, "%s",
	    "q quits; otherwise this goes on when kvd is back");
	return screen_end(s);
}

/* Shows pictures until somebody wants no more.  Returns enum ctl_status. */
static int
run(struct ctl *ctl, struct screen *s)
{
	struct picture before = { .count = 0 }, now = { .count = 0 };
	enum screen_event event = SCREEN_TIMEOUT;
	int64_t next_ms = clock_ms();
	int status = CTL_DONE, rc = 0;

	while (rc == 0 && event != SCREEN_QUIT) {
		if (event == SCREEN_TIMEOUT) {
			next_ms = clock_ms() + INTERVAL_MS;
			picture_clear(&before);
			before = now;
			status = picture_take(ctl, &now);
			if (status != CTL_DONE)
				ctl_conn_close(&ctl->conn);
		}
		rc = status == CTL_DONE ? draw(s, &before, &now) :
					  draw_error(s, ctl);
		if (rc == 0)
			event = screen_wait(s, next_ms);
	}
	picture_clear(&before);
	picture_clear(&now);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

int
top_show(struct ctl *ctl, const char *argument)
{
	struct screen screen;
	int status;

	(void)argument;
	if (screen_open(&screen) == -1)
		err(CTL_FAILED, "top needs a terminal");
	status = run(ctl, &screen);
	screen_close(&screen);
	return status;
}
