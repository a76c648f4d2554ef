/*
 * What the commands of kv share: the options, the connection, standard
 * output, and the ways to ask and to fail.
 */

#ifndef KV_KV_H
#define KV_KV_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/target.h"
#include "kv/kv_conn.h"
#include "kv/kv_options.h"
#include "kv/kv_status.h"
#include "kv/output.h"
#include "proto/message.h"
#include "proto/words.h"

struct kv;

/* A row of the table in kv_commands.c. */
struct kv_command {
	const char *name;
	const char *word; /* the command of the protocol that it sends */
	/* The first arguments are the fields of this message, in its order;
	 * 0: they may be any words. */
	enum message_type request;
	size_t args_min, args_max; /* how many arguments there may be */
	const char *options; /* its own options, as for getopt(3) */
	enum kv_status (*run)(struct kv *, const struct bytes *args, size_t n);
	const char *missing; /* what NOT FOUND means; NULL: print nothing */
	const char *usage; /* its options and arguments */
	const char *help;
};

struct kv {
	struct kv_options options;
	const struct kv_command *command; /* that runs; NULL: the prompt */
	struct target target;
	struct kv_conn conn;
	struct output out;
	struct buf raw; /* see kv_raw_words() */
	struct buf value; /* that was read from standard input */
};

/* More words than a request of kv has, but for GET.  KEYS b with all of its
 * options has eight. */
#define KV_WORDS_MAX 16

struct kv_request {
	struct bytes words[KV_WORDS_MAX];
	size_t n;
};

/* Call this first.  It undoes what a parent may have left: closed standard
 * streams, blocked or ignored signals. */
void kv_start(void);
void kv_init(struct kv *);
void kv_clear(struct kv *);

void kv_add(struct kv_request *, struct bytes word);
void kv_add_text(struct kv_request *, const char *text);
/* Adds a command of the protocol and its words. */
void kv_add_command(struct kv_request *, const char *command,
    const struct bytes *words, size_t n);

/* Adds a keyword and an argument, if it is not NULL. */
void kv_add_option(struct kv *, struct kv_request *, const char *keyword,
    char *arg);

/*
 * Makes a word of an argument.  With -w an argument that begins with a double
 * quote is a quoted word of the protocol, and is decoded in place.  Exits with
 * KV_USAGE if it is not.
 */
struct bytes kv_word(struct kv *, char *arg);
/* The same for a value: "-" stands for all of standard input, of which only one
 * value can be made. */
struct bytes kv_value(struct kv *, char *arg);

/* What is wrong with a line that words_split() refused. */
const char *kv_words_error(enum words_result);

/* On failure each of these prints a message and exits with KV_UNREACHABLE. */

/* Connects, if there is no connection yet. */
void kv_connect(struct kv *);
/* Sends a request. */
void kv_ask(struct kv *, const struct kv_request *);
/* Waits for the next line of the reply.  Returns true for data, false for
 * the status. */
bool kv_next(struct kv *, struct reply_line *);
/* Returns the words of a data line, of which there must be min to max. */
const struct bytes *kv_words(struct kv *, size_t min, size_t max, size_t *n);

/*
 * The same, but the words are as in the text of the line, quoted and undecoded.
 * Returns NULL if this text must not be printed as it is: call kv_words() then.
 */
const struct bytes *kv_raw_words(struct kv *, const struct reply_line *,
    size_t n);

/* Exits because the connection failed; conn.error is the reason. */
__attribute__((noreturn)) void kv_lost(struct kv *);
/* Exits because what the server said is not an answer to the request. */
__attribute__((noreturn)) void kv_nonsense(struct kv *);

/*
 * Prints what a status line other than OK means on standard error, unless the
 * exit status says it all.  Returns the exit status.
 */
enum kv_status kv_finish(struct kv *, const struct reply_line *);

#endif
