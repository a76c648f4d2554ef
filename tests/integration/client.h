/*
 * client: connections to kvd, and what a client sends and expects.  A client
 * is a file descriptor, which is close-on-exec.
 */

#ifndef INTEGRATION_CLIENT_H
#define INTEGRATION_CLIENT_H

#include <stddef.h>

struct server;

/* Connecting */

int client_connect(const struct server *);
int client_connect_to(const char *host, int port);
int client_connect_unix(const char *path);
/* With this local address, instead of one that the kernel chooses. */
int client_connect_from(const struct server *, const char *source);
/* To a server that listens on `unix sock' in its directory. */
int server_connect_unix(const struct server *);
/* A client that has been served once. */
int connect_and_ping(const struct server *);
/* The same, but the client is closed at once. */
void expect_new_client(const struct server *);
/*
 * Connects again and again while the server refuses because it has too many
 * clients: one that has left may be counted for a moment longer.  The client
 * has been served once.
 */
typedef int connect_function(const struct server *);
int client_await_room(const struct server *, connect_function *);
/* The local port. */
int client_port(int fd);

/* Sending */

void client_send(int fd, const void *data, size_t size);
void client_say(int fd, const char *text);
/* Waits until the worker has read all that was sent on a Unix socket
 * (unix(7), SIOCOUTQ). */
void client_await_read(int fd);
void client_half_close(int fd);

/* Expecting */

/* The next bytes are these. */
void client_expect(int fd, const void *data, size_t size);
void client_hear(int fd, const char *text);
/* Sends a request and expects the reply. */
void client_ask(int fd, const char *request, const char *reply);
/* The same for any bytes, which are sent and received at the same time. */
void client_exchange(int fd, const void *out, size_t out_size, const void *want,
    size_t want_size);
/* Reads the next line, with its line end. */
#define LINE_SIZE 128
void client_read_line(int fd, char line[LINE_SIZE]);
/* The number that STATS reports under this name. */
long client_stat(int fd, const char *name);
/* The connection ends, and nothing comes before that.  Closes the client. */
void client_expect_end(int fd);
/* The connection ends in some way, after any bytes.  Closes the client. */
void client_expect_gone(int fd);
/*
 * Reads all that comes until the connection ends, and closes the client.
 * Returns the bytes with a NUL behind them; the caller frees them.
 */
char *client_read_all(int fd, size_t *size);

#endif
