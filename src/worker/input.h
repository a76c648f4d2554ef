/*
 * From the client's bytes to lines and words.
 *
 * What was received is appended to client.in.  There, input_run() first takes
 * out telnet's commands, then executes line by line.  What is left is the part
 * of a line whose end has not come, and `part_size` is its size: the bytes
 * behind these are the ones that were received since.
 */

#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "proto/telnet.h"

struct worker;

/* All zero before input_init(). */
struct input {
	size_t line_max; /* size of the longest line that is executed */
	struct telnet telnet;
	size_t part_size; /* at the beginning of client.in */
	bool discarding; /* that line is too long, which was answered */
	bool more; /* there is something behind the line that is executed */
	/* A line of a kvd client has come.  Until then each line may be one of
	 * another protocol (proto/first_line.h). */
	bool past_first_line;
	struct buf raw; /* received, while telnet's commands are taken out */
	struct buf words; /* of the line that is executed */
};

void input_init(struct worker *);
/*
 * Executes all lines that are complete, and sends their replies.  False: this
 * client is not to be served any more.
 */
bool input_run(struct worker *);
/* The client sends no more. */
void input_end(struct worker *);

#endif
