/*
 * A telnet(1) on a terminal, as a person uses it.
 */

#ifndef INTEGRATION_TERMINAL_H
#define INTEGRATION_TERMINAL_H

#include <sys/types.h>

#include <stddef.h>

struct terminal {
	int fd;
	pid_t pid;
	char text[16384]; /* what has come */
	size_t size, seen;
};

/* Starts telnet(1); whether there is one is the caller's to look for. */
void terminal_open(struct terminal *, const char *host, int port);
/* Waits for the end of telnet(1). */
void terminal_close(struct terminal *);
void terminal_type(struct terminal *, const char *keys);
/* Waits for this text, behind what was expected before. */
void terminal_expect(struct terminal *, const char *text);

#endif
