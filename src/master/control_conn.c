/*
 * control_conn: writes the replies to requests of kvctl(8).  Runs in the
 * master.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"
#include "master/control_conn.h"

/* The longest line of a reply; what is longer is cut off. */
#define LINE_SIZE 1024

__attribute__((format(printf, 3, 0))) static void
print(struct control_conn *c, const char *prefix, const char *format,
    va_list args)
{
	char line[LINE_SIZE];

	vsnprintf(line, sizeof(line), format, args);
	buf_append_text(&c->out, prefix);
	buf_append_text(&c->out, line);
	buf_append_byte(&c->out, '\n');
}

void
control_print(struct control_conn *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(c, "", format, args);
	va_end(args);
}

void
control_done(struct control_conn *c)
{
	c->wait = CONTROL_WAIT_NONE;
	buf_append_text(&c->out, "OK\n");
}

void
control_fail(struct control_conn *c, const char *format, ...)
{
	va_list args;

	c->wait = CONTROL_WAIT_NONE;
	va_start(args, format);
	print(c, "ERROR ", format, args);
	va_end(args);
}

void
control_await(struct control_conn *c, enum control_wait wait, int64_t ms)
{
	c->wait = wait;
	c->deadline_ms = ms == CLOCK_NEVER ? CLOCK_NEVER : clock_ms() + ms;
}
