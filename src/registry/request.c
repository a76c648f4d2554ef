/*
 * request: executes the requests of a worker.  Runs in the registry; the worker
 * may have been taken over by its client.
 *
 * Reads come from the snapshot of the last commit until the first write that a
 * connection has in this turn.  From then on all its requests go through the
 * batch, so that a client reads what it wrote.
 */

#include <poll.h>
#include <sysexits.h>

#include "common/io.h"
#include "common/log.h"
#include "proto/answer.h"
#include "proto/hello.h"
#include "proto/listing.h"
#include "proto/message.h"
#include "proto/schema.h"
#include "registry/calls.h"
#include "registry/conn.h"
#include "registry/events.h"
#include "registry/listing.h"
#include "registry/state.h"
#include "registry/request.h"
#include "registry/session.h"
#include "registry/transaction.h"
#include "store/store.h"

/* When `out` has more bytes than this, the next request of the connection waits
 * for the next turn. */
#define OUT_MAX MEMORY_FREE
/*
 * The same for a connection that writes, whose replies are stored with the
 * commit: neither a write after so many bytes of replies, nor a read that would
 * make them more, is executed in this turn.
 */
#define RECORD_MAX ((size_t)32 << 10)

/*
 * Of a request that takes several turns each does as much, until it has tried
 * so often; then twice as much, and so on.  So it ends even if others have the
 * store forget meanwhile how far it has come.
 */
#define TRIES 32

static enum request_result
break_conn(struct registry *r, struct conn *c, const char *why)
{
	warning_close(r, why);
	c->turn.broken = true;
	return REQUEST_WAIT;
}

/*
 * Nobody has this session.  If the peer has hung up, it may have been a worker
 * that has died since it connected: nothing to warn of.
 */
static enum request_result
refuse_stranger(struct registry *r, struct conn *c)
{
	struct pollfd pfd = { .fd = c->fd };

	if (io_poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLHUP) == 0)
		return break_conn(r, c, "not a worker of this kvd");
	c->turn.broken = true;
	return REQUEST_WAIT;
}

/* The turn greets before it writes anything, so there is no batch. */
static enum request_result
greet(struct registry *r, struct conn *c, const struct message *m)
{
	struct hello hello;

	switch (hello_get(m, &hello)) {
	case HELLO_OK:
		break;
	case HELLO_OTHER_VERSION:
		return break_conn(r, c, "other message version");
	case HELLO_MALFORMED:
		return break_conn(r, c, "malformed greeting");
	}
	if (c->looks)
		session_look(r, c);
	else if (!session_claim(r, c, hello.session))
		return refuse_stranger(r, c);
	if (!resume_begin(r, c, &hello))
		return break_conn(r, c, "malformed greeting");
	/* At once: a turn that is taken back does not greet again. */
	buf_consume(&c->in, m->frame_size);
	return REQUEST_DONE;
}

/* In the next turn, before there is a batch. */
static void
come_first(struct registry *r, struct conn *c)
{
	conn_set_first(r, c);
	housekeeping_skip_next(r);
}

static enum store_result
choose_view(struct registry *r, struct conn *c, bool writes,
    struct store_view **view)
{
	enum store_result result;

	if (!writes && !c->turn.wrote)
		return store_snapshot(r->store, view);
	if ((result = store_batch(r->store, view)) != STORE_OK)
		return result;
	if (!c->turn.wrote) {
		session_writes(r, c);
		/* What was read before is stored as well. */
		r->turn.replies += buf_size(&c->out);
	}
	return STORE_OK;
}

/*
 * A commit may have a bounded size, the replies that are stored with it
 * included.  A quarter is for what a turn begins with; the request that exceeds
 * it has another half.
 */
static bool
batch_is_large(const struct registry *r)
{
	return store_batch_size(r->store) + r->turn.replies >
	    store_batch_max(r->store) / 4;
}

/*
 * How many keys a bucket has may have to be made out first (store_settle):
 * between two batches, and a part of it in each turn.  Until then COUNT, or the
 * transaction that has it, waits.
 */
