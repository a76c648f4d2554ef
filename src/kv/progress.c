/*
 * progress: a bar for the impatient.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "kv/progress.h"

#define REDRAW_MS 100
#define BAR_WIDTH 30
/* With the count and the unit less than a terminal is wide. */
#define LINE_WIDTH 72

void
progress_init(struct progress *p, const char *unit, bool quiet)
{
	memset(p, 0, sizeof(*p));
	p->unit = unit;
	p->on = !quiet && isatty(STDERR_FILENO) == 1;
	if (p->on)
		p->next_ms = clock_ms() + REDRAW_MS;
}

static void
draw(const char *text)
{
	/* Without the bar all goes on. */
	(void)!write(STDERR_FILENO, text, strlen(text));
}

void
progress_show(struct progress *p, uint64_t done, uint64_t total, uint64_t count)
{
	char bar[BAR_WIDTH + 1] = "", text[LINE_WIDTH + 32];
	int64_t now_ms;
	int filled, percent;

	if (!p->on || (now_ms = clock_ms()) < p->next_ms)
		return;
	p->next_ms = now_ms + REDRAW_MS;
	p->drawn = true;
	if (total == 0) {
		snprintf(text, sizeof(text), "\r%" PRIu64 " %s ", count,
		    p->unit);
		draw(text);
		return;
	}
	if (done > total)
		done = total;
	percent = (int)((double)done * 100 / (double)total);
	filled = percent * BAR_WIDTH / 100;
	memset(bar, '#', (size_t)filled);
	snprintf(text, sizeof(text), "\r[%-*s] %3d%% %" PRIu64 " %s ",
	    BAR_WIDTH, bar, percent, count, p->unit);
	draw(text);
}

void
progress_clear(struct progress *p)
{
	char text[LINE_WIDTH + 8];

	if (!p->drawn)
		return;
	p->drawn = false;
	snprintf(text, sizeof(text), "\r%*s\r", LINE_WIDTH, "");
	draw(text);
}
