/*
 * The table of commands: what a client may say, and what it becomes.
 * doc/architecture.md has the steps that add one.
 */

#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

/* What the worker answers by itself. */
enum command_local {
	COMMAND_REMOTE = 0, /* nothing: the registry answers */
	COMMAND_ECHO,
	COMMAND_QUIT,
	COMMAND_HELP,
	COMMAND_BEGIN,
	COMMAND_COMMIT,
	COMMAND_ABORT,
	/* It asks the registry page by page: proto/listing.h. */
	COMMAND_BUCKETS,
	COMMAND_KEYS,
	COMMAND_ENTRIES,
};

struct command {
	const char *name; /* in upper case */
	/* Its arguments, and what it does, for HELP; NULL: they are in another
	 * row of the same name. */
	const char *usage;
	const char *help;
	enum command_local local;
	/*
	 * If COMMAND_REMOTE: the message that it becomes.  Each word is a field
	 * of it, in the order of proto/schema.c, except `keyword`.
	 */
	enum message_type request;
	const char *keyword; /* has to come before the last field; or NULL */
	const char *last; /* what the last field is if left out; or NULL */
	/* If not COMMAND_REMOTE: how many words may follow the name. */
	size_t words_min, words_max;
};

/*
 * Finds the command that these words (at least one) make.  Returns NULL for
 * an unknown word or a wrong number of words.
 */
const struct command *command_find(const struct bytes *words, size_t n);

/* The i-th row of the table; NULL: it has fewer. */
const struct command *command_get(size_t i);

/* Is there a command of this name? */
bool command_exists(struct bytes name);

/*
 * Appends data lines about the command of this name, or about all of them if
 * the name is empty.
 */
void command_help(struct bytes name, struct buf *);

/* May it be part of a transaction? */
bool command_is_queued(const struct command *);

/*
 * Appends the request that the words make of a remote command, which
 * command_find() found for them.  Returns STATUS_OK, or, with nothing
 * appended, the error to answer.  Names have 1 to 255 bytes, values up to
 * `value_max`, numbers 64 bits.
 */
enum status command_encode(const struct command *, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *);

#endif