static bool
is_settled(struct registry *r, struct conn *c, struct bytes bucket)
{
	enum store_result result;
	struct store_view *view;
	bool settled;

	if ((result = store_snapshot(r->store, &view)) == STORE_OK)
		result = store_settle(view, bucket, &r->turn.settle, &settled);
	/* Whatever is wrong, store_count() says it. */
	if (result != STORE_OK || settled)
		return true;
	if (store_batch_open(r->store))
		come_first(r, c);
	return false;
}

static bool
may_count(struct registry *r, struct conn *c, const struct message *m,
    const struct fields *args)
{
	struct bytes requests = args->rest, bucket;
	bool settled = true;

	if (m->type == MESSAGE_COUNT)
		return is_settled(r, c, args->bucket);
	/* All begin at once, so that the store goes through what has expired
	 * once for all of them. */
	if (m->type == MESSAGE_TRANSACTION)
		while (transaction_next_count(&requests, &bucket))
			settled = is_settled(r, c, bucket) && settled;
	return settled;
}

/* Is there memory for the reply?  If not, this takes it back, and the request
 * is executed again when there is. */
static bool
reply_fits(struct registry *r, struct conn *c, size_t before)
{
	size_t size = buf_size(&c->out) - before;

	if (size <= MEMORY_FREE || memory_take(r, c, size))
		return true;
	buf_truncate(&c->out, before);
	return false;
}

/* Does it take a value out?  Then it is done within a savepoint: how much memory
 * the reply needs is known when the value is. */
static bool
takes_value(uint16_t type)
{
	const unsigned int flags = SCHEMA_WRITES | SCHEMA_VALUES;

	return (schema_find(type)->flags & flags) == flags;
}

static enum request_result
execute_call(struct registry *r, struct conn *c, const struct message *m,
    bool writes, call_function *run, const struct fields *args)
{
	bool takes = takes_value(m->type);
	size_t before = buf_size(&c->out), mark = change_mark(&r->changes);
	enum store_result result;
	struct store_view *view;
	struct bytes reply;

	if (session_answer(r, c, m->sequence, &reply)) {
		buf_append(&c->out, reply.data, reply.size);
		return REQUEST_DONE;
	}
	if ((writes && (before > RECORD_MAX || c->turn.subscribed)) ||
	    !may_count(r, c, m, args))
		return REQUEST_WAIT;
	r->turn.scan_shift = c->tries / TRIES;
	result = choose_view(r, c, writes, &view);
	if (result == STORE_OK && takes)
		store_save(r->store);
	if (result == STORE_OK)
		result = call_run(run, r, view, args, m->sequence, &c->out);
	warning_check_store(r, result);
	if (result == STORE_FULL)
		return REQUEST_FULL;
	if (result == STORE_BEHIND)
		return REQUEST_HOLD;
	if (result == STORE_AGAIN) {
		store_keep(r->store);
		c->tries++;
		return REQUEST_WAIT;
	}
	if (c->turn.wrote && !writes && buf_size(&c->out) > RECORD_MAX) {
		buf_truncate(&c->out, before);
		return REQUEST_WAIT;
	}
	if ((!writes || takes) && !reply_fits(r, c, before)) {
		store_undo(r->store);
		change_undo(&r->changes, mark);
		return REQUEST_WAIT;
	}
	store_keep(r->store);
	if (c->turn.wrote)
		r->turn.replies += buf_size(&c->out) - before;
	return REQUEST_DONE;
}

static enum request_result
execute_transaction(struct registry *r, struct conn *c, const struct message *m,
    const struct fields *args)
{
	const unsigned int writes_values = SCHEMA_WRITES | SCHEMA_VALUES;
	size_t value_max = (size_t)r->config->max_value;
	unsigned int flags;

	if (!transaction_check(args->rest, value_max))
		return break_conn(r, c, "malformed request");
	flags = transaction_flags(args->rest);
	/* What writes is not executed twice, so the memory comes first. */
	if ((flags & writes_values) == writes_values &&
	    !memory_take(r, c, transaction_reply_max(value_max)))
		return REQUEST_WAIT;
	return execute_call(r, c, m, (flags & SCHEMA_WRITES) != 0,
	    transaction_run, args);
}

