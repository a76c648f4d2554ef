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
#include "kv/kv_conn.h"
#include "kv/kv_options.h"
#include "kv/output.h"
#include "kv/kv_status.h"
#include "kv/target.h"

struct kv_command;

struct kv {
	struct kv_options options;
	const struct kv_command *command; /* the one that runs; NULL: prompt */
	struct target target;
	struct kv_conn conn;
	struct output out;
	struct buf value; /* what came from standard input */
};

/* Words of one request, at most: PUT b k v EX s. */
#define KV_WORDS_MAX 16

struct kv_request {
	struct bytes words[KV_WORDS_MAX];
	size_t n;
};

/* Whatever the parent has left: first of all (common/startup.h). */
void kv_start(void);
void kv_init(struct kv *);
void kv_clear(struct kv *);

void kv_add(struct kv_request *, struct bytes word);
void kv_add_text(struct kv_request *, const char *text);

/*
 * An argument as a word.  With -w, one that begins with a quote is quoted as
 * in the protocol; it is decoded in place.  Exits with KV_USAGE.
 */
struct bytes kv_word(struct kv *, char *arg);

/* Each of these exits when it fails: KV_UNREACHABLE, with a message. */

/* Connects, if that has not been done. */
void kv_connect(struct kv *);
/* Sends a request. */
void kv_ask(struct kv *, const struct kv_request *);
/* The next line of the reply; true: data, false: the status. */
bool kv_next(struct kv *, struct reply_line *);
/* The words of a data line, from min to max of them. */
const struct bytes *kv_words(struct kv *, size_t min, size_t max, size_t *n);

/* The connection is of no use, as conn.error says. */
__attribute__((noreturn)) void kv_lost(struct kv *);
/* The server says something that is no answer. */
__attribute__((noreturn)) void kv_nonsense(struct kv *);

/*
 * Says on standard error what a status line means that is not OK, unless
 * the exit status says it all.  Returns the exit status.
 */
enum kv_status kv_finish(struct kv *, const struct reply_line *);

#endif
