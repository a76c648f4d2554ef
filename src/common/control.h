/*
 * The control socket, through which kvctl(8) talks to the master.  kvctl(8)
 * describes the protocol: a request is a line, and a reply consists of lines of
 * which the last is OK, or ERROR and a sentence.
 */

#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

/* Raised when an older kvctl would misunderstand a reply, or an older master a
 * request.  New requests, lines and fields do not raise it. */
#define CONTROL_VERSION 1
/* Its name in the runtime directory. */
#define CONTROL_SOCKET "control.sock"
/* The first line that the master sends: these, its version, and that of the
 * protocol. */
#define CONTROL_GREETING "kvd " PACKAGE_VERSION " control "
/* The longest request, line end included. */
#define CONTROL_LINE_MAX 128

#endif
