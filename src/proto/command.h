/*
 * The table of commands: which words a client may send, and which message each
 * becomes.  doc/architecture.md has the steps to add one.
 */

#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "proto/message.h"

/* Who answers a command: the registry, or the worker and which of its
 * functions. */
enum command_local {
	COMMAND_REMOTE = 0, /* the registry */
	COMMAND_ECHO,
	COMMAND_QUIT,
	COMMAND_HELP,
	COMMAND_BEGIN,
	COMMAND_COMMIT,
	COMMAND_ABORT,
	/* The worker asks the registry for one page after another
	 * (proto/listing.h). */
	COMMAND_BUCKETS,
	COMMAND_KEYS,
	COMMAND_ENTRIES,
};

/* Most options that a command has. */
#define COMMAND_OPTIONS_MAX 2

/* A field that a keyword stands in front of. */
struct command_option {
	const char *keyword;
	/* Its word, if the option is left out; NULL: it may not be. */
	const char *absent;
};

struct command {
	const char *name; /* in upper case */
	/* For HELP: its arguments, and what it does.  NULL if another row of the
	 * same name has them. */
	const char *usage;
	const char *help;
	enum command_local local;
	/*
	 * Of COMMAND_REMOTE: the message that it becomes.  Each word is a field
	 * of that, in the order of proto/schema.c.  The last fields may be
	 * options, which come in any order, each behind its keyword.
	 */
	enum message_type request;
	/* Of the last field that is no option: what it is if there is no word
	 * for it; or NULL. */
	const char *last;
	struct command_option options[COMMAND_OPTIONS_MAX];
	/* Of the others: how many words may follow the name. */
	size_t words_min, words_max;
};

/*
 * Finds the command that these words (at least one) stand for.  Returns NULL if
 * the first is no command's name, or if their number is wrong.
 */
const struct command *command_find(const struct bytes *words, size_t n);

/* The i-th row of the table; NULL: it has fewer. */
const struct command *command_get(size_t i);

/* The number under which a command is counted: the same for all rows of a name
 * (common/counters.h). */
size_t command_number(const struct command *);
/* The number of the command that becomes this request; a transaction is a
 * COMMIT. */
size_t command_number_of(uint16_t request);
/* The name that is counted under this number, such as "GET"; "other" is for
 * COUNTERS_NO_COMMAND.  NULL: nothing is counted under it. */
const char *command_counted(size_t number);

/* Is there a command of this name? */
bool command_exists(struct bytes name);

/*
 * Appends the data lines of HELP: those of the command of this name, or of all
 * commands if the name is empty.
 */
void command_help(struct bytes name, struct buf *);

/* May it be part of a transaction? */
bool command_is_queued(const struct command *);

/* Reads a time to live: a number of seconds, or one with ms, s, m, h or d behind
 * it.  Returns STATUS_OK, or the error to answer with. */
enum status command_parse_time(struct bytes word, int64_t *time_ms);

/*
 * Encodes these words as the request that they stand for, and appends it to the
 * buffer.  The command is COMMAND_REMOTE, and command_find() has found it for
 * the same words.  Returns STATUS_OK, or the error to answer with, and then has
 * appended nothing.  Names have 1 to 255 bytes, values up to `value_max`,
 * numbers 64 bits.
 */
enum status command_encode(const struct command *, const struct bytes *words,
    size_t n, size_t value_max, uint64_t sequence, struct buf *);

#endif
