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
 * not have this memory, except for a page or two each, in which they say what
 * they do and have done (common/activity.h).  Nobody trusts what is there.
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

#include "common/counters.h"

struct activity;
struct rusage;
struct sockaddr_storage;

/* The number of slots.  Those that have never been used cost no memory. */
#define SCOREBOARD_MAX 100000
#define SCOREBOARD_NONE UINT32_MAX /* no slot */
#define SCOREBOARD_SESSION_SLOTS 131072
/* The size of scoreboard_report()'s line, NUL included. */
#define SCOREBOARD_REPORT_SIZE 384

struct scoreboard;

/* What becomes of new clients. */
enum scoreboard_admission {
	SCOREBOARD_ADMITS,
	SCOREBOARD_REFUSES,
	SCOREBOARD_PAUSES, /* they wait in the backlog */
};

enum scoreboard_result {
	SCOREBOARD_OK = 0,
	SCOREBOARD_FULL, /* there are as many clients as are allowed */
	SCOREBOARD_SOURCE_FULL, /* ... or as are allowed from this address */
	SCOREBOARD_SUSPENDED, /* SCOREBOARD_REFUSES is in force */
};

/* Master: makes the memory.  Returns a descriptor (close-on-exec), or -1 with
 * errno. */
int scoreboard_create(void);
/* Maps the memory.  The descriptor must stay open, and is not closed by
 * scoreboard_close().  Processes that are forked do not inherit the mapping.
 * Returns NULL with errno. */
struct scoreboard *scoreboard_open(int fd);
void scoreboard_close(struct scoreboard *);

/* Acceptor: counts a client that was refused. */
void scoreboard_count_refused(struct scoreboard *, enum refuse_reason);
/* Master: counts the restart of a process. */
void scoreboard_count_restart(struct scoreboard *, enum counted_process);
/* Registry: the same as scoreboard_open(), but the memory can only be read. */
struct scoreboard *scoreboard_open_to_read(int fd);
/* Registry: maps what it counts itself (COUNTERS_OF_REGISTRY).  Returns NULL
 * with errno. */
uint64_t *scoreboard_map_registry(int fd);
/* Registry: how many clients were refused. */
uint64_t scoreboard_refused(const struct scoreboard *);
/* Registry: how many requests workers have answered without it. */
uint64_t scoreboard_local_hits(const struct scoreboard *);
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
/* Says whose process the client of a Unix socket is. */
void scoreboard_set_peer(struct scoreboard *, uint32_t slot, uid_t uid,
    pid_t pid);
/* The id of the slot's connection, for scoreboard_map_activity(). */
uint64_t scoreboard_id(const struct scoreboard *, uint32_t slot);
/* Releases the slot of a worker that could not be started: it counts as
 * refused. */
void scoreboard_cancel(struct scoreboard *, uint32_t slot);
/* Releases the slot of a worker that has ended with this status of wait(2), and
 * adds what it has counted to the totals.  -1: the status is not known. */
void scoreboard_release(struct scoreboard *, uint32_t slot, int status);
/*
 * Finds the first slot behind `after` (SCOREBOARD_NONE: of all) whose worker is
 * known and, unless `owner` is 0, whose owner is this process.  Returns the
 * slot and sets *pid, or returns SCOREBOARD_NONE.
 */
uint32_t scoreboard_next(struct scoreboard *, pid_t owner, uint32_t after,
    pid_t *pid);

/* Master: from now on, all acceptors do this with new clients. */
void scoreboard_admit(struct scoreboard *, enum scoreboard_admission);
enum scoreboard_admission scoreboard_admission(const struct scoreboard *);
/* The worker of the client with this id; 0: there is none. */
pid_t scoreboard_find(const struct scoreboard *, uint64_t id);
/* How many slots are taken, as of now. */
uint32_t scoreboard_count(const struct scoreboard *);

/*
 * Master: releases a slot, but never waits for long.  Returns 0, or the pid of
 * the process that has held the lock for more than a second: kill it, and call
 * again.
 */
pid_t scoreboard_release_soon(struct scoreboard *, uint32_t slot, int status);
/*
 * Master: takes over the slots of an acceptor that is dead.  `orphan` is the
 * worker of the slot that has no pid; if it is 0, there is no such worker, and
 * the slot is released.  Returns like scoreboard_release_soon().
 */
pid_t scoreboard_adopt(struct scoreboard *, pid_t acceptor, pid_t orphan);
/* Master: has this dead acceptor left a slot without a pid? */
bool scoreboard_lacks_pid(struct scoreboard *, pid_t acceptor);

/* Worker: maps its slot's activity.  Returns NULL when there is no memory, or
 * when the file is too short to have these pages. */
struct activity *scoreboard_map_activity(const struct scoreboard *,
    uint32_t slot);

/*
 * Master: fills `values` (COUNTERS) with all counters.  clients-accepted is
 * exactly the sum of clients-connected and clients-closed, which are read at
 * one instant.  Does not wait for longer than some milliseconds: if the lock is
 * not to be had so long, the numbers are not of one instant.
 */
void scoreboard_sum(struct scoreboard *, uint64_t *values);

/* A client, and what its worker does. */
struct scoreboard_client {
	uint64_t id; /* of the connection, as in the log */
	pid_t pid; /* the worker */
	pid_t owner; /* its parent: an acceptor, or the master */
	char peer[80]; /* ADDRESS:PORT, or that it is on a Unix socket */
	bool is_unix;
	uid_t peer_uid; /* of a Unix socket's client; with peer_pid 0 it is */
	pid_t peer_pid; /* not known */
	int64_t started_ms; /* by clock_ms() */
	/* False: the worker has only just begun, and the fields below are 0. */
	bool active;
	char command[32]; /* the one under way, or "" */
	uint32_t subscriptions;
	bool in_transaction;
	uint32_t queued_requests; /* in that transaction */
	uint64_t queued_bytes; /* for the client, which does not take them */
	int64_t active_ms; /* when it last executed a command */
	int64_t listing_ms; /* when the listing under way began; 0: none */
	uint64_t commands, received, sent; /* so far */
};

/*
 * Master: describes the first client behind slot `after` (SCOREBOARD_NONE: of
 * all).  Returns its slot, or SCOREBOARD_NONE.  Needs no lock: the client may
 * have gone meanwhile.
 */
uint32_t scoreboard_next_client(struct scoreboard *, uint32_t after,
    struct scoreboard_client *);
/*
 * Master and acceptor: fills `report` with one line about the end of a slot's
 * worker, such as "worker (pid 1, client 127.0.0.1:2) died of SIGSEGV during
 * GET ...".
 */
void scoreboard_report(struct scoreboard *, uint32_t slot, pid_t pid,
    int status, const struct rusage *, char *report);

/* The same about its connection, for `log connections`: that it was opened, or,
 * before the slot is released, that it was closed.  `status` is as for
 * scoreboard_release(). */
void scoreboard_report_open(const struct scoreboard *, uint32_t slot, pid_t pid,
    char *report);
void scoreboard_report_close(const struct scoreboard *, uint32_t slot,
    int status, char *report);

#endif
