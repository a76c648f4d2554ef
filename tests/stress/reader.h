/*
 * reader: what a client that only reads asks for.
 */

#ifndef STRESS_READER_H
#define STRESS_READER_H

#include "stress/conn.h"
#include "stress/run.h"
#include "torture/dice.h"

/* Cells below this number are hot: half of all reads and writes are theirs. */
#define READER_HOT 32

/* Any cell; a hot one every other time. */
struct cell *reader_choose(struct run *, struct dice *);
/* Asks for one key, for all keys of a cell, or whether the key is there. */
void reader_ask_one(struct run *, struct conn *, struct dice *, struct cell *,
    bool own);
/* Asks for the same cell so often, and in no transaction. */
void reader_ask_same(struct run *, struct conn *, struct dice *,
    unsigned int n);
/* Asks for so many, most of which are answered by one line. */
void reader_ask(struct run *, struct conn *, struct dice *, unsigned int n);
/* Asks for all keys of this cell. */
void reader_ask_all(struct run *, struct conn *, struct cell *);

#endif
