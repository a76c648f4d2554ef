/*
 * scoreboard_report: says how a worker has ended.  Runs in the master and the
 * acceptors; what the worker has written in its slot's text is not trusted.
 */

#include <sys/resource.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/scoreboard.h"
#include "common/scoreboard_file.h"

static void
describe_client(const struct slot *slot, char *text, size_t size)
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

/* The worker may have written anything: only capital letters are taken over.
 * Reading the file, unlike touching the memory, cannot raise SIGBUS. */
static void
describe_command(int fd, uint32_t n, char *command, size_t size)
{
	char text[SCOREBOARD_TEXT_SIZE] = "";
	size_t i;

	if (pread(fd, text, sizeof(text), scoreboard_text_offset(n)) == -1)
		text[0] = '\0';
	for (i = 0; i < size - 1 && isupper((unsigned char)text[i]); i++)
		command[i] = text[i];
	command[i] = '\0';
}

void
scoreboard_report(struct scoreboard *board, uint32_t n, pid_t pid, int status,
    const struct rusage *use, char *report)
{
	const struct slot *slot = &board->slots->slots[n];
	char client[80], command[16], end[64], used[96];

	describe_client(slot, client, sizeof(client));
	describe_command(board->fd, n, command, sizeof(command));
	exit_describe(end, sizeof(end), status);
	exit_describe_use(used, sizeof(used), clock_ms() - slot->started_ms,
	    use);
	snprintf(report, SCOREBOARD_REPORT_SIZE,
	    "worker (pid %ld, client %s) %s %s%s; %s; its client is "
	    "disconnected, no other is",
	    (long)pid, client, end,
	    command[0] == '\0' ? "while idle" : "during ", command, used);
}
