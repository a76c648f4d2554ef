/*
 * The names of system calls, for messages.  The build makes the table from the
 * headers of the C library (see Makefile.am).
 */

#ifndef COMMON_SYSCALL_NAME_H
#define COMMON_SYSCALL_NAME_H

/* Returns the name of a system call of this kind of processor, or NULL. */
const char *syscall_name(long number);

#endif
