/*
 * calls: what each request does.  Runs in the registry.  doc/architecture.md
 * says how to add a command.
 */

#include "common/clock.h"
#include "common/number.h"
#include "common/scoreboard.h"
#include "proto/answer.h"
#include "registry/calls.h"
#include "registry/change.h"
#include "registry/checkpoint.h"
#include "registry/state.h"

/* Keys without an entry that POP, CLEAR or a transaction goes past in a turn:
 * some milliseconds' work. */
#define SCAN_MAX ((size_t)20000)

/* Replies with a data line of one word. */
static void
reply_word(struct buf *reply, struct bytes word)
{
	answer_put_line(reply, &word, 1);
}

static void
reply_number(struct buf *reply, int64_t number)
{
	char text[NUMBER_SIZE];

	reply_word(reply, (struct bytes){ text, number_format(number, text) });
}

static void
reply_empty_line(struct buf *reply)
{
	answer_put_line(reply, NULL, 0);
}

/* The request changes nothing, for this reason. */
static enum store_result
refuse(struct call_context *ctx, enum status status)
{
	ctx->status = status;
	return STORE_OK;
}

static enum store_result
call_ping(struct call_context *ctx, const struct fields *args)
{
	(void)ctx;
	(void)args;
	return STORE_OK;
}

static enum store_result
call_create(struct call_context *ctx, const struct fields *args)
{
	return store_create(ctx->view, args->bucket);
}

static enum store_result
call_put(struct call_context *ctx, const struct fields *args)
{
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, args->value, 0);
}

/* What is read takes time, whatever is done with it. */
static enum store_result
read_key(struct call_context *ctx, const struct fields *args, struct bytes key,
    struct store_entry *entry)
{
	enum store_result result;

	result = store_get(ctx->view, args->bucket, key, entry);
	if (result == STORE_OK)
		ctx->read += entry->value.size;
	return result;
}

static enum store_result
read_entry(struct call_context *ctx, const struct fields *args,
    struct store_entry *entry)
{
	return read_key(ctx, args, args->key, entry);
}

static enum store_result
call_get(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;
	struct store_entry entry;

	result = read_entry(ctx, args, &entry);
	if (result == STORE_OK)
		reply_word(ctx->reply, entry.value);
	if (result != STORE_ABSENT)
		return result;
	reply_empty_line(ctx->reply);
	return STORE_OK;
}

/* All keys are read from one view, so from one moment. */
static enum store_result
call_get_keys(struct call_context *ctx, const struct fields *args)
{
	size_t value_max = (size_t)ctx->registry->config->max_value;
	size_t reply_max = buf_size(ctx->reply) + CALL_REPLY_MAX + value_max;
	struct fields one = { .bucket = args->bucket };
	struct bytes keys = args->rest;
	enum store_result result = STORE_OK;

	while (result == STORE_OK && schema_next_name(&keys, &one.key)) {
		result = call_get(ctx, &one);
		if (buf_size(ctx->reply) > reply_max)
			return refuse(ctx, STATUS_REPLY_TOO_LARGE);
	}
	return result;
}

static enum store_result
call_exists(struct call_context *ctx, const struct fields *args)
{
	struct store_entry entry;

	return read_entry(ctx, args, &entry);
}

static enum store_result
call_delete(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;

	result = change_delete(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key);
	return result == STORE_ABSENT ? STORE_OK : result;
}

/* STORE_OK, or the reason why the value is not what the client expects it to
 * be. */
static enum store_result
check_old(struct call_context *ctx, const struct fields *args,
    struct store_entry *entry)
{
	enum store_result result;

	result = read_entry(ctx, args, entry);
	if (result == STORE_ABSENT ||
	    (result == STORE_OK && !bytes_equal(entry->value, args->old)))
		return refuse(ctx, STATUS_CONFLICT);
	return result;
}

static enum store_result
call_delete_if(struct call_context *ctx, const struct fields *args)
{
	struct store_entry entry;
	enum store_result result = check_old(ctx, args, &entry);

	if (result != STORE_OK || ctx->status != STATUS_OK)
		return result;
	return call_delete(ctx, args);
}

