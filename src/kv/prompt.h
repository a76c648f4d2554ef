/*
 * The prompt: what a person types goes to the server as it is, what the
 * server says is printed as it is.  How lines are read is the caller's.
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
 * Appends a line, without its end, to an empty buffer; false: there are no
 * more.  Shows the prompt, and waits with prompt_wait only.
 */
typedef bool prompt_read(struct prompt *, void *state, struct buf *line);

enum kv_status prompt_run(struct kv *, prompt_read *, void *state);

/* For a reader that does not do it by itself: show the prompt; begin a line
 * below one that was given up. */
void prompt_show(struct prompt *);
void prompt_newline(struct prompt *);

enum prompt_wake {
	PROMPT_INPUT, /* standard input can be read */
	PROMPT_SAID, /* the server said something, and it was printed */
	PROMPT_INTERRUPTED, /* Ctrl-C: the line is to be forgotten */
};

/*
 * Waits for standard input, and prints what a subscription brings.  SIGINT is
 * blocked, and told here.
 */
enum prompt_wake prompt_wait(struct prompt *);

#endif
