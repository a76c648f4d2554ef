/*
 * bar: how far an import or an export is.
 */

#include <inttypes.h>
#include <string.h>

#include "kv/bar.h"

#define INTERVAL_MS 100
#define BAR_WIDTH 30

void
bar_init(struct bar *b, const char *unit, bool wanted)
{
	progress_init(&b->progress, wanted, INTERVAL_MS);
	b->unit = unit;
}

void
bar_show(struct bar *b, uint64_t done, uint64_t total, uint64_t count)
{
	char marks[BAR_WIDTH + 1] = "";
	int percent;

	if (!progress_is_due(&b->progress))
		return;
	if (total == 0) {
		progress_show(&b->progress, "%" PRIu64 " %s ", count, b->unit);
		return;
	}
	if (done > total)
		done = total;
	percent = (int)((double)done * 100 / (double)total);
	memset(marks, '#', (size_t)(percent * BAR_WIDTH / 100));
	progress_show(&b->progress, "[%-*s] %3d%% %" PRIu64 " %s ", BAR_WIDTH,
	    marks, percent, count, b->unit);
}

void
bar_clear(struct bar *b)
{
	progress_clear(&b->progress);
}
