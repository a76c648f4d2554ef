/*
 * What the tests of listings and subscriptions share: reading a client's
 * lines, other processes that talk meanwhile, what the server's processes
 * take.
 *
 * As in fixture.h: functions fail the running test unless they say otherwise.
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
/* A string, after which comes a NUL that is not counted. */
const char *text_of(struct buf *);
/* client_exchange(), with both buffers empty afterwards. */
void exchange_bufs(int fd, struct buf *out, struct buf *want);

/* On a free port, and for server_connect_unix(). */
void listen_unix(struct server *);

/* Lines of a client, one after the other. */
struct stream {
	int fd;
	struct buf in;
	size_t line_size; /* of the line given last, with its end */
	bool ended; /* the connection */
};

void stream_init(struct stream *, int fd);
/* Closes the descriptor as well. */
void stream_clear(struct stream *);
/*
 * The next line without its end, NUL-terminated, valid until the next call;
 * the test fails when none comes, or the end.
 */
char *stream_line(struct stream *);
/* The same, but NULL when none has come yet, or at the end: see `ended`. */
char *stream_try(struct stream *);
/* Waits until one of these has something to read; not longer than to the
 * deadline, after which the test fails. */
void streams_wait(const struct stream *, size_t n, int64_t deadline_ms);
/* This is the next line. */
void stream_hear(struct stream *, const char *line);

/*
 * Jobs: processes that talk to the server until they are told to stop.  They
 * are not Check's: a job says what is wrong by job_fail(), and returns.
 */
struct job {
	pid_t pid;
	unsigned int id;
	unsigned int seed;
	atomic_int stop;
	atomic_ulong allowed; /* rounds, if the function looks at it */
	atomic_ulong done; /* rounds */
	atomic_int wrong; /* error says how */
	char error[512];
	/* For the job's own use, and its test's. */
	unsigned long values[16];
};

typedef void job_function(struct job *, int fd);

struct job *jobs_new(unsigned int n);
/* Each with a connection (TCP) of its own. */
void jobs_start(struct job *, unsigned int n, const struct server *,
    job_function *);
/* Waits until each has done so many rounds more. */
void jobs_await(struct job *, unsigned int n, unsigned long more);
/* Tells them to stop, waits for their end, frees. */
void jobs_stop(struct job *, unsigned int n);
void jobs_free(struct job *, unsigned int n);
/* In a job. */
void job_fail(struct job *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sends and expects; empties both.  False, after job_fail(), when it went
 * wrong. */
bool job_exchange(struct job *, int fd, struct buf *out, struct buf *want);
/* As stream_line(), but NULL after job_fail(). */
char *job_line(struct job *, struct stream *);

/* Memory that is the process's own, in KiB. */
long process_private_kib(pid_t);
size_t process_descriptors(pid_t);
/* Memory tells nothing, and time little, when sanitizers watch. */
bool is_sanitized(void);
/* What the store takes of the disk, in KiB. */
long store_kib(const struct server *);

/* Pseudo-random. */
unsigned int draw(unsigned int *seed, unsigned int n);

#endif