/*
 * A subscription begins and ends between two batches.  While nobody has
 * subscribed changes are not noted, so one that began within a batch would lack
 * the earlier changes of that batch, and one that ended there would lose them.
 * With a batch open the request therefore waits, and comes first in the next
 * turn.  It also waits until the events of earlier commits are sent, which its
 * reply must not overtake.
 */
static bool
may_subscribe(struct registry *r, struct conn *c)
{
	if (c->events.behind) /* catch_up() makes it ready again */
		conn_set_ready(r, c, false);
	if (c->events.behind || buf_size(&c->events.queue) > 0)
		return false;
	if (!store_batch_open(r->store))
		return true;
	come_first(r, c);
	return false;
}

static enum request_result
execute_subscribe(struct registry *r, struct conn *c, const struct message *m,
    const struct fields *args)
{
	if (!may_subscribe(r, c))
		return REQUEST_WAIT;
	c->turn.subscribed = true;
	if (m->type != MESSAGE_UNSUBSCRIBE) {
		events_subscribe(r, c, m, args);
	} else {
		events_unsubscribe(r, c, args->bucket);
		answer_put(&c->out, m->sequence, STATUS_OK);
	}
	return REQUEST_DONE;
}

static enum request_result
execute_listing(struct registry *r, struct conn *c, const struct message *m,
    const struct fields *args)
{
	size_t before = buf_size(&c->out);
	bool more;

	/* A listing reads the last commit, which has to have these writes. */
	if (c->turn.wrote)
		return REQUEST_WAIT;
	if (!listing_is_sound(args))
		return break_conn(r, c, "malformed request");
	more = listing_run(r, c, m->sequence, args);
	if (!reply_fits(r, c, before))
		return REQUEST_WAIT;
	if (!more)
		listing_end(r, c);
	return REQUEST_DONE;
}

/* A connection of kvctl(8), which a user may have who must not read what is
 * stored, gets names and numbers. */
static bool
may_look(const struct message *m, const struct fields *args)
{
	if (m->type == MESSAGE_LIST)
		return args->kind == LIST_BUCKETS || args->kind == LIST_SIZES;
	return m->type == MESSAGE_PING || m->type == MESSAGE_STATS;
}

static enum request_result
execute(struct registry *r, struct conn *c, const struct message *m,
    const struct schema *schema)
{
	struct fields args;

	/* After HELLO workers send only messages that are answered. */
	if (schema->reply == 0 ||
	    !schema_get(schema, m->body, (size_t)r->config->max_value, &args))
		return break_conn(r, c, "malformed request");
	if (c->looks && !may_look(m, &args))
		return break_conn(r, c, "not for an operator");
	switch (m->type) {
	case MESSAGE_TRANSACTION:
		return execute_transaction(r, c, m, &args);
	case MESSAGE_LIST:
		return execute_listing(r, c, m, &args);
	case MESSAGE_SUBSCRIBE:
	case MESSAGE_SUBSCRIBE_SINCE:
	case MESSAGE_UNSUBSCRIBE:
		return execute_subscribe(r, c, m, &args);
	default:
		return execute_call(r, c, m,
		    (schema->flags & SCHEMA_WRITES) != 0, call_find(m->type),
		    &args);
	}
}

/* The beginning of a message is there.  If it is a large one, the rest needs
 * memory, and so may its reply. */
static void
await_rest(struct registry *r, struct conn *c)
{
	struct message m;
	size_t size;

	if (c->turn.executed > 0 ||
	    !message_get_header(buf_bytes(&c->in), &m) ||
	    m.frame_size <= MEMORY_FREE)
		return;
	size = m.frame_size;
	if (m.type == MESSAGE_TRANSACTION)
		size += transaction_reply_max((size_t)r->config->max_value);
	(void)memory_take(r, c, size);
}

