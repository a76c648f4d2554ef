/*
 * stats_show: prints all counters.
 *
 * The format for Prometheus is version 0.0.4 of its text format:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#include <ctype.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kvctl/ctl_format.h"
#include "kvctl/stats.h"
#include "kvctl/stats_show.h"

#define NAME_SIZE 96

/* For people: a name and a number a line.  What is 0 of a name with labels is
 * left out. */

static void
print_times(const struct stats *s, const char *name,
    const struct stats_value *v)
{
	printf("%-44s %" PRIu64, name, v->number);
	if (v->number > 0)
		printf(" (mean %" PRIu64 " us, half below %" PRIu64
		       " us, 99%% below %" PRIu64 " us)",
		    v->sum_us / v->number, stats_quantile(s, v, 0.5),
		    stats_quantile(s, v, 0.99));
	putchar('\n');
}

static void
print_text(const struct stats *s)
{
	const struct stats_family *f;
	const struct stats_value *v;
	char name[NAME_SIZE];

	for (f = s->families; f < s->families + s->count; f++)
		for (v = f->values; v < f->values + f->count; v++) {
			(void)strlcpy(name, f->name, sizeof(name));
			if (strcmp(f->label, "-") != 0) {
				if (v->number == 0)
					continue;
				(void)strlcat(name, " ", sizeof(name));
				(void)strlcat(name, v->label, sizeof(name));
			}
			if (f->kind == STATS_HISTOGRAM)
				print_times(s, name, v);
			else
				printf("%-44s %" PRIu64 "\n", name, v->number);
		}
}

/* JSON: an object with a member for each name.  Names and labels need no
 * escapes. */

static void
print_json_value(const struct stats *s, const struct stats_family *f,
    const struct stats_value *v)
{
	size_t i;

	if (f->kind != STATS_HISTOGRAM) {
		printf("%" PRIu64, v->number);
		return;
	}
	printf("{\"count\":%" PRIu64 ",\"sum-us\":%" PRIu64 ",\"buckets\":[",
	    v->number, v->sum_us);
	for (i = 0; i <= s->bounds; i++)
		printf("%s%" PRIu64, i == 0 ? "" : ",", v->buckets[i]);
	printf("]}");
}

static void
print_json_family(const struct stats *s, const struct stats_family *f)
{
	size_t i;

	printf(",\n  \"%s\": ", f->name);
	if (strcmp(f->label, "-") == 0 && f->count == 1) {
		print_json_value(s, f, &f->values[0]);
		return;
	}
	putchar('{');
	for (i = 0; i < f->count; i++) {
		printf("%s\n    \"%s\": ", i == 0 ? "" : ",",
		    f->values[i].label);
		print_json_value(s, f, &f->values[i]);
	}
	printf("\n  }");
}

static void
print_json(const struct stats *s)
{
	size_t i;

	printf("{\n  \"version\": \"%s\",\n  \"uptime-ms\": %" PRId64
	       ",\n  \"max-clients\": %" PRId64 ",\n  \"bounds-us\": [",
	    s->version, s->uptime_ms, s->max_clients);
	for (i = 0; i < s->bounds; i++)
		printf("%s%" PRIu64, i == 0 ? "" : ",", s->bounds_us[i]);
	putchar(']');
	for (i = 0; i < s->count; i++)
		print_json_family(s, &s->families[i]);
	puts("\n}");
}

/* Prometheus */

/* "commit-time" becomes kvd_commit_time_seconds, and a counter ends in
 * _total. */
static void
metric_name(const struct stats_family *f, char name[NAME_SIZE])
{
	static const char *const ends[] = { [STATS_COUNTER] = "_total",
		[STATS_GAUGE] = "",
		[STATS_HISTOGRAM] = "_seconds" };
	char *p;

	snprintf(name, NAME_SIZE, "kvd_%s%s", f->name, ends[f->kind]);
	for (p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
}

static void
print_head(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The labels of a line, with braces, if there are any. */
static void
print_labels(const struct stats_family *f, const struct stats_value *v,
    const char *bound)
{
	bool labeled = strcmp(f->label, "-") != 0;

	if (!labeled && bound == NULL)
		return;
	putchar('{');
	if (labeled)
		printf("%s=\"%s\"%s", f->label, v->label,
		    bound == NULL ? "" : ",");
	if (bound != NULL)
		printf("le=\"%s\"", bound);
	putchar('}');
}

static void
print_metric_histogram(const struct stats *s, const char *name,
    const struct stats_family *f, const struct stats_value *v)
{
	uint64_t below = 0;
	char bound[32];
	size_t i;

	for (i = 0; i <= s->bounds; i++) {
		below += v->buckets[i];
		if (i == s->bounds)
			(void)strlcpy(bound, "+Inf", sizeof(bound));
		else
			snprintf(bound, sizeof(bound), "%.6f",
			    (double)s->bounds_us[i] / 1e6);
		printf("%s_bucket", name);
		print_labels(f, v, bound);
		printf(" %" PRIu64 "\n", below);
	}
	printf("%s_sum", name);
	print_labels(f, v, NULL);
	printf(" %.6f\n%s_count", (double)v->sum_us / 1e6, name);
	print_labels(f, v, NULL);
	printf(" %" PRIu64 "\n", v->number);
}

static void
print_metric(const struct stats *s, const struct stats_family *f)
{
	static const char *const types[] = { [STATS_COUNTER] = "counter",
		[STATS_GAUGE] = "gauge",
		[STATS_HISTOGRAM] = "histogram" };
	const struct stats_value *v;
	char name[NAME_SIZE];

	metric_name(f, name);
	print_head(name, types[f->kind], f->help);
	for (v = f->values; v < f->values + f->count; v++) {
		if (f->kind == STATS_HISTOGRAM) {
			print_metric_histogram(s, name, f, v);
			continue;
		}
		printf("%s", name);
		print_labels(f, v, NULL);
		printf(" %" PRIu64 "\n", v->number);
	}
}

static void
print_metrics(const struct stats *s)
{
	size_t i;

	print_head("kvd_build_info", "gauge",
	    "Always 1, with the version of kvd.");
	printf("kvd_build_info{version=\"%s\"} 1\n", s->version);
	print_head("kvd_uptime_seconds", "gauge",
	    "Time since the master was started.");
	printf("kvd_uptime_seconds %" PRId64 ".%03" PRId64 "\n",
	    s->uptime_ms / 1000, s->uptime_ms % 1000);
	print_head("kvd_max_clients", "gauge",
	    "How many clients may be connected.");
	printf("kvd_max_clients %" PRId64 "\n", s->max_clients);
	for (i = 0; i < s->count; i++)
		print_metric(s, &s->families[i]);
}

int
stats_show(struct ctl *ctl, const char *argument)
{
	struct stats *s;
	int status;

	(void)argument;
	if (ctl->options.json && ctl->options.metrics)
		errx(CTL_USAGE, "-j and -m exclude each other");
	status = stats_get(ctl, &s);
	if (status == CTL_DONE) {
		if (ctl->options.json)
			print_json(s);
		else if (ctl->options.metrics)
			print_metrics(s);
		else
			print_text(s);
	}
	stats_free(s);
	return ctl_complain(ctl, status);
}
