/*
 * The roster: who is connected, in memory that the master and all acceptors
 * share.  It outlives any acceptor, so that max-clients and
 * max-clients-per-source stay exact when one dies: the master releases the
 * workers that it has adopted, the next acceptor counts on.
 *
 * An acceptor takes a slot before it forks a worker, tells its pid after,
 * and releases it when it has reaped the worker.  A robust mutex guards the
 * whole: if its holder dies, the next one counts anew (pthread_mutex_lock(3)).
 *
 * Workers do not have this memory, except for one page each: the cell of its
 * slot, in which a worker says what it does.  That is for crash reports, and
 * nobody trusts it.
 */

#ifndef COMMON_ROSTER_H
#define COMMON_ROSTER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct rusage;
struct sockaddr_storage;

/* Most clients that there may ever be; untouched slots cost no memory. */
#define ROSTER_MAX 100000
#define ROSTER_NONE UINT32_MAX
/* What is read of a cell, NUL included. */
#define ROSTER_CELL_SIZE 64
/* What roster_report() fills. */
#define ROSTER_REPORT_SIZE 384

struct roster;

enum roster_result {
	ROSTER_OK = 0,
	ROSTER_FULL, /* as many clients as there may be */
	ROSTER_SOURCE_FULL, /* as many as there may be from this address */
};

/* Makes the memory; returns a descriptor (close-on-exec), or -1 with errno. */
int roster_create(void);
/* Maps it; the descriptor is borrowed, and must stay open.  Processes that
 * are forked do not have the memory.  NULL with errno. */
struct roster *roster_open(int fd);
void roster_close(struct roster *);
/* Registry: where the number of clients that were refused is counted, to be
 * read only.  NULL with errno. */
const uint64_t *roster_map_refused(int fd);

/*
 * Acceptor: takes a slot for a client from this address.  A limit of 0 for
 * one source is none; Unix sockets have no source.
 */
enum roster_result roster_take(struct roster *, const struct sockaddr_storage *,
    int64_t max, int64_t max_per_source, uint32_t *slot);
void roster_set_pid(struct roster *, uint32_t slot, pid_t pid);
void roster_release(struct roster *, uint32_t slot);
/* The first worker after slot `after` (ROSTER_NONE: of all) that `owner`, an
 * acceptor (0: any), has forked.  ROSTER_NONE: there is none. */
uint32_t roster_next(struct roster *, pid_t owner, uint32_t after, pid_t *pid);
/* A client was refused, for whatever reason. */
void roster_count_refused(struct roster *);
/* Worker, which has nothing of the roster but the descriptor: maps its own
 * slot's cell, empty.  NULL: there is no memory, or no room, for it. */
char *roster_map_cell(const struct roster *, uint32_t slot);

/*
 * Master: like the functions above, but never waits for long.  Returns 0, or
 * the pid of who holds the roster and does not let go: it is to be killed.
 */
pid_t roster_release_soon(struct roster *, uint32_t slot);
/*
 * Master: acceptor `owner` is dead.  Of the slot that it had taken and whose
 * worker it had no time to name, `orphan` (0: none) is the worker.  Its slots
 * are the master's from here on.
 */
pid_t roster_adopt(struct roster *, pid_t owner, pid_t orphan);
/* Is there such a slot? */
bool roster_has_unnamed(struct roster *, pid_t owner);

/*
 * One line about the end of a slot's worker: "worker (pid 1, client
 * 127.0.0.1:2) died of SIGSEGV during GET ...".
 */
void roster_report(struct roster *, uint32_t slot, pid_t pid, int status,
    const struct rusage *, char *report);

#endif
