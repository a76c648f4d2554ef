/*
 * told: what the tests share in which subscribers are told from the log what
 * they missed: a kvd whose registry is killed often, and what fills its log.
 */

#ifndef INTEGRATION_TOLD_H
#define INTEGRATION_TOLD_H

#include "stream.h"

extern struct server *server;

/* Of the large values, which fill sockets and logs. */
#define LARGE 8000
/* So many hundreds of them fill the small log three times. */
#define LOGS 40

/* These begin and end a test: with a log of the default size, and with the
 * smallest that there is. */
void told_setup(void);
void told_setup_small_log(void);
void told_teardown(void);

void kill_registry(void);
/* A writer, with the buckets a and b. */
int connect_writer(void);
/* Puts large values into keys of a bucket, from this number on, each in a commit
 * of its own or all in one. */
void put_large(int fd, const char *bucket, unsigned int from, unsigned int n,
    bool together);
/* All that was committed before has been told. */
void hear_end(struct stream *);

#endif
