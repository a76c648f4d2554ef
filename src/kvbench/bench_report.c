/*
 * bench_report: results in words and in JSON.  Runs in kvbench.
 */

#include <stdlib.h>
#include <string.h>

#include "kvbench/bench_load.h"
#include "kvbench/bench_report.h"

#define US(ns) ((double)(ns) / 1000)

static const struct {
	const char *title; /* of a column of the text */
	const char *name; /* of a member of the JSON object */
	unsigned int per_mille;
} quantiles[] = {
	{ "p50", "p50", 500 },
	{ "p90", "p90", 900 },
	{ "p99", "p99", 990 },
	{ "p99.9", "p99_9", 999 },
	{ "max", "max", 1000 },
};

#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static const char *const order_names[] = {
	[KEYS_UNIFORM] = "uniform",
	[KEYS_ZIPF] = "zipf",
	[KEYS_SEQUENTIAL] = "sequential",
};

static void
sum_times(const struct tally *t, struct histogram *all)
{
	size_t i;

	memset(all, 0, sizeof(*all));
	for (i = 0; i < OP_COUNT; i++)
		histogram_add(all, &t->times[i]);
}

static void
print_setting(FILE *f, const struct bench_options *o,
    const struct bench_result *r)
{
	char mix[128];

	mix_print(&o->mix, mix, sizeof(mix));
	fprintf(f, "%s at %s: %s, %zu client%s", o->protocol->name, r->server,
	    mix, o->clients, o->clients == 1 ? "" : "s");
	if (o->churn)
		fprintf(f, ", a connection for each request");
	else
		fprintf(f, ", %zu in flight", o->depth);
	if (o->rate > 0)
		fprintf(f, ", %.0f a second wanted", o->rate);
	fprintf(f, "\n%llu keys, %s", (unsigned long long)o->keys,
	    order_names[o->order]);
	if (o->order == KEYS_ZIPF)
		fprintf(f, " (%g)", o->exponent);
	if (o->size_min == o->size_max)
		fprintf(f, ", values of %zu bytes\n", o->size_min);
	else
		fprintf(f, ", values of %zu to %zu bytes\n", o->size_min,
		    o->size_max);
}

static void
print_times(FILE *f, const char *name, const struct histogram *h)
{
	size_t i;

	fprintf(f, "%-8s %10llu %10.1f", name, (unsigned long long)h->count,
	    US(histogram_mean(h)));
	for (i = 0; i < QUANTILES; i++)
		fprintf(f, " %10.1f",
		    US(histogram_quantile(h, quantiles[i].per_mille)));
	fprintf(f, "\n");
}

static void
print_all_times(FILE *f, const struct tally *t)
{
	struct histogram all;
	size_t i, n = 0;

	fprintf(f, "%-8s %10s %10s", "us", "requests", "mean");
	for (i = 0; i < QUANTILES; i++)
		fprintf(f, " %10s", quantiles[i].title);
	fprintf(f, "\n");
	for (i = 0; i < OP_COUNT; i++)
		if (t->times[i].count > 0) {
			print_times(f, mix_name((enum op)i), &t->times[i]);
			n++;
		}
	if (n != 1) {
		sum_times(t, &all);
		print_times(f, "all", &all);
	}
}

static int
compare_seconds(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* How evenly the server has worked. */
static void
print_seconds(FILE *f, const struct tally *t)
{
	uint32_t sorted[TALLY_SECONDS_MAX];
	size_t n = tally_whole_seconds(t);

	if (n < 2)
		return;
	memcpy(sorted, t->by_second, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), compare_seconds);
	fprintf(f, "second by second: %u at least, %u in the median\n",
	    sorted[0], sorted[n / 2]);
}

