/*
 * The lines that were typed at the prompt, in a file as well: each is there
 * as soon as it is typed, and several prompts can add to one file.
 */

#ifndef KV_RECALL_H
#define KV_RECALL_H

#include <histedit.h>

struct recall {
	History *history; /* for EL_HIST */
	char *path; /* of the file; NULL: none */
};

/* Loads the lines of the file: KV_HISTORY, or ~/.kv_history. */
void recall_open(struct recall *);
void recall_close(struct recall *);
/* A line, with its newline. */
void recall_add(struct recall *, const char *line);

#endif
