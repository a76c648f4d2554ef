/*
 * Describes for the log how a process has ended.
 */

#ifndef COMMON_EXIT_H
#define COMMON_EXIT_H

#include <stddef.h>
#include <stdint.h>

struct rusage;

/*
 * Fills `text` with "died of SIGSEGV (core dumped)" or "exited with status
 * 70", given a wait status.
 */
void exit_describe(char *text, size_t size, int status);
/* Fills `text` with "ran 12.0s, used 0.30s of processor time and 5120 KiB of
 * memory". */
void exit_describe_use(char *text, size_t size, int64_t ran_ms,
    const struct rusage *);

#endif
