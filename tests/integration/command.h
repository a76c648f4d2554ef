/*
 * command: running kvd and other commands to their end.
 */

#ifndef INTEGRATION_COMMAND_H
#define INTEGRATION_COMMAND_H

#include <sys/types.h>

#include <stdbool.h>

/*
 * Runs the kvd command with these arguments, until it and all processes that
 * hold its output open have ended.  Returns its exit status, or 128 plus the
 * number of the signal that killed it.  What it wrote to standard output and
 * standard error, ended by NUL, is in `output'.
 */
#define OUTPUT_SIZE 4096
int kvd_command(const char *const args[], char output[OUTPUT_SIZE]);
/* The same for any command, which is searched for in PATH. */
int run_command(const char *const args[], char output[OUTPUT_SIZE]);
/* The absolute path of the build directory. */
const char *build_dir(void);
/* Is this program in PATH?  If not, prints that its test is skipped. */
bool have_program(const char *name);

/*
 * fork(2) for a child that executes something else.  Check handles some
 * signals; in the child they have their default action from the beginning.
 */
pid_t fork_unhandled(void);

#endif
