/*
 * terminal: telnet(1) on a pseudo-terminal, as a person would use it.
 */

#ifndef INTEGRATION_TERMINAL_H
#define INTEGRATION_TERMINAL_H

#include <sys/types.h>

#include <stddef.h>

struct terminal {
	int fd;
	pid_t pid;
	char text[16384]; /* all that telnet(1) has printed */
	size_t size;
	size_t seen; /* end of what was expected last */
};

/* Starts telnet(1).  The caller makes sure that it is installed. */
void terminal_open(struct terminal *, const char *host, int port);
/* Waits until telnet(1) has ended. */
void terminal_close(struct terminal *);
void terminal_type(struct terminal *, const char *keys);
/* Waits for this text, which comes after the text expected before. */
void terminal_expect(struct terminal *, const char *text);

#endif
