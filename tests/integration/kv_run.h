/*
 * Running kv in tests: with arguments and input, and what comes of it.
 * Functions fail the running test.
 */

#ifndef INTEGRATION_KV_RUN_H
#define INTEGRATION_KV_RUN_H

#include "fixture.h"

/* A kv that runs; what it writes is read by those below only. */
struct kv_process {
	pid_t pid;
	int in, out, err; /* -1: closed */
};

/* What a kv that has ended has written, with a NUL behind. */
struct kv_result {
	int status; /* its exit status, or 128 and the signal */
	char *out, *err;
	size_t out_size, err_size;
};

/* From now on kv is told this server: its Unix socket or its port. */
void kv_use(const struct server *);
void kv_use_address(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* args: without "kv", ended by NULL. */
void kv_start(struct kv_process *, const char *const args[]);
/* Its standard output is this descriptor, which stays the caller's. */
void kv_start_to(struct kv_process *, int out, const char *const args[]);
/* The same through sh -c, where "$KV" is kv. */
void kv_start_shell(struct kv_process *, const char *script);
/* Writes the input, reads all output, waits for the end. */
void kv_finish_run(struct kv_process *, const void *in, size_t in_size,
    struct kv_result *);
/* All of it.  The result is valid until the next kv_run. */
const struct kv_result *kv_run(const void *in, size_t in_size,
    const char *const args[]);
const struct kv_result *kv_shell(const char *script);
void kv_result_clear(struct kv_result *);

/* The next line of its output; its newline is left out. */
void kv_read_line(int fd, char line[LINE_SIZE]);
void kv_expect_line(int fd, const char *want);

/* Runs kv, and compares.  `err` NULL: any that is not empty. */
void kv_expect(const char *const args[], const char *in, int status,
    const char *out, const char *err);
#define KV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Tells it to stop, and waits until it has; server_restart starts it. */
void kv_stop_server(struct server *);

#endif
