/*
 * view: the reply to status.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvctl/ctl_format.h"
#include "kvctl/record.h"
#include "kvctl/view.h"

void
view_add_text(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text) + 1);
}

const char *
view_next_text(const struct buf *b, const char *text)
{
	const char *first = (const char *)buf_data(b);

	if (buf_size(b) == 0)
		return NULL;
	if (text == NULL)
		return first;
	text += strlen(text) + 1;
	return text < first + buf_size(b) ? text : NULL;
}

static void
add_process(struct view_status *s, char *line)
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
	view_add_text(&s->restarts, text);
}

static void
take_scrub(struct view_status *s, char *line)
{
	struct record r;

	record_parse(&r, line);
	(void)strlcpy(s->scrub, record_text(&r, "state"), sizeof(s->scrub));
	s->scrub_next_ms = record_number(&r, "next-ms");
	s->scrub_ended_s = record_number(&r, "ended");
	s->scrub_found = record_number(&r, "found");
}

static void
take(struct ctl *ctl, void *arg, char *line)
{
	struct view_status *s = arg;
	char *value = strchr(line, ' ');
	size_t size = value == NULL ? 0 : (size_t)(value++ - line);

	(void)ctl;
#define IS(name) (size == sizeof(name) - 1 && strncmp(line, name, size) == 0)
	if (IS("version"))
		(void)strlcpy(s->version, value, sizeof(s->version));
	else if (IS("state"))
		(void)strlcpy(s->state, value, sizeof(s->state));
	else if (IS("log"))
		(void)strlcpy(s->log, value, sizeof(s->log));
	else if (IS("uptime-ms"))
		s->uptime_ms = strtoll(value, NULL, 10);
	else if (IS("clients"))
		s->clients = strtoll(value, NULL, 10);
	else if (IS("max-clients"))
		s->max_clients = strtoll(value, NULL, 10);
	else if (IS("listen"))
		view_add_text(&s->listens, value);
	else if (IS("alarm"))
		view_add_text(&s->alarms, value);
	else if (IS("scrub"))
		take_scrub(s, line);
	else if (IS("process"))
		add_process(s, line);
#undef IS
}

int
view_status_get(struct ctl *ctl, struct view_status *s)
{
	memset(s, 0, sizeof(*s));
	return ctl_ask(ctl, "status", NULL, take, s);
}

void
view_status_clear(struct view_status *s)
{
	buf_clear(&s->listens);
	buf_clear(&s->restarts);
	buf_clear(&s->alarms);
}
