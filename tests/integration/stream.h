/*
 * stream: what the tests of listings and subscriptions share: reading the
 * lines that a client receives, jobs (other processes that are clients at the
 * same time), and measuring the memory and descriptors of kvd's processes.
 *
 * As in fixture.h, functions fail the running test unless they say otherwise.
 */

#ifndef INTEGRATION_STREAM_H
#define INTEGRATION_STREAM_H

#include <stdatomic.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "fixture.h"

/* Appends text to a buffer that a test sends or expects. */
void add(struct buf *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The contents as a string: with a NUL behind, which is not part of it. */
const char *text_of(struct buf *);
/* client_exchange(), which leaves both buffers empty. */
void exchange_bufs(int fd, struct buf *out, struct buf *want);

/* The server listens on a free port, and for server_connect_unix(). */
void listen_unix(struct server *);

/* The lines that a client receives, one after the other. */
struct stream {
	int fd;
	struct buf in;
	size_t line_size; /* of the line returned last, with its line end */
	bool ended; /* the connection has ended */
};

void stream_init(struct stream *, int fd);
/* Closes the descriptor, too. */
void stream_clear(struct stream *);
/*
 * Waits for the next line, and returns it as a string without its line end,
 * which is valid until the next call.  Fails the test if no line comes or the
 * connection ends.
 */
char *stream_line(struct stream *);
/*
 * The same without waiting.  NULL: no whole line has come yet, or, if `ended`
 * is set, none will.
 */
char *stream_try(struct stream *);
/* Waits until one of these has something to read.  Fails the test at the
 * deadline. */
void streams_wait(const struct stream *, size_t n, int64_t deadline_ms);
/* The next line is this one. */
void stream_hear(struct stream *, const char *line);

/*
 * Jobs: processes that are clients of the server until they are told to stop.
 * They are not Check's processes, so that they cannot fail the test: a job
 * calls job_fail() and returns, and the functions below then fail the test.
 */
struct job {
	pid_t pid;
	unsigned int id;
	unsigned int seed;
	atomic_int stop;
	atomic_ulong allowed; /* rounds to do, if the function looks at it */
	atomic_ulong done; /* rounds that it has done */
	atomic_int wrong; /* job_fail was called; `error' is its text */
	char error[512];
	/* For the function of the job, and for its test. */
	unsigned long values[16];
};

typedef void job_function(struct job *, int fd);

struct job *jobs_new(unsigned int n);
/* Starts the jobs, each with a TCP connection of its own. */
void jobs_start(struct job *, unsigned int n, const struct server *,
    job_function *);
/* Waits until each job has done so many more rounds. */
void jobs_await(struct job *, unsigned int n, unsigned long more);
/* Tells the jobs to stop, and waits until they have ended. */
void jobs_stop(struct job *, unsigned int n);
void jobs_free(struct job *, unsigned int n);

/* These are called in a job. */

void job_fail(struct job *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sends one buffer, expects the other, and empties both.  Returns false after
 * job_fail(). */
bool job_exchange(struct job *, int fd, struct buf *out, struct buf *want);
/* As stream_line(), but returns NULL after job_fail(). */
char *job_line(struct job *, struct stream *);

/* Anonymous memory of the process, in KiB. */
long process_private_kib(pid_t);
/* Is this built with AddressSanitizer?  Sizes and times say little then. */
bool is_sanitized(void);
/* The size of the store's data file, in KiB. */
long store_kib(const struct server *);

/* A pseudo-random number below n. */
unsigned int draw(unsigned int *seed, unsigned int n);

#endif
