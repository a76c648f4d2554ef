/*
 * Describes for the log how a process has ended, and chooses how one ends.
 */

#ifndef COMMON_EXIT_H
#define COMMON_EXIT_H

#include <stddef.h>
#include <stdint.h>

struct rusage;

/* No violation, where exit_describe() wants the number of a system call. */
#define EXIT_NO_VIOLATION (-1)
/* The size of a description, NUL included. */
#define EXIT_DESCRIPTION_SIZE 96

/*
 * Fills `text` with "died of SIGSEGV (core dumped)" or "exited with status
 * 70", given a wait status.  `violation` is the system call by which the process
 * says that it has violated its sandbox; if that fits the status, the text is
 * "was killed by its sandbox (system call execve)".
 */
void exit_describe(char *text, size_t size, int status, long violation);
/* Fills `text` with "ran 12.0s, used 0.30s of processor time and 5120 KiB of
 * memory". */
void exit_describe_use(char *text, size_t size, int64_t ran_ms,
    const struct rusage *);

/*
 * The status with which a program ends that cannot use what its configuration
 * names: EX_OSERR if the error may be over by itself, such as a lack of
 * memory, descriptors or space, so that init starts it again; else EX_CONFIG,
 * and a person has to act.
 */
int exit_status_of(int error);

#endif
