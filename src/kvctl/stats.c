/*
 * stats: reads the counters that the master prints.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvctl/stats.h"
#include "proto/command.h"

void
stats_free(struct stats *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->count; i++)
		free(s->families[i].values);
	free(s);
}

/* Reads numbers with commas between them.  Returns how many. */
static size_t
read_numbers(const char *text, uint64_t *numbers, size_t max)
{
	size_t n = 0;
	char *end;

	while (n < max && *text >= '0' && *text <= '9') {
		numbers[n++] = strtoull(text, &end, 10);
		if (*end != ',')
			break;
		text = end + 1;
	}
	return n;
}

static void
add_family(struct stats *s, const char *line)
{
	struct stats_family *f = &s->families[s->count];
	char kind[16];

	if (s->count == STATS_FAMILIES_MAX) {
		s->lost = true;
		return;
	}
	memset(f, 0, sizeof(*f));
	if (sscanf(line, "%47s %15s %31s %255[^\n]", f->name, kind, f->label,
		f->help) != 4)
		return;
	f->kind = strcmp(kind, "gauge") == 0 ? STATS_GAUGE :
	    strcmp(kind, "histogram") == 0   ? STATS_HISTOGRAM :
					       STATS_COUNTER;
	s->count++;
}

/* The master does not know the names of commands, only their numbers.  False:
 * nothing has this number. */
static bool
name_command(char label[32])
{
	const char *name;

	if (label[0] != '#')
		return true;
	name = command_counted((size_t)strtoul(label + 1, NULL, 10));
	if (name != NULL)
		(void)snprintf(label, 32, "%s", name);
	return name != NULL;
}

/* Adds an empty value to the family that came last, if that has this name. */
static struct stats_value *
add_value(struct stats *s, const char *name, const char *label)
{
	struct stats_family *f;
	struct stats_value *more;

	if (s->count == 0 ||
	    strcmp((f = &s->families[s->count - 1])->name, name) != 0)
		return NULL;
	more = reallocarray(f->values, f->count + 1, sizeof(*more));
	if (more == NULL) {
		s->lost = true;
		return NULL;
	}
	f->values = more;
	memset(&more[f->count], 0, sizeof(*more));
	(void)snprintf(more[f->count].label, sizeof(more->label), "%s", label);
	return &more[f->count++];
}

static void
take_value(struct stats *s, const char *line)
{
	char name[48], label[32];
	struct stats_value *v;
	uint64_t number;

	if (sscanf(line, "%47s %31s %" SCNu64, name, label, &number) == 3 &&
	    name_command(label) && (v = add_value(s, name, label)) != NULL)
		v->number = number;
}

static void
take_histogram(struct stats *s, const char *line)
{
	char name[48], label[32];
	struct stats_value *v;
	uint64_t sum_us;
	size_t n, i;
	int at = 0;

	if (sscanf(line, "%47s %31s %" SCNu64 " %n", name, label, &sum_us,
		&at) != 3 ||
	    at == 0 || !name_command(label) ||
	    (v = add_value(s, name, label)) == NULL)
		return;
	v->sum_us = sum_us;
	n = read_numbers(line + at, v->buckets, STATS_BUCKETS_MAX);
	for (i = 0; i < n; i++)
		v->number += v->buckets[i];
}

static void
take(struct ctl *ctl, void *arg, char *line)
{
	struct stats *s = arg;
	char *rest = strchr(line, ' ');

	(void)ctl;
	if (rest == NULL)
		return;
	*rest++ = '\0';
	if (strcmp(line, "family") == 0)
		add_family(s, rest);
	else if (strcmp(line, "value") == 0)
		take_value(s, rest);
	else if (strcmp(line, "histogram") == 0)
		take_histogram(s, rest);
	else if (strcmp(line, "bounds-us") == 0)
		s->bounds =
		    read_numbers(rest, s->bounds_us, STATS_BUCKETS_MAX - 1);
	else if (strcmp(line, "version") == 0)
		(void)snprintf(s->version, sizeof(s->version), "%s", rest);
	else if (strcmp(line, "uptime-ms") == 0)
		s->uptime_ms = strtoll(rest, NULL, 10);
	else if (strcmp(line, "max-clients") == 0)
		s->max_clients = strtoll(rest, NULL, 10);
}

int
stats_get(struct ctl *ctl, struct stats **stats)
{
	int status;

	if ((*stats = calloc(1, sizeof(**stats))) == NULL) {
		(void)snprintf(ctl->conn.error, sizeof(ctl->conn.error),
		    "out of memory");
		return CTL_FAILED;
	}
	status = ctl_ask(ctl, "stats", NULL, take, *stats);
	if (status == CTL_DONE && (*stats)->lost) {
		(void)snprintf(ctl->conn.error, sizeof(ctl->conn.error),
		    "out of memory");
		return CTL_FAILED;
	}
	return status;
}

const struct stats_family *
stats_find(const struct stats *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (strcmp(s->families[i].name, name) == 0)
			return &s->families[i];
	return NULL;
}

uint64_t
stats_number(const struct stats *s, const char *name)
{
	const struct stats_family *f = stats_find(s, name);
	uint64_t sum = 0;
	size_t i;

	for (i = 0; f != NULL && i < f->count; i++)
		sum += f->values[i].number;
	return sum;
}

uint64_t
stats_quantile(const struct stats *s, const struct stats_value *v, double part)
{
	double want = part * (double)v->number, below = 0;
	size_t i;

	if (v->number == 0)
		return 0;
	for (i = 0; i < s->bounds; i++) {
		below += (double)v->buckets[i];
		if (below >= want)
			return s->bounds_us[i];
	}
	/* Above the last bound nothing more is known. */
	return s->bounds == 0 ? 0 : s->bounds_us[s->bounds - 1];
}
