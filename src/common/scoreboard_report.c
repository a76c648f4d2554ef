/*
 * scoreboard_report: says how a worker has ended.  Runs in the master and the
 * acceptors; what the worker has written of its activity is not trusted.
 */

#include <sys/resource.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/scoreboard.h"
#include "common/scoreboard_file.h"

void
scoreboard_describe_peer(const struct slot *slot, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "unknown";

	if (!slots_has_source(slot)) {
		snprintf(text, size, "on a Unix socket");
		return;
	}
	(void)inet_ntop(slot->family, slot->address, host, sizeof(host));
	snprintf(text, size, slot->family == AF_INET ? "%s:%u" : "[%s]:%u",
	    host, ntohs(slot->port));
}

/* The worker may have written anything: only capital letters are taken over. */
static void
describe_command(const struct scoreboard *board, uint32_t n, char *command,
    size_t size)
{
	const struct slot *slot = &board->slots->slots[n];
	struct activity a;
	size_t i = 0;

	scoreboard_read_activity(board, n, &a);
	if (activity_is_of(&a, slot->id))
		for (; i < size - 1 && isupper((unsigned char)a.command[i]);
		     i++)
			command[i] = a.command[i];
	command[i] = '\0';
}

void
scoreboard_report(struct scoreboard *board, uint32_t n, pid_t pid, int status,
    const struct rusage *use, char *report)
{
	const struct slot *slot = &board->slots->slots[n];
	char client[80], command[16], end[64], used[96];

	scoreboard_describe_peer(slot, client, sizeof(client));
	describe_command(board, n, command, sizeof(command));
	exit_describe(end, sizeof(end), status);
	exit_describe_use(used, sizeof(used), clock_ms() - slot->started_ms,
	    use);
	snprintf(report, SCOREBOARD_REPORT_SIZE,
	    "worker (pid %ld, client %s) %s %s%s; %s; its client is "
	    "disconnected, no other is",
	    (long)pid, client, end,
	    command[0] == '\0' ? "while idle" : "during ", command, used);
}
