/*
 * target: the server's address, as people write it.  Runs in client programs.
 */

#include <sys/un.h>

#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "common/target.h"

#define DEFAULT_HOST "127.0.0.1"

void
target_init(struct target *t, const char *port)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->host, DEFAULT_HOST, sizeof(DEFAULT_HOST));
	snprintf(t->port, sizeof(t->port), "%s", port);
}

/* Returns false, with the message in `error`. */
static bool
complain(char *error, const char *what, const char *text)
{
	snprintf(error, TARGET_ERROR_SIZE, "%s: %.80s", what, text);
	return false;
}

static bool
set_host(struct target *t, const char *host, size_t size)
{
	if (size == 0 || size >= sizeof(t->host))
		return false;
	memcpy(t->host, host, size);
	t->host[size] = '\0';
	t->path = NULL;
	return true;
}

static bool
set_port(struct target *t, const char *port)
{
	int64_t number;

	if (!number_in_range(port, 1, 65535, &number))
		return false;
	snprintf(t->port, sizeof(t->port), "%d", (int)number);
	t->path = NULL;
	return true;
}

static bool
set_path(struct target *t, const char *path)
{
	struct sockaddr_un addr;

	if (path[0] == '\0' || strlen(path) >= sizeof(addr.sun_path))
		return false;
	t->path = path;
	return true;
}

bool
target_parse(struct target *t, const char *text, char *error)
{
	const char *colon = strrchr(text, ':'), *host = text;
	const char *end = colon == NULL ? text + strlen(text) : colon;

	if (strncmp(text, "unix:", 5) == 0)
		return set_path(t, text + 5) ||
		    complain(error, "not the path of a Unix socket", text);
	if (text[0] == '[') {
		host = text + 1;
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return complain(error, "not an address", text);
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && strchr(text, ':') != colon)
		return complain(error, "an IPv6 address must be in []", text);
	if (!set_host(t, host, (size_t)(end - host)))
		return complain(error, "not a host name", text);
	if (colon != NULL && !set_port(t, colon + 1))
		return complain(error, "not a port number", colon + 1);
	return true;
}

bool
target_set(struct target *t, const char *host, const char *port,
    const char *path, char *error)
{
	if (path != NULL && (host != NULL || port != NULL))
		return complain(error, "-u excludes -h and -p", path);
	if (path != NULL && !set_path(t, path))
		return complain(error, "-u: not the path of a Unix socket",
		    path);
	if (host != NULL && !set_host(t, host, strlen(host)))
		return complain(error, "-h: not a host name", host);
	if (port != NULL && !set_port(t, port))
		return complain(error, "-p: not a port number", port);
	return true;
}

void
target_print(const struct target *t, char text[TARGET_TEXT_SIZE])
{
	if (t->path != NULL)
		snprintf(text, TARGET_TEXT_SIZE, "unix:%s", t->path);
	else if (strchr(t->host, ':') != NULL)
		snprintf(text, TARGET_TEXT_SIZE, "[%s]:%s", t->host, t->port);
	else
		snprintf(text, TARGET_TEXT_SIZE, "%s:%s", t->host, t->port);
}
