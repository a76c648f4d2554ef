/*
 * The history: lines that were typed at the prompt.  Each is also appended to
 * a file as soon as it is typed, so that several prompts can share the file.
 */

#ifndef KV_RECALL_H
#define KV_RECALL_H

#include <histedit.h>

struct recall {
	History *history; /* for EL_HIST */
	char *path; /* of the file; NULL: there is none */
};

/* Loads the file that KV_HISTORY names, or else ~/.kv_history. */
void recall_open(struct recall *);
void recall_close(struct recall *);
/* Adds a line, which ends in a newline. */
void recall_add(struct recall *, const char *line);

#endif
