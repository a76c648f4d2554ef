/*
 * server: the kvd that is started on an image, and its log.
 */

#ifndef DAMAGE_SERVER_H
#define DAMAGE_SERVER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "damage/damage.h"

struct server {
	const struct try_options *options;
	pid_t master; /* 0: it has ended */
	int status; /* then: its wait status */
};

void server_start(struct server *);
/* Has it announced that it accepts connections? */
bool server_is_ready(const struct server *);
/* Does it run? */
bool server_runs(struct server *);
/* Asks for a checkpoint, and says how many there were. */
unsigned int server_checkpoint(const struct server *);
unsigned int server_checkpoints(const struct server *);
/* How often a process has crashed, or was killed because it hung. */
unsigned int server_crashes(const struct server *);
/* Finds the last line of the log that says what to do about the store. */
bool server_sentence(const struct server *, char *line, size_t size);
/* Ends it, by force if it does not end by itself: false. */
bool server_stop(struct server *);
/* Runs `kvd -c'.  Has it found anything? */
bool server_check_finds(const struct server *);

#endif