void
bench_report_text(FILE *f, const struct bench_options *o,
    const struct bench_result *r)
{
	const struct tally *t = &r->run;

	print_setting(f, o, r);
	if (o->fill)
		fprintf(f, "filled: %llu keys in %.3f s, %.0f a second\n",
		    (unsigned long long)r->fill.done, tally_seconds(&r->fill),
		    tally_rate(&r->fill));
	if (o->requests == 0)
		return;
	fprintf(f, "%llu requests in %.3f s, %.0f a second",
	    (unsigned long long)t->done, tally_seconds(t), tally_rate(t));
	if (t->absent > 0)
		fprintf(f, "; %llu keys not there",
		    (unsigned long long)t->absent);
	if (t->unsent > 0)
		fprintf(f, "; %llu due but not sent in time",
		    (unsigned long long)t->unsent);
	fprintf(f, "\n");
	print_seconds(f, t);
	if (t->errors + r->fill.errors > 0)
		fprintf(f, "%llu errors, the first: %s\n",
		    (unsigned long long)(t->errors + r->fill.errors),
		    r->fill.error[0] == '\0' ? t->error : r->fill.error);
	print_all_times(f, t);
}

/* JSON */

static void
json_string(FILE *f, const char *text)
{
	const unsigned char *p;

	fputc('"', f);
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else if (*p < ' ' || *p > '~')
			/* The encoding of a path is not known. */
			fprintf(f, "\\u%04x", *p);
		else
			fputc(*p, f);
	fputc('"', f);
}

static void
json_times(FILE *f, const struct histogram *h)
{
	size_t i;

	fprintf(f, "{\"requests\":%llu,\"mean_us\":%.1f",
	    (unsigned long long)h->count, US(histogram_mean(h)));
	for (i = 0; i < QUANTILES; i++)
		fprintf(f, ",\"%s_us\":%.1f", quantiles[i].name,
		    US(histogram_quantile(h, quantiles[i].per_mille)));
	fprintf(f, "}");
}

static void
json_setting(FILE *f, const struct bench_options *o,
    const struct bench_result *r)
{
	char mix[128];

	mix_print(&o->mix, mix, sizeof(mix));
	fprintf(f, "\"protocol\":\"%s\",\"server\":", o->protocol->name);
	json_string(f, r->server);
	fprintf(f,
	    ",\"mix\":\"%s\",\"clients\":%zu,\"in_flight\":%zu,"
	    "\"threads\":%zu,\"churn\":%s,\"wanted_per_second\":%.3f",
	    mix, o->clients, o->depth, o->threads, o->churn ? "true" : "false",
	    o->rate);
	fprintf(f, ",\"keys\":%llu,\"distribution\":\"%s\"",
	    (unsigned long long)o->keys, order_names[o->order]);
	if (o->order == KEYS_ZIPF)
		fprintf(f, ",\"exponent\":%g", o->exponent);
	fprintf(f, ",\"value_min\":%zu,\"value_max\":%zu", o->size_min,
	    o->size_max);
}

static void
json_seconds(FILE *f, const struct tally *t)
{
	size_t i, n = tally_whole_seconds(t);

	fprintf(f, ",\"by_second\":[");
	for (i = 0; i < n; i++)
		fprintf(f, "%s%u", i == 0 ? "" : ",", t->by_second[i]);
	fprintf(f, "]");
}

static void
json_tally(FILE *f, const struct tally *t)
{
	struct histogram all;
	size_t i, n = 0;

	fprintf(f,
	    "{\"requests\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,"
	    "\"absent\":%llu,\"errors\":%llu,\"unsent\":%llu,"
	    "\"first_error\":",
	    (unsigned long long)t->done, tally_seconds(t), tally_rate(t),
	    (unsigned long long)t->absent, (unsigned long long)t->errors,
	    (unsigned long long)t->unsent);
	json_string(f, t->error);
	json_seconds(f, t);
	sum_times(t, &all);
	fprintf(f, ",\"latency\":");
	json_times(f, &all);
	fprintf(f, ",\"by_request\":{");
	for (i = 0; i < OP_COUNT; i++) {
		if (t->times[i].count == 0)
			continue;
		fprintf(f, "%s\"%s\":", n++ == 0 ? "" : ",",
		    mix_name((enum op)i));
		json_times(f, &t->times[i]);
	}
	fprintf(f, "}}");
}

void
bench_report_json(FILE *f, const struct bench_options *o,
    const struct bench_result *r)
{
	fprintf(f, "{");
	json_setting(f, o, r);
	if (o->fill) {
		fprintf(f, ",\"fill\":");
		json_tally(f, &r->fill);
	}
	fprintf(f, ",\"run\":");
	json_tally(f, &r->run);
	fprintf(f, "}\n");
}
