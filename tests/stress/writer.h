/*
 * writer: what a client that writes asks for.  Each cell belongs to one writer.
 */

#ifndef STRESS_WRITER_H
#define STRESS_WRITER_H

#include <stdbool.h>

#include "stress/conn.h"
#include "stress/run.h"
#include "torture/dice.h"

/* The longest run of requests of one write, each with its reply. */
#define WRITER_ASKS_MAX 24

/* Asks for a write to one of the cells of the writer with this number, and
 * perhaps reads that cell. */
void writer_ask(struct run *, struct conn *, struct dice *,
    unsigned int writer);

/* Asks for a value for the n-th cell of the writer.  False: it has not so
 * many. */
bool writer_fill(struct run *, struct conn *, unsigned int writer,
    unsigned int n);

#endif
