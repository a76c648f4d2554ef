/*
 * The numbers of the registry that go up and down (COUNTER_KIND_GAUGE), in the
 * memory that the master reads (common/counters.h).  They are set a second after
 * something has changed, and when a client asks for them.
 */

#ifndef REGISTRY_GAUGES_H
#define REGISTRY_GAUGES_H

#include <stdint.h>

struct registry;
struct store_stats;

struct gauges {
	int64_t at_ms; /* when to set them; CLOCK_NEVER: nothing has changed */
	/* What of the store's own counters is in the registry's. */
	uint64_t cache_hits, cache_misses;
	/* What workers had answered by themselves, and when that was added
	 * up. */
	uint64_t local_hits;
	int64_t local_at_ms;
	unsigned int subscribers; /* connections with a subscription */
};

void gauges_set(struct registry *, const struct store_stats *);
/* What workers have answered by themselves. */
uint64_t gauges_local_hits(struct registry *);
/* Something may have changed. */
void gauges_want(struct registry *);
/* Sets them if it is time. */
void gauges_run(struct registry *, int64_t now_ms);

#endif
