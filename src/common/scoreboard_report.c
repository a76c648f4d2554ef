/*
 * scoreboard_report: says how a worker has ended.  Runs in the master and the
 * acceptors; what the worker has written of its activity is not trusted.
 */

#include <sys/resource.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
describe_command(const struct activity *a, char *command, size_t size)
{
	size_t i = 0;

	for (; i < size - 1 && isupper((unsigned char)a->command[i]); i++)
		command[i] = a->command[i];
	command[i] = '\0';
}

void
scoreboard_report(struct scoreboard *board, uint32_t n, pid_t pid, int status,
    const struct rusage *use, char *report)
{
	const struct slot *slot = &board->slots->slots[n];
	char client[80], command[16], end[EXIT_DESCRIPTION_SIZE], used[96];
	struct activity a;

	scoreboard_describe_peer(slot, client, sizeof(client));
	scoreboard_read_activity(board, n, &a);
	if (!activity_is_of(&a, slot->id))
		memset(&a, 0, sizeof(a));
	describe_command(&a, command, sizeof(command));
	exit_describe(end, sizeof(end), status, activity_violation(&a));
	exit_describe_use(used, sizeof(used), clock_ms() - slot->started_ms,
	    use);
	snprintf(report, SCOREBOARD_REPORT_SIZE,
	    "worker (pid %ld, client %s) %s %s%s; %s; its client is "
	    "disconnected, no other is",
	    (long)pid, client, end,
	    command[0] == '\0' ? "while idle" : "during ", command, used);
}

/* How the lines about a connection begin. */
static void
describe_connection(const struct slot *slot, char *text, size_t size)
{
	char peer[80], process[64] = "";

	scoreboard_describe_peer(slot, peer, sizeof(peer));
	if (slot->peer_pid != 0)
		snprintf(process, sizeof(process), ", uid %ld, pid %ld",
		    (long)slot->peer_uid, (long)slot->peer_pid);
	snprintf(text, size, "connection %" PRIu64 " (%s%s)", slot->id, peer,
	    process);
}

void
scoreboard_report_open(const struct scoreboard *board, uint32_t n, pid_t pid,
    char *report)
{
	char connection[192];

	describe_connection(&board->slots->slots[n], connection,
	    sizeof(connection));
	snprintf(report, SCOREBOARD_REPORT_SIZE, "%s opened; worker %ld",
	    connection, (long)pid);
}

void
scoreboard_report_close(const struct scoreboard *board, uint32_t n, int status,
    char *report)
{
	const struct slot *slot = &board->slots->slots[n];
	int64_t ms = clock_ms() - slot->started_ms;
	struct scoreboard_end end;
	char connection[192];

	describe_connection(slot, connection, sizeof(connection));
	scoreboard_read_end(board, n, status, &end);
	snprintf(report, SCOREBOARD_REPORT_SIZE,
	    "%s closed, %s; %" PRId64 ".%03ds, %" PRIu64 " commands, %" PRIu64
	    " bytes received, %" PRIu64 " sent",
	    connection, counters_close_reason(end.reason), ms / 1000,
	    (int)(ms % 1000), end.activity.commands, end.activity.received,
	    end.activity.sent);
}
