/*
 * outcome: see outcome.h.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "stress/outcome.h"

void
outcome_init(struct outcome *o, bool verbose)
{
	memset(o, 0, sizeof(*o));
	o->verbose = verbose;
	o->started_ms = clock_ms();
}

__attribute__((format(printf, 2, 0))) static void
print_line(const struct outcome *o, const char *format, va_list args)
{
	printf("after %.3f s: ", (double)(clock_ms() - o->started_ms) / 1000);
	(void)vprintf(format, args);
	printf("\n");
	(void)fflush(stdout);
}

void
outcome_failure(struct outcome *o, uint64_t *count, const char *format, ...)
{
	va_list args;

	(*count)++;
	o->failed = true;
	va_start(args, format);
	print_line(o, format, args);
	va_end(args);
}

void
outcome_note(const struct outcome *o, const char *format, ...)
{
	va_list args;

	if (!o->verbose)
		return;
	va_start(args, format);
	print_line(o, format, args);
	va_end(args);
}

static void
print_count(const char *name, uint64_t count)
{
	printf("%-20s%" PRIu64 "\n", name, count);
}

static void
print_wrong(const struct outcome *o)
{
	print_count("stale", o->stale);
	print_count("own-stale", o->own_stale);
	print_count("never-written", o->unsent);
	print_count("half-transactions", o->half);
	print_count("torn", o->torn);
	print_count("expired-late", o->late);
	print_count("expired-early", o->early);
	print_count("error-replies", o->errors);
	print_count("disconnected", o->disconnected);
	print_count("hung", o->hung);
	print_count("other-failures", o->other);
}

void
outcome_print(const struct outcome *o)
{
	uint64_t ms = o->run_ms > 0 ? (uint64_t)o->run_ms : 1;

	print_count("reads", o->reads);
	print_count("reads-a-second", o->reads * 1000 / ms);
	print_count("own-reads", o->own_reads);
	print_count("absent", o->absent);
	print_count("no-bucket", o->no_bucket);
	print_count("read-transactions", o->transactions);
	print_count("unchecked", o->unchecked);
	print_count("writes", o->writes);
	print_count("aborted", o->aborted);
	print_count("drops", o->drops);
	print_count("connections", o->connections);
	print_count("reset-connecting", o->resets);
	print_count("killed-registry", o->killed_registries);
	print_count("killed-acceptor", o->killed_acceptors);
	print_count("longest-stall-ms", (uint64_t)o->stall_ms);
	print_wrong(o);
	printf("%-20s%s\n", "verdict", o->failed ? "FAILED" : "good");
	(void)fflush(stdout);
}
