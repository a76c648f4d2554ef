/*
 * checkpoint: messages between the registry and the checkpointer, which trust
 * each other.
 */

#include <sys/socket.h>

#include "common/checkpoint.h"
#include "common/io.h"

void
checkpoint_send(int fd, const struct checkpoint_message *m)
{
	(void)io_send(fd, m, sizeof(*m), MSG_DONTWAIT);
}

int
checkpoint_recv(int fd, struct checkpoint_message *m)
{
	ssize_t n;

	do
		n = io_recv(fd, m, sizeof(*m), MSG_DONTWAIT);
	while (n > 0 && n != sizeof(*m));
	if (n == sizeof(*m))
		return 1;
	return n == IO_AGAIN ? 0 : -1;
}
