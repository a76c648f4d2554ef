/*
 * slow: logs slow commands.  Runs in the worker.  Names come from the client:
 * they are logged quoted and escaped, as they are in the protocol.
 */

#include "common/log.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/schema.h"
#include "worker/slow.h"

/* Lines in LOG_LIMIT_MS. */
#define LINES_MAX 10

static void
report(struct worker *w, int64_t us, const char *name, struct bytes bucket,
    struct bytes key)
{
	struct bytes words[3] = { bytes_from_text(name) };
	unsigned long skipped;
	uint8_t memory[256];
	struct buf line;
	size_t n = 1;

	if (!log_limit_allows_some(&w->slow_lines, LINES_MAX, clock_ms(),
		&skipped))
		return;
	if (bucket.size > 0)
		words[n++] = bucket;
	if (key.size > 0)
		words[n++] = key;
	buf_init_with(&line, memory, sizeof(memory));
	format_line(&line, words, n);
	if (!buf_failed(&line))
		log_warnx("connection %llu: slow command, %lld.%03llds: %.*s",
		    (unsigned long long)w->account.id, (long long)us / 1000000,
		    (long long)us / 1000 % 1000, (int)buf_size(&line) - 2,
		    (const char *)buf_data(&line));
	log_suppressed(skipped);
	buf_clear(&line);
}

static bool
is_slow(const struct worker *w, int64_t us)
{
	return w->config->slow_command_ms > 0 &&
	    us >= w->config->slow_command_ms * 1000;
}

void
slow_check(struct worker *w, int64_t us)
{
	const struct message *request = &w->link.request;
	struct bytes none = { "", 0 };
	struct fields asked = { .bucket = none, .key = none };

	if (!is_slow(w, us))
		return;
	if (!schema_get(schema_find(request->type), request->body,
		(size_t)w->config->max_value, &asked))
		asked.bucket = asked.key = none;
	report(w, us, command_counted(command_number_of(request->type)),
	    asked.bucket, asked.key);
}

void
slow_check_listing(struct worker *w, struct bytes bucket, int64_t us)
{
	struct bytes none = { "", 0 };

	if (is_slow(w, us))
		report(w, us, command_counted(w->account.current), bucket,
		    none);
}
