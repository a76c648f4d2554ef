/*
 * kvctl(8): the operator's tool.
 */

#ifndef KVCTL_KVCTL_H
#define KVCTL_KVCTL_H

/* Runs the command that the arguments say.  Returns enum ctl_status. */
int kvctl_main(int argc, char *argv[]);

#endif
