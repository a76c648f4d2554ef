/*
 * The table of commands: what a client may say, and what it becomes.  To
 * add a command that the registry answers, add a row here, a message type
 * in proto/message.h, and a function in registry/calls.c.
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
	/*
	 * A letter for each word that follows: b bucket, k key, v or o value,
	 * n number, s seconds, x the word EX, w any.  Those after '?' may be
	 * left out; "+" stands for one or more words of any kind, "*" for any
	 * number of them.
	 */
	const char *args;
	enum message_type request; /* if COMMAND_REMOTE */
	enum command_local local;
	bool queued; /* may be part of a transaction */
	const char *usage; /* NULL: in another row of the same name */
	const char *help;
};

/*
 * Finds the command that these words (at least one) make.  Returns NULL for
 * an unknown word or a wrong number of words.
 */
const struct command *command_find(const struct bytes *words, size_t n);

/* Is there a command of this name? */
bool command_exists(struct bytes name);

/*
 * Appends data lines about the command of this name, or about all of them if
 * the name is empty.
 */
void command_help(struct bytes name, struct buf *);

/*
 * Appends the request that the words make of a remote command, which
 * command_find() found for them.  Returns STATUS_OK, or, with nothing
 * appended, the error to answer.  Names have 1 to 255 bytes, values up to
 * `value_max`, numbers 64 bits.
 */
enum status command_encode(const struct command *, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *);

#endif
