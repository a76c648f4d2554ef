/*
 * One question at a time, while nobody is harmed.  All of these exit when
 * there is no answer: then there is nothing to torture.
 */

#ifndef TORTURE_SESSION_H
#define TORTURE_SESSION_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#define TALK_LINE 256

int session_open(const struct sockaddr_in *address);
/* Closes the connection and waits until the other end is closed, too. */
void session_close(int fd);
/* Sends a request, and compares the reply: all its lines. */
bool session_ask(int fd, const char *request, const char *reply);
/* Makes so many keys in a bucket of their own. */
void session_load(int fd, unsigned int keys);
/* Are they there?  Asks for some of them. */
bool session_check(int fd, unsigned int keys);

#endif
