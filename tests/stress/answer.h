/*
 * answer: reads replies, and checks them.
 */

#ifndef STRESS_ANSWER_H
#define STRESS_ANSWER_H

#include "stress/conn.h"
#include "stress/run.h"

/* Takes all replies that a client has received. */
void answer_take(struct run *, struct conn *);

#endif