/* The reply has to have the value before it is removed. */
static enum store_result
call_take(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;
	struct store_entry entry;

	result = read_entry(ctx, args, &entry);
	if (result == STORE_OK)
		reply_word(ctx->reply, entry.value);
	else if (result == STORE_ABSENT)
		reply_empty_line(ctx->reply);
	if (result != STORE_OK)
		return result == STORE_ABSENT ? STORE_OK : result;
	return call_delete(ctx, args);
}

/* The first key of those that the request is about. */
static enum store_result
find_first(struct call_context *ctx, const struct fields *args,
    struct bytes *key)
{
	return store_first(ctx->view, args->bucket, args->prefix,
	    &ctx->scan_left, key);
}

static enum store_result
call_pop(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;
	struct store_entry entry;
	struct bytes key;

	result = find_first(ctx, args, &key);
	if (result == STORE_ABSENT) {
		reply_empty_line(ctx->reply);
		return STORE_OK;
	}
	if (result != STORE_OK ||
	    (result = read_key(ctx, args, key, &entry)) != STORE_OK)
		return result;
	answer_put_line(ctx->reply, (struct bytes[]){ key, entry.value }, 2);
	return change_delete(&ctx->registry->changes, ctx->view, args->bucket,
	    key);
}

/* Has this CLEAR written so much that it has to end, whatever its limit is?
 * The commit then still has space for the rest of the turn. */
static bool
is_large(const struct store *s, size_t start)
{
	return store_batch_size(s) - start > store_batch_max(s) / 8 * 3;
}

static enum store_result
call_clear(struct call_context *ctx, const struct fields *args)
{
	struct registry *r = ctx->registry;
	size_t start = store_batch_size(r->store);
	enum store_result result = STORE_OK;
	struct bytes key;
	uint64_t n;

	for (n = 0; n < args->limit && !is_large(r->store, start); n++) {
		result = find_first(ctx, args, &key);
		if (result == STORE_OK)
			result = change_delete(&r->changes, ctx->view,
			    args->bucket, key);
		if (result != STORE_OK)
			break;
	}
	/* The client asks again until there is nothing left. */
	if (result == STORE_ABSENT || (result == STORE_AGAIN && n > 0))
		result = STORE_OK;
	ctx->cleared += n;
	if (result == STORE_OK && ctx->cleared > MESSAGE_CLEAR_MAX)
		return refuse(ctx, STATUS_TRANSACTION_TOO_LARGE);
	reply_number(ctx->reply, (int64_t)n);
	return result;
}

static int64_t
expiry_in(const struct call_context *ctx, int64_t time_ms)
{
	return ctx->registry->wall_ms + time_ms;
}

/* An absent key counts as 0, and is made with this expiry. */
static enum store_result
incr(struct call_context *ctx, const struct fields *args, int64_t expiry_ms)
{
	struct store_entry entry;
	enum store_result result;
	char text[NUMBER_SIZE];
	int64_t number = 0;
	struct bytes value = { text, 0 };

	result = read_entry(ctx, args, &entry);
	if (result == STORE_ABSENT)
		entry.expiry_ms = expiry_ms;
	if (result == STORE_OK &&
	    number_parse(entry.value, &number) != NUMBER_OK)
		return refuse(ctx, STATUS_VALUE_NOT_A_NUMBER);
	if (result != STORE_OK && result != STORE_ABSENT)
		return result;
	if (__builtin_add_overflow(number, args->number, &number))
		return refuse(ctx, STATUS_OVERFLOW);
	value.size = number_format(number, text);
	reply_number(ctx->reply, number);
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, value, entry.expiry_ms);
}

static enum store_result
call_incr(struct call_context *ctx, const struct fields *args)
{
	return incr(ctx, args, 0);
}

static enum store_result
call_incr_ex(struct call_context *ctx, const struct fields *args)
{
	return incr(ctx, args, expiry_in(ctx, args->time_ms));
}

static enum store_result
call_put_ex(struct call_context *ctx, const struct fields *args)
{
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, args->value, expiry_in(ctx, args->time_ms));
}

static enum store_result
call_drop(struct call_context *ctx, const struct fields *args)
{
	enum store_result result =
	    change_drop(&ctx->registry->changes, ctx->view, args->bucket);

	if (result == STORE_OK)
		checkpoint_request_soon(ctx->registry);
	return result;
}

