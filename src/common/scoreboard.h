/*
 * The scoreboard: who is connected, in memory that the master and all acceptors
 * share.  It outlives any acceptor, so that max-clients and
 * max-clients-per-source stay exact when one dies: the master releases the
 * workers that it has adopted, the next acceptor counts on.
 *
 * An acceptor takes a slot before it forks a worker, tells its pid after,
 * and releases it when it has reaped the worker.  A robust mutex guards the
 * whole: if its holder dies, the next one counts anew (pthread_mutex_lock(3)).
 *
 * Workers do not have this memory, except for one page each: the slot text of its
 * slot, in which a worker says what it does.  That is for crash reports, and
 * nobody trusts it.
 */

#ifndef COMMON_SCOREBOARD_H
#define COMMON_SCOREBOARD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct rusage;
struct sockaddr_storage;

/* Most clients that there may ever be; untouched slots cost no memory. */
#define SCOREBOARD_MAX 100000
#define SCOREBOARD_NONE UINT32_MAX
/* What is read of a slot text, NUL included. */
#define SCOREBOARD_TEXT_SIZE 64
/* What scoreboard_report() fills. */
#define SCOREBOARD_REPORT_SIZE 384

struct scoreboard;

enum scoreboard_result {
	SCOREBOARD_OK = 0,
	SCOREBOARD_FULL, /* as many clients as there may be */
	SCOREBOARD_SOURCE_FULL, /* as many as there may be from this address */
};

/* Makes the memory; returns a descriptor (close-on-exec), or -1 with errno. */
int scoreboard_create(void);
/* Maps it; the descriptor is borrowed, and must stay open.  Processes that
 * are forked do not have the memory.  NULL with errno. */
struct scoreboard *scoreboard_open(int fd);
void scoreboard_close(struct scoreboard *);
/* Registry: where the number of clients that were refused is counted, to be
 * read only.  NULL with errno. */
const uint64_t *scoreboard_map_refused(int fd);

/*
 * Acceptor: takes a slot for a client from this address.  A limit of 0 for
 * one source is none; Unix sockets have no source.
 */
enum scoreboard_result scoreboard_take(struct scoreboard *,
    const struct sockaddr_storage *, int64_t max, int64_t max_per_source,
    uint32_t *slot);
void scoreboard_set_pid(struct scoreboard *, uint32_t slot, pid_t pid);
void scoreboard_release(struct scoreboard *, uint32_t slot);
/* The first worker after slot `after` (SCOREBOARD_NONE: of all) that `owner`, an
 * acceptor (0: any), has forked.  SCOREBOARD_NONE: there is none. */
uint32_t scoreboard_next(struct scoreboard *, pid_t owner, uint32_t after,
    pid_t *pid);
/* A client was refused, for whatever reason. */
void scoreboard_count_refused(struct scoreboard *);
/* Worker, which has nothing of the scoreboard but the descriptor: maps its own
 * slot's slot_text, empty.  NULL: there is no memory, or no room, for it. */
char *scoreboard_map_slot_text(const struct scoreboard *, uint32_t slot);

/*
 * Master: like the functions above, but never waits for long.  Returns 0, or
 * the pid of who holds the scoreboard and does not let go: it is to be killed.
 */
pid_t scoreboard_release_soon(struct scoreboard *, uint32_t slot);
/*
 * Master: acceptor `owner` is dead.  Of the slot that it had taken and whose
 * worker it had no time to name, `orphan` (0: none) is the worker.  Its slots
 * are the master's from here on.
 */
pid_t scoreboard_adopt(struct scoreboard *, pid_t owner, pid_t orphan);
/* Is there such a slot? */
bool scoreboard_has_unnamed(struct scoreboard *, pid_t owner);

/*
 * One line about the end of a slot's worker: "worker (pid 1, client
 * 127.0.0.1:2) died of SIGSEGV during GET ...".
 */
void scoreboard_report(struct scoreboard *, uint32_t slot, pid_t pid,
    int status, const struct rusage *, char *report);

#endif
