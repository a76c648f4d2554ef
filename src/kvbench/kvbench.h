/*
 * kvbench: puts a server under load and measures its replies.
 */

#ifndef KVBENCH_KVBENCH_H
#define KVBENCH_KVBENCH_H

/* Runs the program.  Returns its exit status. */
int kvbench_main(int argc, char *argv[]);

#endif
