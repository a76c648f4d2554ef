/*
 * request: the words of requests about cells.
 */

#ifndef STRESS_REQUEST_H
#define STRESS_REQUEST_H

#include "common/buf.h"
#include "stress/cell.h"

/* The buckets of all cells but those of CELL_DROPPED, which have their own. */
#define REQUEST_CREATE "CREATE single\nCREATE group\nCREATE expiring\n"
#define REQUEST_BUCKETS 3

/* Appends `command', a blank, and the cell's bucket. */
void request_begin(struct buf *, const char *command, const struct cell *);
/* Appends a blank and the key.  No key begins with another. */
void request_key(struct buf *, const struct cell *, unsigned int key);
/* Appends a blank and the value that the step writes. */
void request_value(struct buf *, const struct cell *, unsigned int key,
    uint32_t step);
/* Appends a text and ends the line. */
void request_end(struct buf *, const char *text);

#endif
