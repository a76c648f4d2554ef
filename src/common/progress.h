/*
 * One line on standard error that says how far a program is, and is replaced
 * now and then.  If standard error is not a terminal, nothing is shown.
 */

#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool on;
	size_t width; /* of the text that is shown; 0: none is */
	int64_t interval_ms; /* at least, between two texts */
	int64_t next_ms;
};

/* `wanted` false: nothing is shown. */
void progress_init(struct progress *, bool wanted, int64_t interval_ms);

/* Is it time to show the next text?  May be called often. */
bool progress_is_due(struct progress *);

/* Replaces the text, which is shorter than a terminal is wide. */
__attribute__((format(printf, 2, 3))) void progress_show(struct progress *,
    const char *format, ...);

/* Removes the text, before a message or at the end. */
void progress_clear(struct progress *);

#endif
