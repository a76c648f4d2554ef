/*
 * progress: one line of a terminal.  Runs in client programs.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/progress.h"

/* As wide as most terminals: a longer text would begin a second line, which
 * could not be removed. */
#define WIDTH_MAX 79

void
progress_init(struct progress *p, bool wanted, int64_t interval_ms)
{
	memset(p, 0, sizeof(*p));
	p->on = wanted && isatty(STDERR_FILENO) == 1;
	p->interval_ms = interval_ms;
	if (p->on)
		p->next_ms = clock_ms() + interval_ms;
}

bool
progress_is_due(struct progress *p)
{
	int64_t now_ms;

	if (!p->on || (now_ms = clock_ms()) < p->next_ms)
		return false;
	p->next_ms = now_ms + p->interval_ms;
	return true;
}

/* Writes the text over the last one, and blanks over the rest of that. */
static void
replace(struct progress *p, const char *text)
{
	char line[WIDTH_MAX + 8];
	int n;

	n = snprintf(line, sizeof(line), "\r%-*s", (int)p->width, text);
	/* A program does its work without the line, too. */
	(void)!write(STDERR_FILENO, line, (size_t)n);
	p->width = strlen(text);
}

void
progress_show(struct progress *p, const char *format, ...)
{
	char text[WIDTH_MAX + 1];
	va_list args;

	if (!p->on)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	replace(p, text);
}

void
progress_clear(struct progress *p)
{
	if (p->width == 0)
		return;
	replace(p, "");
	(void)!write(STDERR_FILENO, "\r", 1);
}
