/*
 * The scoreboard: which clients are connected, in memory that the master and
 * all acceptors share.  Each client has a slot.  An acceptor takes a slot
 * before it forks a worker, records the worker's pid after that, and releases
 * the slot when it has reaped the worker.
 *
 * The memory outlives any process but the master, so that max-clients and
 * max-clients-per-source hold exactly even when processes are killed.  What the
 * others may assume when one of them dies, at whatever instruction:
 *
 * A worker: its slot stays taken until its parent has reaped it.  Workers do
 * not have this memory, except for one page each: the text of their slot, in
 * which they say what they do.  It is for crash reports, and nobody trusts it.
 *
 * An acceptor: its slots stay as they are, with its pid as their owner, until
 * the master makes them its own (scoreboard_adopt()).  Some of them may be of
 * workers that it has reaped and not released yet.  At most one may have no
 * pid: the acceptor had taken that slot, and perhaps forked the worker.
 *
 * The process that has the lock: the next one to get the lock repairs what was
 * half done, see common/scoreboard_lock.h.
 *
 * The master: acceptors and workers end, and the memory with the last of them.
 */

#ifndef COMMON_SCOREBOARD_H
#define COMMON_SCOREBOARD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct rusage;
struct sockaddr_storage;

/* The number of slots.  Those that have never been used cost no memory. */
#define SCOREBOARD_MAX 100000
#define SCOREBOARD_NONE UINT32_MAX /* no slot */
#define SCOREBOARD_SESSION_SLOTS 131072
/* How much of a slot's text is read, NUL included. */
#define SCOREBOARD_TEXT_SIZE 64
/* The size of scoreboard_report()'s line, NUL included. */
#define SCOREBOARD_REPORT_SIZE 384

struct scoreboard;

enum scoreboard_result {
	SCOREBOARD_OK = 0,
	SCOREBOARD_FULL, /* there are as many clients as are allowed */
	SCOREBOARD_SOURCE_FULL, /* ... or as are allowed from this address */
};

/* Master: makes the memory.  Returns a descriptor (close-on-exec), or -1 with
 * errno. */
int scoreboard_create(void);
/* Maps the memory.  The descriptor must stay open, and is not closed by
 * scoreboard_close().  Processes that are forked do not inherit the mapping.
 * Returns NULL with errno. */
struct scoreboard *scoreboard_open(int fd);
void scoreboard_close(struct scoreboard *);

/* Acceptor: counts a client that was refused, for whatever reason. */
void scoreboard_count_refused(struct scoreboard *);
/* Registry: the same as scoreboard_open(), but the memory can only be read. */
struct scoreboard *scoreboard_open_to_read(int fd);
/* Registry: how many clients were refused. */
uint64_t scoreboard_refused(const struct scoreboard *);
/* Registry: is this process the worker that has this session?  The pid does not
 * matter as long as the acceptor has not recorded it. */
bool scoreboard_is_worker(const struct scoreboard *, uint64_t session,
    pid_t pid);
/* Registry: has any worker this session?  It has until it was reaped. */
bool scoreboard_has_session(const struct scoreboard *, uint64_t session);
/* The slot that is part of a session, below SCOREBOARD_SESSION_SLOTS.  If there
 * is no such slot, nor is there such a worker. */
uint32_t scoreboard_session_slot(uint64_t session);

/*
 * Acceptor: takes a slot for a client from this address.  `max` limits all
 * clients, `max_per_source` those from one address (0: no limit).  Clients on
 * Unix sockets have no address to be limited by.
 */
enum scoreboard_result scoreboard_take(struct scoreboard *,
    const struct sockaddr_storage *, int64_t max, int64_t max_per_source,
    uint32_t *slot);
/* Before the fork: makes the number by which the registry will know the worker
 * out of a random one. */
uint64_t scoreboard_set_session(struct scoreboard *, uint32_t slot,
    uint64_t random);
void scoreboard_set_pid(struct scoreboard *, uint32_t slot, pid_t pid);
void scoreboard_release(struct scoreboard *, uint32_t slot);
/*
 * Finds the first slot behind `after` (SCOREBOARD_NONE: of all) whose worker is
 * known and, unless `owner` is 0, whose owner is this process.  Returns the
 * slot and sets *pid, or returns SCOREBOARD_NONE.
 */
uint32_t scoreboard_next(struct scoreboard *, pid_t owner, uint32_t after,
    pid_t *pid);

/*
 * Master: releases a slot, but never waits for long.  Returns 0, or the pid of
 * the process that has held the lock for more than a second: kill it, and call
 * again.
 */
pid_t scoreboard_release_soon(struct scoreboard *, uint32_t slot);
/*
 * Master: takes over the slots of an acceptor that is dead.  `orphan` is the
 * worker of the slot that has no pid; if it is 0, there is no such worker, and
 * the slot is released.  Returns like scoreboard_release_soon().
 */
pid_t scoreboard_adopt(struct scoreboard *, pid_t acceptor, pid_t orphan);
/* Master: has this dead acceptor left a slot without a pid? */
bool scoreboard_lacks_pid(struct scoreboard *, pid_t acceptor);

/* Worker: maps the page of its slot's text, and empties it.  Returns NULL when
 * there is no memory, or when the file is too short to have this page. */
char *scoreboard_map_text(const struct scoreboard *, uint32_t slot);
/*
 * Master and acceptor: fills `report` with one line about the end of a slot's
 * worker, such as "worker (pid 1, client 127.0.0.1:2) died of SIGSEGV during
 * GET ...".
 */
void scoreboard_report(struct scoreboard *, uint32_t slot, pid_t pid,
    int status, const struct rusage *, char *report);

#endif
