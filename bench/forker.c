/*
 * bench/forker: accepts, forks, and in the child reads once, answers OK and
 * exits: the least that a server with a process for each connection can do.
 *
 *	forker			listens on a port of the loopback, and prints it
 */

#include <sys/socket.h>

#include "forking.h"

static void
answer(int fd)
{
	static const char reply[] = "OK\r\n";
	char data[512];

	if (recv(fd, data, sizeof(data), 0) > 0)
		(void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
}

int
main(void)
{
	fork_for_each(answer);
}
