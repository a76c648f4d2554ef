/*
 * session: a client that sends one request at a time, before and after the
 * blows.  These functions exit if there is no reply.
 */

#ifndef TORTURE_SESSION_H
#define TORTURE_SESSION_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

int session_open(const struct sockaddr_in *address);
/* Closes the connection and waits until the other end is closed, too. */
void session_close(int fd);
/* Sends a request.  Is this the reply, with all its lines? */
bool session_ask(int fd, const char *request, const char *reply);
/* Puts so many keys into a bucket of their own. */
void session_load(int fd, unsigned int keys);
/* Are they there?  Reads some of them. */
bool session_check(int fd, unsigned int keys);

#endif
