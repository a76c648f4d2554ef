/*
 * log: what a kvd writes to its log, read by a test.
 */

#ifndef INTEGRATION_LOG_H
#define INTEGRATION_LOG_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct server;

/* What the server has logged since it was started, in a static buffer. */
const char *server_log(const struct server *);
/* The size of the whole log, that of earlier runs included. */
long server_log_size(const struct server *);
/* How often the text is in the log. */
size_t server_log_count(const struct server *, const char *text);
/* Waits until the text is in the log so many times. */
void server_await_log(const struct server *, const char *text, size_t count);
/* Waits for a line about this process, and stores it from the role on. */
#define LOG_LINE_SIZE 512
void server_await_line(const struct server *, const char *role, pid_t,
    char line[LOG_LINE_SIZE]);
/* The part is in the text. */
void expect_part(const char *text, const char *part);

/* Has the server logged that it listens on each of its addresses? */
bool server_is_announced(const struct server *);
/* The first address that it listens on; a Unix socket has neither part. */
void server_find_address(struct server *);
/* The port that it listens on at this host. */
int server_port(const struct server *, const char *host);

#endif
