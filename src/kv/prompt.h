/*
 * The prompt: what is typed goes to the server as it is, and what the server
 * says is printed as it is.  The caller provides a function that reads lines.
 */

#ifndef KV_PROMPT_H
#define KV_PROMPT_H

#include <stdbool.h>

#include "common/buf.h"
#include "kv/kv_status.h"

struct kv;
struct prompt;

#define PROMPT_TEXT "kv> "

/*
 * Shows the prompt and appends a line, without its end, to an empty buffer.
 * Returns false at the end of the input.  It must use prompt_wait() for each
 * wait.
 */
typedef bool prompt_read(struct prompt *, void *state, struct buf *line);

enum kv_status prompt_run(struct kv *, prompt_read *, void *state);

/* For such a function: show the prompt, or begin a new line. */
void prompt_show(struct prompt *);
void prompt_newline(struct prompt *);

enum prompt_wake {
	PROMPT_INPUT, /* standard input can be read */
	PROMPT_PRINTED, /* what the server said was printed over the prompt */
	PROMPT_INTERRUPTED, /* by Ctrl-C: discard the line */
};

/*
 * Waits for standard input, and meanwhile prints the events of subscriptions.
 * SIGINT is blocked, and noticed only here and while a reply is awaited.
 */
enum prompt_wake prompt_wait(struct prompt *);

#endif
