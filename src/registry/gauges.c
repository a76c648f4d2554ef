/*
 * gauges: what the registry shows of its state.  Runs in the registry.
 */

#include "common/clock.h"
#include "common/scoreboard.h"
#include "registry/conn.h"
#include "registry/gauges.h"
#include "registry/state.h"
#include "store/store.h"

#define GAUGES_MS 1000
#define LOCAL_HITS_CLIENTS 1000

static uint64_t
count(const struct conn_list *list)
{
	const struct conn *c;
	uint64_t n = 0;

	TAILQ_FOREACH(c, list, entry)
		n++;
	return n;
}

/* The store counts from its opening on. */
static void
add_cache(struct registry *r, const struct store_stats *stats)
{
	*registry_counter(r, COUNTER_CACHE_HITS) +=
	    stats->cache_hits - r->gauges.cache_hits;
	*registry_counter(r, COUNTER_CACHE_MISSES) +=
	    stats->cache_misses - r->gauges.cache_misses;
	r->gauges.cache_hits = stats->cache_hits;
	r->gauges.cache_misses = stats->cache_misses;
}

void
gauges_set(struct registry *r, const struct store_stats *stats)
{
	struct store_progress fold = store_progress(r->store);

	add_cache(r, stats);
	*registry_counter(r, COUNTER_SUBSCRIBERS) = r->gauges.subscribers;
	*registry_counter(r, COUNTER_WORKERS_CONNECTED) =
	    r->conns - r->n_refused;
	*registry_counter(r, COUNTER_HELD) = count(&r->held);
	*registry_counter(r, COUNTER_BUCKETS) = stats->buckets;
	*registry_counter(r, COUNTER_DAMAGED) = stats->damaged;
	*registry_counter(r, COUNTER_KEYS) = stats->keys;
	*registry_counter(r, COUNTER_EXPIRING) = stats->expiring;
	*registry_counter(r, COUNTER_DROPPED) = stats->dropped;
	*registry_counter(r, COUNTER_OUTCOMES) = stats->outcomes;
	*registry_counter(r, COUNTER_PINS) = stats->pins;
	*registry_counter(r, COUNTER_REVISION) = stats->revision;
	*registry_counter(r, COUNTER_FILE_BYTES) = stats->file_bytes;
	*registry_counter(r, COUNTER_USED_BYTES) = stats->used_bytes;
	*registry_counter(r, COUNTER_LOG_BYTES) = stats->log_bytes;
	*registry_counter(r, COUNTER_LOG_SIZE) =
	    2 * (uint64_t)r->config->log_size;
	*registry_counter(r, COUNTER_FOLD_DONE) = fold.done;
	*registry_counter(r, COUNTER_FOLD_TOTAL) = fold.total;
}

/* It takes about a microsecond for each client.  Clients can ask all the time,
 * so with many of them it is done once a second. */
uint64_t
gauges_local_hits(struct registry *r)
{
	int64_t now_ms = clock_ms();

	if (scoreboard_count(r->scoreboard) <= LOCAL_HITS_CLIENTS ||
	    now_ms >= r->gauges.local_at_ms + GAUGES_MS) {
		r->gauges.local_hits = scoreboard_local_hits(r->scoreboard);
		r->gauges.local_at_ms = now_ms;
	}
	return r->gauges.local_hits;
}

void
gauges_want(struct registry *r)
{
	if (r->gauges.at_ms == CLOCK_NEVER)
		r->gauges.at_ms = clock_ms() + GAUGES_MS;
}

void
gauges_run(struct registry *r, int64_t now_ms)
{
	struct store_view *view;
	struct store_stats stats;
	enum store_result result;

	if (now_ms < r->gauges.at_ms)
		return;
	r->gauges.at_ms = CLOCK_NEVER;
	result = store_snapshot(r->store, &view);
	if (result == STORE_OK)
		result = store_stats(view, &stats);
	warning_check_store(r, result);
	if (result == STORE_OK)
		gauges_set(r, &stats);
	store_release(r->store);
}
