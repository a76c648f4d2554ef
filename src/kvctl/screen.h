/*
 * The terminal of top: a screen that is drawn again and again.
 */

#ifndef KVCTL_SCREEN_H
#define KVCTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "common/buf.h"

struct screen {
	int signal_fd;
	struct termios before; /* what screen_close() restores */
	unsigned int rows, columns;
	unsigned int row; /* the next to be written */
	struct buf out;
};

enum screen_event {
	SCREEN_TIMEOUT,
	SCREEN_RESIZED, /* draw again */
	SCREEN_QUIT, /* by a key or a signal, or the terminal is gone */
};

/* Returns 0, or -1 with errno: standard input or output is no terminal. */
int screen_open(struct screen *);
/* Leaves the terminal as it was. */
void screen_close(struct screen *);
/* A new picture begins, gets lines, and is shown.  What does not fit is left
 * out.  screen_end() returns 0, or -1 when the terminal is gone. */
void screen_begin(struct screen *);
void screen_line(struct screen *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int screen_end(struct screen *);
/* How many lines are left. */
unsigned int screen_left(const struct screen *);
/* Waits until something happens, or the deadline. */
enum screen_event screen_wait(struct screen *, int64_t deadline_ms);

#endif
