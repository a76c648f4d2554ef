/*
 * control_clients: lists and ends clients, for kvctl(8).  Runs in the master.
 * What workers say about themselves is printed, and not trusted.
 */

#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/number.h"
#include "common/scoreboard.h"
#include "master/adopt.h"
#include "master/control_clients.h"
#include "master/control_report.h"

/* How many clients are looked at before the master does something else. */
#define CLIENTS_AT_ONCE 64
/* How long a worker that was told to end may take, as far as kvctl waits. */
#define KILL_MS 5000
/* A client is idle when it has asked nothing for so long, and how often a kvd
 * that drains looks for such clients. */
#define DRAIN_IDLE_MS 1000
#define DRAIN_INTERVAL_MS 1000

void
control_list_clients(struct master *m, struct control_conn *conn,
    int64_t now_ms)
{
	struct scoreboard_client client;
	uint32_t slot;
	int i;

	for (i = 0; i < CLIENTS_AT_ONCE; i++) {
		slot =
		    scoreboard_next_client(m->scoreboard, conn->slot, &client);
		if (slot == SCOREBOARD_NONE) {
			control_done(conn);
			return;
		}
		conn->slot = slot;
		control_report_client(conn, &client, now_ms);
	}
}

/*
 * Tells the worker of a client to end.  The descriptor keeps what is checked
 * then true: that the process with this pid is a worker, and this client's, and
 * not one that got the pid after the worker had ended.  Returns 0, also if it
 * has ended, or -1 with errno.
 */
static int
dismiss(struct master *m, uint64_t id, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), rc = 0, saved;

	if (fd == -1)
		return errno == ESRCH ? 0 : -1;
	if (scoreboard_find(m->scoreboard, id) == pid &&
	    adopt_is_worker(m, pid))
		rc = (int)syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return rc == -1 && errno == ESRCH ? 0 : rc;
}

void
control_kill_client(struct master *m, struct control_conn *conn, const char *id)
{
	int64_t number;
	pid_t pid;

	if (!number_in_range(id, 1, INT64_MAX, &number)) {
		control_fail(conn, "kill needs the id of a client");
		return;
	}
	conn->client = (uint64_t)number;
	if ((pid = scoreboard_find(m->scoreboard, conn->client)) == 0)
		control_fail(conn, "there is no client %s", id);
	else if (dismiss(m, conn->client, pid) == -1)
		control_fail(conn, "cannot end worker %ld: %s", (long)pid,
		    strerror(errno));
	else
		control_await(conn, CONTROL_WAIT_CLIENT, KILL_MS);
}

void
control_check_killed(struct master *m, struct control_conn *conn, bool late)
{
	pid_t pid = scoreboard_find(m->scoreboard, conn->client);

	if (pid == 0)
		control_done(conn);
	else if (late)
		control_fail(conn,
		    "worker %ld has been told to end, and has not ended yet",
		    (long)pid);
}

/* Has the client neither asked anything of late, nor begun something? */
static bool
is_idle(const struct scoreboard_client *c, int64_t now_ms)
{
	return c->active && c->command[0] == '\0' && !c->in_transaction &&
	    now_ms - c->active_ms >= DRAIN_IDLE_MS;
}

/* Ends those of some clients that are idle.  False: these were the last. */
static bool
drain_some(struct master *m, int64_t now_ms)
{
	struct scoreboard_client client;
	int i;

	for (i = 0; i < CLIENTS_AT_ONCE; i++) {
		m->drain_slot = scoreboard_next_client(m->scoreboard,
		    m->drain_slot, &client);
		if (m->drain_slot == SCOREBOARD_NONE)
			return false;
		if (is_idle(&client, now_ms))
			(void)dismiss(m, client.id, client.pid);
	}
	return true;
}

int64_t
control_drain(struct master *m, int64_t now_ms)
{
	if (!m->draining || m->stopping)
		return CLOCK_NEVER;
	if (m->drain_at_ms <= now_ms)
		m->drain_at_ms =
		    now_ms + (drain_some(m, now_ms) ? 0 : DRAIN_INTERVAL_MS);
	return m->drain_at_ms;
}