/* Reads the next message.  False: it is not all there, or malformed. */
static bool
next_message(struct registry *r, struct conn *c, struct message *m)
{
	size_t size = buf_size(&c->in) - c->turn.executed;
	int rc;

	rc = size == 0 ?
	    0 :
	    message_get(buf_data(&c->in) + c->turn.executed, size,
		message_request_max((size_t)r->config->max_value), m);
	if (rc == -1)
		break_conn(r, c, "malformed message");
	if (rc != 1)
		conn_set_ready(r, c, false);
	if (rc == 0)
		await_rest(r, c);
	return rc == 1;
}

/* Some messages come before HELLO, and all others after it. */
static bool
is_allowed(const struct conn *c, const struct schema *schema)
{
	return ((schema->flags & SCHEMA_BEFORE_HELLO) == 0) ==
	    c->session.greeted;
}

enum request_result
request_next(struct registry *r, struct conn *c)
{
	const struct schema *schema;
	enum request_result result;
	struct message m;

	if (!next_message(r, c, &m) || buf_size(&c->out) > OUT_MAX ||
	    batch_is_large(r) || r->turn.slice.over)
		return REQUEST_WAIT;
	schema = schema_find(m.type);
	if (schema == NULL || !is_allowed(c, schema))
		return break_conn(r, c,
		    c->session.greeted ? "malformed request" : "no greeting");
	if (!c->session.greeted)
		return greet(r, c, &m);
	/* catch_up() makes it ready again. */
	if (c->events.behind && !c->events.fell) {
		conn_set_ready(r, c, false);
		return REQUEST_WAIT;
	}
	result = execute(r, c, &m, schema);
	if (result == REQUEST_DONE) {
		(*registry_counter(r, COUNTER_REQUESTS))++;
		c->waited = false;
		c->tries = 0;
		c->turn.executed += m.frame_size;
		c->turn.last_sequence = m.sequence;
	}
	slice_count(&r->turn.slice, m.type == MESSAGE_TRANSACTION);
	/* If it were committed and not answered it would be executed twice. */
	if (buf_failed(&c->out) || change_failed(&r->changes))
		fatalx(EX_OSERR, "out of memory");
	return result;
}

/* What is malformed is left to request_next(). */
void
request_fetch(struct registry *r, const struct conn *c)
{
	struct store_coming coming[STORE_FETCH_MAX];
	size_t at = c->turn.executed, size = buf_size(&c->in), n = 0;
	const struct schema *schema;
	struct message m;
	struct bytes body;

	for (; n < STORE_FETCH_MAX && size > at &&
	     message_get(buf_data(&c->in) + at, size - at, SIZE_MAX, &m) == 1;
	     at += m.frame_size) {
		body = m.body;
		schema = schema_find(m.type);
		if (schema == NULL || schema->fields[0] != FIELD_BUCKET ||
		    schema->fields[1] != FIELD_KEY ||
		    !message_get_name(&body, &coming[n].bucket) ||
		    !message_get_name(&body, &coming[n].key))
			continue;
		coming[n++].writes = (schema->flags & SCHEMA_WRITES) != 0;
	}
	/* One that is alone is not waited for any less. */
	if (n > 1)
		store_fetch(r->store, coming, n);
}

/* The first request of `in`, which request_next() has already checked. */
static bool
first_message(const struct conn *c, struct message *m)
{
	return message_get(buf_data(&c->in), buf_size(&c->in), SIZE_MAX, m) ==
	    1;
}

bool
request_frees(const struct conn *c)
{
	const struct schema *schema;
	struct message m;

	if (!first_message(c, &m))
		return false;
	if (m.type == MESSAGE_TRANSACTION)
		return transaction_frees(m.body);
	schema = schema_find(m.type);
	return schema != NULL && (schema->flags & SCHEMA_FREES) != 0;
}

void
request_refuse(struct conn *c)
{
	struct message m;

	if (!first_message(c, &m))
		return;
	answer_put(&c->out, m.sequence, STATUS_STORAGE_FULL);
	c->turn.executed = m.frame_size;
	c->turn.last_sequence = m.sequence;
}
