/*
 * kvbench: puts a server under load, and says how it bears it.
 */

#ifndef KVBENCH_KVBENCH_H
#define KVBENCH_KVBENCH_H

/* The program; returns its exit status. */
int kvbench_main(int argc, char *argv[]);

#endif
