/*
 * From the client's bytes to lines and words.
 */

#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/state.h"

void input_init(struct worker *);
/*
 * Executes all lines that are complete with what has come after the first
 * `old` bytes of the input, and sends their replies.  False: this client is
 * not to be served any more.
 */
bool input_run(struct worker *, size_t old);
/* The client sends no more. */
void input_end(struct worker *);

#endif
