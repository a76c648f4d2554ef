/*
 * target: the server's address, as people write it.
 */

#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/target.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "4040"

void
target_init(struct target *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->host, DEFAULT_HOST, sizeof(DEFAULT_HOST));
	memcpy(t->port, DEFAULT_PORT, sizeof(DEFAULT_PORT));
}

static bool
complain(char *error, const char *what, const char *text)
{
	snprintf(error, TARGET_ERROR_SIZE, "%s: %.80s", what, text);
	return false;
}

static bool
set_host(struct target *t, const char *host, size_t size, char *error)
{
	if (size == 0 || size >= sizeof(t->host))
		return complain(error, "no host name", host);
	memcpy(t->host, host, size);
	t->host[size] = '\0';
	t->path = NULL;
	return true;
}

bool
target_set_host(struct target *t, const char *host, char *error)
{
	return set_host(t, host, strlen(host), error);
}

bool
target_set_port(struct target *t, const char *port, char *error)
{
	size_t size = strlen(port);

	if (size == 0 || size > 5 || strspn(port, "0123456789") != size ||
	    atoi(port) < 1 || atoi(port) > 65535)
		return complain(error, "no port number", port);
	memcpy(t->port, port, size + 1);
	t->path = NULL;
	return true;
}

bool
target_set_path(struct target *t, const char *path, char *error)
{
	struct sockaddr_un addr;

	if (path[0] == '\0' || strlen(path) >= sizeof(addr.sun_path))
		return complain(error, "no path of a socket", path);
	t->path = path;
	return true;
}

bool
target_parse(struct target *t, const char *text, char *error)
{
	const char *colon = strrchr(text, ':'), *host = text;
	const char *end = colon == NULL ? text + strlen(text) : colon;

	if (strncmp(text, "unix:", 5) == 0)
		return target_set_path(t, text + 5, error);
	if (text[0] == '[') {
		host = text + 1;
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return complain(error, "no address", text);
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && strchr(text, ':') != colon)
		return complain(error, "an IPv6 address goes into []", text);
	return set_host(t, host, (size_t)(end - host), error) &&
	    (colon == NULL || target_set_port(t, colon + 1, error));
}

void
target_print(const struct target *t, char *text, size_t size)
{
	if (t->path != NULL)
		snprintf(text, size, "unix:%s", t->path);
	else if (strchr(t->host, ':') != NULL)
		snprintf(text, size, "[%s]:%s", t->host, t->port);
	else
		snprintf(text, size, "%s:%s", t->host, t->port);
}