/* STORE_OK if there is no such key, or the reason why not. */
static enum store_result
check_absent(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;
	struct store_entry entry;

	result = read_entry(ctx, args, &entry);
	if (result == STORE_OK)
		return refuse(ctx, STATUS_CONFLICT);
	return result == STORE_ABSENT ? STORE_OK : result;
}

static enum store_result
call_add(struct call_context *ctx, const struct fields *args)
{
	enum store_result result = check_absent(ctx, args);

	if (result != STORE_OK || ctx->status != STATUS_OK)
		return result;
	return call_put(ctx, args);
}

static enum store_result
call_add_ex(struct call_context *ctx, const struct fields *args)
{
	enum store_result result = check_absent(ctx, args);

	if (result != STORE_OK || ctx->status != STATUS_OK)
		return result;
	return call_put_ex(ctx, args);
}

static enum store_result
call_cas(struct call_context *ctx, const struct fields *args)
{
	struct store_entry entry;
	enum store_result result = check_old(ctx, args, &entry);

	if (result != STORE_OK || ctx->status != STATUS_OK)
		return result;
	return change_put(&ctx->registry->changes, ctx->view, args->bucket,
	    args->key, args->value, entry.expiry_ms);
}

/* The value is read even if it then need not be written anew. */
static enum store_result
set_expiry(struct call_context *ctx, const struct fields *args,
    int64_t expiry_ms)
{
	enum store_result result;
	struct store_entry entry;

	result = read_entry(ctx, args, &entry);
	if (result != STORE_OK || entry.expiry_ms == expiry_ms)
		return result;
	return store_set_expiry(ctx->view, args->bucket, args->key, expiry_ms);
}

static enum store_result
call_expire(struct call_context *ctx, const struct fields *args)
{
	return set_expiry(ctx, args, expiry_in(ctx, args->time_ms));
}

static enum store_result
call_persist(struct call_context *ctx, const struct fields *args)
{
	return set_expiry(ctx, args, 0);
}

/* Rounded up: a key that is there has at least one second left. */
static enum store_result
call_ttl(struct call_context *ctx, const struct fields *args)
{
	struct store_entry entry = { .expiry_ms = 0 };
	enum store_result result;

	result = read_entry(ctx, args, &entry);
	if (result != STORE_OK && result != STORE_ABSENT)
		return result;
	if (result == STORE_OK && entry.expiry_ms != 0)
		reply_number(ctx->reply,
		    (entry.expiry_ms - ctx->registry->wall_ms + 999) / 1000);
	else
		reply_empty_line(ctx->reply);
	return STORE_OK;
}

static enum store_result
call_count(struct call_context *ctx, const struct fields *args)
{
	enum store_result result;
	uint64_t count;

	result = store_count(ctx->view, args->bucket, &count);
	if (result == STORE_OK)
		reply_number(ctx->reply, (int64_t)count);
	return result;
}

static void
reply_stat(struct buf *reply, const char *name, uint64_t number)
{
	char text[NUMBER_SIZE];
	struct bytes words[2] = { bytes_from_text(name),
		{ text, number_format((int64_t)number, text) } };

	answer_put_line(reply, words, 2);
}

/* What is shown under the same name by kvctl(8), and has one number. */
static void
reply_counters(struct buf *reply, struct registry *r)
{
	uint64_t local_hits = gauges_local_hits(r), value;
	const struct counter_family *f;
	size_t i;

	for (i = 0; (f = counters_family(i)) != NULL; i++) {
		if (f->kind == COUNTER_KIND_HISTOGRAM ||
		    (f->first < COUNTER_REGISTRY &&
			f->first != COUNTER_LOCAL_HITS))
			continue;
		value = f->first == COUNTER_LOCAL_HITS ?
		    local_hits :
		    r->counters[f->first - COUNTER_REGISTRY];
		if (f->first == COUNTER_REQUESTS)
			value += local_hits;
		reply_stat(reply, f->name, value);
	}
}

