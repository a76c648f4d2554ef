/*
 * report: see report.h.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "torture/report.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
/* The number of failures that are printed; more would say nothing new. */
#define FAILURES_MAX 20

void
report_init(struct report *r, const struct options *o)
{
	memset(r, 0, sizeof(*r));
	r->verbose = o->verbose;
	r->started_ms = clock_ms();
}

static const struct {
	const char *name;
	size_t offset;
} failures[] = {
	{ "lost", offsetof(struct report, lost) },
	{ "duplicated", offsetof(struct report, duplicated) },
	{ "wrong-replies", offsetof(struct report, wrong) },
	{ "error-replies", offsetof(struct report, errors) },
	{ "disconnected", offsetof(struct report, disconnected) },
	{ "hung", offsetof(struct report, hung) },
	{ "leaked-descriptors", offsetof(struct report, descriptors) },
	{ "leaked-zombies", offsetof(struct report, zombies) },
	{ "leaked-processes", offsetof(struct report, processes) },
	{ "unexpected-deaths", offsetof(struct report, deaths) },
	{ "complaints", offsetof(struct report, complaints) },
	{ "wrong-backups", offsetof(struct report, copies) },
	{ "other-failures", offsetof(struct report, other) },
};

static uint64_t
failure_count(const struct report *r, size_t i)
{
	uint64_t count;

	memcpy(&count, (const char *)r + failures[i].offset, sizeof(count));
	return count;
}

static uint64_t
count_failures(const struct report *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < COUNT(failures); i++)
		sum += failure_count(r, i);
	return sum;
}

__attribute__((format(printf, 2, 0))) static void
print_event(const struct report *r, const char *format, va_list args)
{
	printf("after %.3f s: ", (double)(clock_ms() - r->started_ms) / 1000);
	(void)vprintf(format, args);
	printf("\n");
	(void)fflush(stdout);
}

void
report_failure(struct report *r, uint64_t *count, const char *format, ...)
{
	va_list args;

	(*count)++;
	r->failed = true;
	if (count_failures(r) > FAILURES_MAX)
		return;
	va_start(args, format);
	print_event(r, format, args);
	va_end(args);
}

void
report_note(const struct report *r, const char *format, ...)
{
	va_list args;

	if (!r->verbose)
		return;
	va_start(args, format);
	print_event(r, format, args);
	va_end(args);
}

static void
print_role(const struct report *r, enum role role)
{
	uint64_t killed = 0;
	int i;

	for (i = 0; i < BLOWS; i++)
		if (i != BLOW_STOP)
			killed += r->blows[role][i];
	printf("killed-%-13s%" PRIu64 " (", role_names[role].text, killed);
	for (i = 0; i < BLOWS; i++)
		printf("%s%s %" PRIu64, i == 0 ? "" : ", ", blow_names[i].text,
		    r->blows[role][i]);
	printf(")\n");
}

static void
print_count(const char *name, uint64_t count)
{
	printf("%-20s%" PRIu64 "\n", name, count);
}

void
report_print(const struct report *r)
{
	size_t i;

	for (i = 0; i < ROLES; i++)
		print_role(r, (enum role)i);
	print_count("family-stopped", r->families);
	print_count("answered", r->requests);
	print_count("writes", r->writes);
	print_count("connections", r->connections);
	print_count("events", r->events);
	print_count("events-missed", r->missed);
	print_count("events-lagged", r->lagged);
	print_count("backups", r->backups);
	print_count("backups-exact", r->exact);
	print_count("backups-refused", r->refused);
	print_count("cut-off", r->cut_off);
	print_count("reset-connecting", r->resets);
	print_count("longest-stall-ms", (uint64_t)r->stall_ms);
	print_count("new-client-ms", (uint64_t)r->fresh_ms);
	print_count("longest-restart-ms", (uint64_t)r->restart_ms);
	for (i = 0; i < COUNT(failures); i++)
		print_count(failures[i].name, failure_count(r, i));
	printf("%-20s%s\n", "verdict", r->failed ? "FAILED" : "good");
	(void)fflush(stdout);
}
