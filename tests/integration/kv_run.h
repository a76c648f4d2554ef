/*
 * kv_run: runs kv with arguments and input, and reads what it writes.
 * Functions fail the running test.
 */

#ifndef INTEGRATION_KV_RUN_H
#define INTEGRATION_KV_RUN_H

#include "fixture.h"

/* A kv that runs. */
struct kv_process {
	pid_t pid;
	/* Pipes to its standard input, output and error; -1: closed. */
	int in, out, err;
};

/* What a kv that has ended wrote.  There is a NUL behind each. */
struct kv_result {
	int status; /* its exit status, or 128 plus the signal */
	char *out, *err;
	size_t out_size, err_size;
};

/* Starts a server with one bucket, which kv uses from now on. */
struct server *kv_start_server(const char *bucket);
/* From now on kv uses this server. */
void kv_use(const struct server *);
void kv_use_address(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Starts kv with these arguments, which begin behind "kv" and end in NULL. */
void kv_start(struct kv_process *, const char *const args[]);
/* The same, with this descriptor as its standard output. */
void kv_start_to(struct kv_process *, int out, const char *const args[]);
/* Starts bash -c with a script, in which "$KV" is kv. */
void kv_start_shell(struct kv_process *, const char *script);
/* Writes the input, reads all output, and waits for the end. */
void kv_finish_run(struct kv_process *, const void *in, size_t in_size,
    struct kv_result *);
/* Both.  The result is valid until the next kv_run or kv_shell. */
const struct kv_result *kv_run(const void *in, size_t in_size,
    const char *const args[]);
const struct kv_result *kv_shell(const char *script);
void kv_result_clear(struct kv_result *);

/* Waits for the next line of output, and stores it without its newline. */
void kv_read_line(int fd, char line[LINE_SIZE]);
void kv_expect_line(int fd, const char *want);

/*
 * Runs kv; its exit status and what it writes are these.  If `err' is NULL,
 * it writes anything to standard error, but not nothing.
 */
void kv_expect(const char *const args[], const char *in, int status,
    const char *out, const char *err);
#define KV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Stops the server and waits for its end; server_restart starts it again. */
void kv_stop_server(struct server *);

#endif
