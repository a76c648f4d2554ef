/*
 * The channel between the master and a long-lived child: a pair of
 * SOCK_SEQPACKET sockets.  A packet is one message: a byte for its type, and a
 * payload.  When either end dies, the other one reads end of file.
 */

#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/io_fds.h"
#include "common/privileges.h"
#include "common/sandbox.h"

/* The descriptors that a child gets from the master. */
enum channel_fd {
	CHANNEL_FD = 3,
	CHANNEL_LIFELINE_FD, /* acceptor: a pipe whose other end only the master
			      * has; end of file means that kvd stops */
	CHANNEL_PROGRAM_FD, /* its program: an acceptor executes it again, even
			     * if another file has its name by then */
	CHANNEL_SCOREBOARD_FD, /* common/scoreboard.h */
	CHANNEL_CHECKPOINT_FD, /* registry, checkpointer: see
				* common/checkpoint.h */
	CHANNEL_OOM_FD, /* acceptor: its oom_score_adj (proc(5)), to write; or
			 * nothing */
	CHANNEL_LISTEN_FD, /* the first of the listening sockets */
};

/* A child's only argument: blanks, which it overwrites with the title that
 * ps(1) shows (common/title.h). */
#define TITLE_PADDING                              \
	"                                        " \
	"                                        "

enum channel_type {
	/* master -> child */
	CHANNEL_CONFIG = 1, /* u8 log targets, u8 verbose, i64 clock_wall_base,
			     * 2 u64 store identity, struct privileges,
			     * 2 u16 instructions of the filters, the filters,
			     * configuration lines;
			     * the first message, sent again when the
			     * configuration has changed */
	CHANNEL_PING, /* no payload; a child that does not answer hangs */
	CHANNEL_CHECKPOINT, /* to the registry, no payload: what is committed is
			     * to be brought into data.mdb */
	CHANNEL_VERBOSE, /* no payload: log more from now on, */
	CHANNEL_BRIEF, /* or less */

	/* child -> master */
	CHANNEL_READY, /* 2 u64: from the registry the store's identity, and
			* perhaps a descriptor of the file `epoch`; from the
			* others 0 */
	CHANNEL_PONG, /* no payload; answers PING; before READY, where no PING
		       * comes: the start takes long, and goes on */
	CHANNEL_CHECKPOINTED, /* 2 u64: the revision up to which data.mdb has
			       * everything, and 0; answers CHECKPOINT */
	CHANNEL_RENEW, /* no payload; the child executes itself again and needs
			* CONFIG again */
	CHANNEL_REPLACE, /* no payload; an acceptor that cannot execute itself
			  * again, because its root has no programs, wants to
			  * be replaced by another process */
	CHANNEL_VIOLATION, /* 2 u64: the system call that the child's sandbox
			    * has not allowed, and 0; the child's last message */
};

/* The store that the first registry has opened (store_identity(), in
 * store/store.h).  Later registries and checkpointers must find the same store,
 * and must not make another one.  All 0: no registry has been ready yet. */
struct channel_store {
	uint64_t id[2];
};

/* The filters of a child (common/sandbox.h). */
enum channel_filter {
	CHANNEL_FILTER_CHILD, /* its own */
	CHANNEL_FILTER_WORKER, /* acceptor: what it adds for its workers */
	CHANNEL_FILTERS
};

/* What a child is told besides the configuration. */
struct startup_params {
	uint8_t log_where;
	bool verbose;
	int64_t wall_base_ms; /* clock_wall_base(), as the master saw it */
	struct channel_store store; /* of the first registry; else 0 */
	/* Descriptors of the cache (area/memory.h), if there is one that is
	 * shared: to the registry those to write the two memories; to the
	 * checkpointer that to read the first; to an acceptor those to read the
	 * first, to write the second, and to read the file `epoch`. */
	int fds[IO_FDS_MAX];
	size_t n_fds;
	struct privileges privileges;
	/* Those of channel_recv_config() are valid until channel_serve(). */
	struct sandbox_filter filters[CHANNEL_FILTERS];
};

enum channel_event {
	CHANNEL_NOTHING,
	CHANNEL_NEW_CONFIG,
	CHANNEL_BAD_CONFIG, /* `error` says why; the old one is kept */
	CHANNEL_WANTS_CHECKPOINT, /* CHECKPOINT has come */
	CHANNEL_WANTS_VERBOSE, /* VERBOSE has come */
	CHANNEL_WANTS_BRIEF, /* BRIEF has come */
	CHANNEL_UNKNOWN, /* a packet that the master never sends */
	CHANNEL_END, /* the master has ended */
};

/* Master: sends CONFIG.  Does not wait.  Returns 0, or -1 with errno. */
int channel_send_config(int fd, const struct config *,
    const struct startup_params *);
/* Either end: sends a message that has no payload.  Does not wait.  Returns 0,
 * or -1 with errno. */
int channel_send(int fd, enum channel_type);
/* Child: sends READY, with a descriptor (-1: none).  Returns 0, or -1 with
 * errno. */
int channel_send_ready(const struct channel_store *, int passed_fd);
/* Registry: sends CHECKPOINTED.  Returns 0, or -1 with errno. */
int channel_send_checkpointed(uint64_t revision);
/* Master: reads a packet, and what READY, CHECKPOINTED or VIOLATION has;
 * *passed_fd is -1, or a descriptor that came with it.  Returns its type, or an
 * io_result (common/io.h). */
int channel_recv(int fd, uint64_t numbers[2], int *passed_fd);

/* Child: was this inherited socket made by root, or by who runs this process?
 * If not, errno says so. */
bool channel_is_masters(int fd);
/* Child: sends VIOLATION.  A signal handler may call this
 * (signal-safety(7)). */
void channel_send_violation(int number);

/*
 * Child: waits for the configuration on CHANNEL_FD.  Returns EX_OK, or the
 * status to exit with and one line in `error` (CONFIG_ERROR_SIZE bytes):
 * EX_USAGE when there is no channel, EX_TEMPFAIL when the next attempt may
 * succeed.
 */
int channel_recv_config(struct config *, struct startup_params *, char *error);
/*
 * Child: reads what has come on CHANNEL_FD, and answers pings.  A new
 * configuration replaces *config.
 */
enum channel_event channel_serve(struct config *, char *error);

#endif
