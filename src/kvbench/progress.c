/*
 * progress: one line, again and again.  Runs in kvbench.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvbench/progress.h"

#define EVERY_NS INT64_C(900000000)
/* To the line's start, and what is right of here goes. */
#define LINE_START "\r"
#define LINE_CLEAR "\033[K"

void
progress_init(struct progress *p, bool wanted)
{
	memset(p, 0, sizeof(*p));
	p->enabled = wanted && isatty(STDERR_FILENO);
}

void
progress_show(struct progress *p, const char *phase, uint64_t done,
    int64_t now_ns)
{
	if (!p->enabled)
		return;
	if (p->phase != phase || done < p->done) {
		p->phase = phase;
		p->done = 0;
		p->begin_ns = p->at_ns = now_ns;
		return;
	}
	if (now_ns - p->at_ns < EVERY_NS)
		return;
	fprintf(stderr,
	    LINE_START "%s: %.0f s, %llu requests, %.0f a second" LINE_CLEAR,
	    phase, (double)(now_ns - p->begin_ns) / 1e9,
	    (unsigned long long)done,
	    (double)(done - p->done) * 1e9 / (double)(now_ns - p->at_ns));
	p->shown = true;
	p->at_ns = now_ns;
	p->done = done;
}

void
progress_end(struct progress *p)
{
	if (p->shown)
		fprintf(stderr, LINE_START LINE_CLEAR);
}
