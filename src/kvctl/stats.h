/*
 * All counters of kvd, as the master prints them, and how kvctl writes them.
 */

#ifndef KVCTL_STATS_H
#define KVCTL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvctl/ctl.h"

#define STATS_FAMILIES_MAX 128
#define STATS_BUCKETS_MAX 64

enum stats_kind {
	STATS_COUNTER, /* only grows */
	STATS_GAUGE,
	STATS_HISTOGRAM,
};

/* A number, or a histogram of times. */
struct stats_value {
	char label[32]; /* its value, or "-" if the family has no label */
	uint64_t number; /* or how many times the histogram has */
	uint64_t sum_us;
	uint64_t buckets[STATS_BUCKETS_MAX];
};

struct stats_family {
	char name[48];
	char label[32]; /* the label's name, or "-" */
	char help[256];
	enum stats_kind kind;
	struct stats_value *values;
	size_t count;
};

struct stats {
	char version[64];
	int64_t uptime_ms, max_clients;
	/* Upper bounds of a histogram's buckets; the last one has none. */
	uint64_t bounds_us[STATS_BUCKETS_MAX];
	size_t bounds;
	struct stats_family families[STATS_FAMILIES_MAX];
	size_t count;
	bool lost; /* a line could not be kept: too many, or no memory */
};

/* Asks for them.  Returns enum ctl_status; to be freed in any case. */
int stats_get(struct ctl *, struct stats **);
void stats_free(struct stats *);
/* The family of this name; NULL: there is none. */
const struct stats_family *stats_find(const struct stats *, const char *name);
/* A number without a label, or the sum of those with one; 0: there is none. */
uint64_t stats_number(const struct stats *, const char *name);
/*
 * The time, in microseconds, that so large a part of the histogram is not above
 * (0.5: the median), as exactly as its buckets say.  0: it is empty.
 */
uint64_t stats_quantile(const struct stats *, const struct stats_value *,
    double part);

#endif
