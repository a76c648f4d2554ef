/*
 * title: what ps(1) shows.  Runs in the acceptor and its workers.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acceptor/title.h"

void
title_init(struct title *t, int argc, char *argv[])
{
	const char *last = argv[argc - 1];

	/* One argument lies behind the other. */
	t->base = argv[0];
	t->size = (size_t)(last - t->base) + strlen(last) + 1;
	memset(t->base, '\0', t->size);
	title_set(t, "kvd: acceptor");
}

void
title_format(char text[TITLE_SIZE], const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	/* Not getnameinfo(3): it is large, and a worker is to be small. */
	if (addr->ss_family == AF_INET)
		snprintf(text, TITLE_SIZE, "kvd: worker %s:%u",
		    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host)),
		    ntohs(sin->sin_port));
	else if (addr->ss_family == AF_INET6)
		snprintf(text, TITLE_SIZE, "kvd: worker [%s]:%u",
		    inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host)),
		    ntohs(sin6->sin6_port));
	else
		snprintf(text, TITLE_SIZE, "kvd: worker unix");
}

void
title_set(const struct title *t, const char *text)
{
	size_t size = strlen(text) + 1;

	if (size > t->size)
		size = t->size;
	memcpy(t->base, text, size);
	t->base[size - 1] = '\0';
}