/* The limits of requests, and of clients. */
static void
reply_limits(struct buf *reply, const struct config *c)
{
	reply_stat(reply, "max-name", UINT8_MAX);
	reply_stat(reply, "max-value", (uint64_t)c->max_value);
	reply_stat(reply, "max-transaction-requests",
	    MESSAGE_TRANSACTION_REQUESTS);
	reply_stat(reply, "max-transaction-bytes",
	    message_transaction_max((size_t)c->max_value));
	reply_stat(reply, "max-clients", (uint64_t)c->max_clients);
	reply_stat(reply, "max-clients-per-source",
	    (uint64_t)c->max_clients_per_source);
}

static void
reply_version(struct buf *reply)
{
	struct bytes words[2] = { bytes_from_text("version"),
		bytes_from_text(PACKAGE_VERSION) };

	answer_put_line(reply, words, 2);
}

static enum store_result
call_stats(struct call_context *ctx, const struct fields *args)
{
	struct registry *r = ctx->registry;
	enum store_result result;
	struct store_stats stats;

	(void)args;
	if ((result = store_stats(ctx->view, &stats)) != STORE_OK)
		return result;
	gauges_set(r, &stats);
	reply_version(ctx->reply);
	reply_stat(ctx->reply, "uptime-seconds",
	    (uint64_t)(clock_ms() - r->started_ms) / 1000);
	reply_counters(ctx->reply, r);
	reply_stat(ctx->reply, "refused-clients",
	    scoreboard_refused(r->scoreboard));
	reply_limits(ctx->reply, r->config);
	return STORE_OK;
}

/* The fields and flags of each request are in proto/schema.c. */
static call_function *const calls[MESSAGE_REQUEST_END] = {
	[MESSAGE_PING] = call_ping,
	[MESSAGE_CREATE] = call_create,
	[MESSAGE_PUT] = call_put,
	[MESSAGE_GET] = call_get,
	[MESSAGE_DELETE] = call_delete,
	[MESSAGE_EXISTS] = call_exists,
	[MESSAGE_INCR] = call_incr,
	[MESSAGE_PUT_EX] = call_put_ex,
	[MESSAGE_DROP] = call_drop,
	[MESSAGE_ADD] = call_add,
	[MESSAGE_CAS] = call_cas,
	[MESSAGE_EXPIRE] = call_expire,
	[MESSAGE_PERSIST] = call_persist,
	[MESSAGE_TTL] = call_ttl,
	[MESSAGE_COUNT] = call_count,
	[MESSAGE_STATS] = call_stats,
	[MESSAGE_ADD_EX] = call_add_ex,
	[MESSAGE_INCR_EX] = call_incr_ex,
	[MESSAGE_DELETE_IF] = call_delete_if,
	[MESSAGE_GET_KEYS] = call_get_keys,
	[MESSAGE_TAKE] = call_take,
	[MESSAGE_POP] = call_pop,
	[MESSAGE_CLEAR] = call_clear,
};

static const enum status statuses[] = {
	[STORE_OK] = STATUS_OK,
	[STORE_NO_BUCKET] = STATUS_NOT_FOUND,
	[STORE_ABSENT] = STATUS_NOT_FOUND,
	[STORE_FULL] = STATUS_STORAGE_FULL,
	[STORE_TOO_LARGE] = STATUS_TRANSACTION_TOO_LARGE,
	[STORE_DAMAGED] = STATUS_DATA_DAMAGED,
};

call_function *
call_find(uint16_t type)
{
	return type < MESSAGE_REQUEST_END ? calls[type] : NULL;
}

enum store_result
call_run(call_function *run, struct registry *r, struct store_view *view,
    const struct fields *args, uint64_t sequence, struct buf *out)
{
	struct call_context ctx = { .registry = r,
		.view = view,
		.reply = out,
		.scan_left = SCAN_MAX << r->turn.scan_shift };
	size_t position = answer_begin(out, sequence, STATUS_OK);
	enum store_result result;

	result = run(&ctx, args);
	if (result == STORE_OK && ctx.status == STATUS_OK) {
		message_end(out, position);
		return result;
	}
	buf_truncate(out, position);
	if (result == STORE_FULL || result == STORE_AGAIN ||
	    result == STORE_FAILED)
		return result;
	answer_put(out, sequence,
	    result == STORE_OK ? ctx.status : statuses[result]);
	return result;
}
