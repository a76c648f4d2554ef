/*
 * check_calls: these tests check what requests do to a store (registry/calls),
 * transactions (registry/transaction), the recorded changes (registry/change),
 * and the periodic work of the registry (registry/housekeeping).  The tests set
 * the clock themselves.
 */

#include "unit.h"

#include <stdio.h>

#include "common/clock.h"
#include "proto/command.h"
#include "proto/format.h"
#include "proto/schema.h"
#include "proto/words.h"
#include "registry/calls.h"
#include "registry/change.h"
#include "registry/conn.h"
#include "registry/state.h"
#include "registry/transaction.h"
#include "store_fixture.h"

#define VALUE_MAX 1000

static struct config config = { .max_value = VALUE_MAX };
static struct registry r;
static uint64_t counters[COUNTERS_OF_REGISTRY];
static struct buf queued; /* This buffer holds the frames of a transaction. */

static void
set_now(int64_t now_ms)
{
	r.wall_ms = now_ms;
	store_set_now(fx.store, now_ms);
}

static void
begin(void)
{
	open_store();
	memset(counters, 0, sizeof(counters));
	r = (struct registry){ .config = &config,
		.store = fx.store,
		.counters = counters };
	TAILQ_INIT(&r.ready);
	r.changes.wanted = true;
	set_now(1000000);
}

static void
end(void)
{
	buf_clear(&r.changes.noted);
	buf_clear(&queued);
}

/* This appends the request that a worker would make of the line. */
static void
encode(const char *line, struct buf *b)
{
	char *copy = strdup(line);
	const struct command *c;
	struct buf words;

	buf_init(&words);
	ck_assert_int_eq(words_split((uint8_t *)copy, strlen(copy), &words),
	    WORDS_OK);
	c = command_find(words_get(&words), words_count(&words));
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(command_encode(c, words_get(&words),
			     words_count(&words), VALUE_MAX, 7, b),
	    STATUS_OK);
	buf_clear(&words);
	free(copy);
}

/* This looks the call up as the registry does.  It returns NULL if the request
 * is malformed. */
static call_function *
decode(uint16_t type, struct bytes body, struct fields *args)
{
	const struct schema *schema = schema_find(type);

	if (schema == NULL || !schema_get(schema, body, VALUE_MAX, args))
		return NULL;
	if (type != MESSAGE_TRANSACTION)
		return call_find(type);
	return transaction_check(args->rest, VALUE_MAX) ? transaction_run :
							  NULL;
}

/* This executes a request in the batch, and formats the reply as a client reads
 * it. */
static enum store_result
run_frame(const struct buf *request, struct buf *text)
{
	struct message m, reply;
	call_function *call;
	enum store_result result;
	struct fields args;
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(message_get(buf_data(request), buf_size(request),
			     message_request_max(VALUE_MAX), &m),
	    1);
	call = decode(m.type, m.body, &args);
	ck_assert(call != NULL);
	result = call_run(call, &r, batch(), &args, m.sequence, &out);
	if (result != STORE_FULL) {
		ck_assert_int_eq(message_get(buf_data(&out), buf_size(&out),
				     SIZE_MAX, &reply),
		    1);
		ck_assert_uint_eq(reply.sequence, 7);
		ck_assert_uint_eq(reply.frame_size, buf_size(&out));
		ck_assert(format_reply(text, reply.body));
	}
	buf_clear(&out);
	return result;
}

static void
assert_frame(const char *what, const struct buf *request, const char *want)
{
	struct buf text;

	buf_init(&text);
	(void)run_frame(request, &text);
	buf_append_byte(&text, '\0');
	if (strcmp((const char *)buf_data(&text), want) != 0)
		ck_abort_msg("%s: got \"%s\", not \"%s\"", what,
		    (const char *)buf_data(&text), want);
	buf_clear(&text);
}

static void
ask(const char *line, const char *want)
{
	struct buf request;

	buf_init(&request);
	encode(line, &request);
	assert_frame(line, &request, want);
	buf_clear(&request);
}

static void
queue(const char *line)
{
	encode(line, &queued);
}

static void
make_transaction(struct buf *request)
{
	size_t position;

	position = message_begin(request, MESSAGE_TRANSACTION, 7);
	buf_append(request, buf_data(&queued), buf_size(&queued));
	message_end(request, position);
	buf_truncate(&queued, 0);
}

static void
ask_commit(const char *want)
{
	struct buf request;

	buf_init(&request);
	make_transaction(&request);
	assert_frame("COMMIT", &request, want);
	buf_clear(&request);
}

/* This compares the changes recorded since the last call, as text. */
static void
assert_noted(const char *want)
{
	struct bytes noted = buf_bytes(&r.changes.noted);
	struct change c;
	char text[1024] = "";
	size_t size = 0;

	while (change_next(&noted, &c))
		size += (size_t)snprintf(text + size, sizeof(text) - size,
		    "%d:%.*s/%.*s=%.*s ", (int)c.type, (int)c.bucket.size,
		    (const char *)c.bucket.data, (int)c.key.size,
		    (const char *)c.key.data, (int)c.value.size,
		    (const char *)c.value.data);
	ck_assert_uint_eq(noted.size, 0);
	ck_assert_str_eq(text, want);
	change_undo(&r.changes, 0);
}

/* This is a step of a test.  A step without a request sets the clock. */
struct ask {
	const char *request, *reply;
	int64_t now_ms;
};

static const struct ask put_table[] = {
	{ "PUT b k v", "NOT FOUND\r\n", 0 },
	{ "PUT b k v EX 5", "NOT FOUND\r\n", 0 },
	{ "CREATE b", "OK\r\n", 0 },
	{ "CREATE b", "OK\r\n", 0 },
	{ "GET b k", "\r\nOK\r\n", 0 },
	{ "EXISTS b k", "NOT FOUND\r\n", 0 },
	{ "PUT b k v EX 5", "OK\r\n", 0 },
	{ "TTL b k", "5\r\nOK\r\n", 0 },
	{ NULL, NULL, 1000001 },
	{ "TTL b k", "5\r\nOK\r\n", 0 },
	{ NULL, NULL, 1001000 },
	{ "TTL b k", "4\r\nOK\r\n", 0 },
	{ NULL, NULL, 1004999 },
	{ "TTL b k", "1\r\nOK\r\n", 0 },
	{ "GET b k", "v\r\nOK\r\n", 0 },
	{ "COUNT b", "1\r\nOK\r\n", 0 },
	{ NULL, NULL, 1005000 },
	{ "TTL b k", "\r\nOK\r\n", 0 },
	{ "GET b k", "\r\nOK\r\n", 0 },
	{ "EXISTS b k", "NOT FOUND\r\n", 0 },
	{ "COUNT b", "0\r\nOK\r\n", 0 },
	{ "PERSIST b k", "NOT FOUND\r\n", 0 },
	{ "EXPIRE b k 9", "NOT FOUND\r\n", 0 },
	{ "PUT b k v EX 5", "OK\r\n", 0 },
	{ "PUT b k v", "OK\r\n", 0 },
	{ "TTL b k", "\r\nOK\r\n", 0 },
	{ "EXPIRE b k 10000000000", "OK\r\n", 0 },
	{ "TTL b k", "10000000000\r\nOK\r\n", 0 },
	{ "PERSIST b k", "OK\r\n", 0 },
	{ "PERSIST b k", "OK\r\n", 0 },
	{ "TTL b k", "\r\nOK\r\n", 0 },
	{ "DELETE b k", "OK\r\n", 0 },
	{ "DELETE b k", "OK\r\n", 0 },
	{ "TTL c k", "NOT FOUND\r\n", 0 },
	{ "EXPIRE c k 5", "NOT FOUND\r\n", 0 },
	{ "PERSIST c k", "NOT FOUND\r\n", 0 },
	{ "COUNT c", "NOT FOUND\r\n", 0 },
	{ "DROP c", "NOT FOUND\r\n", 0 },
};

static const struct ask condition_table[] = {
	{ "ADD b k v", "NOT FOUND\r\n", 0 },
	{ "CAS b k v w", "NOT FOUND\r\n", 0 },
	{ "CREATE b", "OK\r\n", 0 },
	{ "CAS b k v w", "CONFLICT\r\n", 0 },
	{ "CAS b k \"\" w", "CONFLICT\r\n", 0 },
	{ "ADD b k v", "OK\r\n", 0 },
	{ "ADD b k w", "CONFLICT\r\n", 0 },
	{ "GET b k", "v\r\nOK\r\n", 0 },
	{ "CAS b k V w", "CONFLICT\r\n", 0 },
	{ "CAS b k vv w", "CONFLICT\r\n", 0 },
	{ "CAS b k \"\" w", "CONFLICT\r\n", 0 },
	{ "CAS b k v \"\"", "OK\r\n", 0 },
	{ "CAS b k v w", "CONFLICT\r\n", 0 },
	{ "CAS b k \"\" \"\"", "OK\r\n", 0 },
	{ "CAS b k \"\" w", "OK\r\n", 0 },
	{ "EXPIRE b k 5", "OK\r\n", 0 },
	{ "CAS b k w x", "OK\r\n", 0 },
	{ "TTL b k", "5\r\nOK\r\n", 0 },
	{ NULL, NULL, 1005000 },
	{ "CAS b k x y", "CONFLICT\r\n", 0 },
	{ "ADD b k new", "OK\r\n", 0 },
	{ "TTL b k", "\r\nOK\r\n", 0 },
};

static const struct ask incr_table[] = {
	{ "INCR b k", "NOT FOUND\r\n", 0 },
	{ "CREATE b", "OK\r\n", 0 },
	{ "INCR b k", "1\r\nOK\r\n", 0 },
	{ "INCR b k -3", "-2\r\nOK\r\n", 0 },
	{ "INCR b k 0", "-2\r\nOK\r\n", 0 },
	{ "EXPIRE b k 5", "OK\r\n", 0 },
	{ "INCR b k 9", "7\r\nOK\r\n", 0 },
	{ "TTL b k", "5\r\nOK\r\n", 0 },
	{ NULL, NULL, 1005000 },
	{ "INCR b k 9", "9\r\nOK\r\n", 0 },
	{ "GET b k", "9\r\nOK\r\n", 0 },
	{ "TTL b k", "\r\nOK\r\n", 0 },
	{ "PUT b k 9223372036854775807", "OK\r\n", 0 },
	{ "INCR b k", "ERROR overflow\r\n", 0 },
	{ "INCR b k -1", "9223372036854775806\r\nOK\r\n", 0 },
	{ "PUT b k -9223372036854775808", "OK\r\n", 0 },
	{ "INCR b k -1", "ERROR overflow\r\n", 0 },
	{ "INCR b k 9223372036854775807", "-1\r\nOK\r\n", 0 },
	{ "PUT b k 9223372036854775808", "OK\r\n", 0 },
	{ "INCR b k", "ERROR value not a number\r\n", 0 },
	{ "PUT b k \"\"", "OK\r\n", 0 },
	{ "INCR b k", "ERROR value not a number\r\n", 0 },
	{ "GET b k", "\"\"\r\nOK\r\n", 0 },
	{ "PUT b k 007", "OK\r\n", 0 },
	{ "INCR b k", "8\r\nOK\r\n", 0 },
};

/* Times with units, and what expires within a second. */
static const struct ask time_table[] = {
	{ "CREATE b", "OK\r\n", 0 },
	{ "ADD b lock me EX 100ms", "OK\r\n", 0 },
	{ "ADD b lock you EX 100ms", "CONFLICT\r\n", 0 },
	{ NULL, NULL, 1000099 },
	{ "DELETE b lock IF you", "CONFLICT\r\n", 0 },
	{ "TTL b lock", "1\r\nOK\r\n", 0 },
	{ NULL, NULL, 1000100 },
	{ "DELETE b lock IF me", "CONFLICT\r\n", 0 },
	{ "TAKE b lock", "\r\nOK\r\n", 0 },
	{ "POP b", "\r\nOK\r\n", 0 },
	{ "CLEAR b", "0\r\nOK\r\n", 0 },
	{ "ADD b lock you EX 1m", "OK\r\n", 0 },
	{ "INCR b n EX 200ms", "1\r\nOK\r\n", 0 },
	{ NULL, NULL, 1000299 },
	{ "INCR b n EX 200ms", "2\r\nOK\r\n", 0 },
	{ NULL, NULL, 1000300 },
	{ "GET b n lock none", "\r\nyou\r\n\r\nOK\r\n", 0 },
	{ "INCR b n -4 EX 200ms", "-4\r\nOK\r\n", 0 },
	{ "EXPIRE b n 1ms", "OK\r\n", 0 },
	{ NULL, NULL, 1000301 },
	{ "POP b", "lock you\r\nOK\r\n", 0 },
	{ "POP b", "\r\nOK\r\n", 0 },
};

static const struct {
	const struct ask *table;
	size_t n;
} ask_tables[] = {
	{ time_table, COUNT(time_table) },
	{ put_table, COUNT(put_table) },
	{ condition_table, COUNT(condition_table) },
	{ incr_table, COUNT(incr_table) },
};

TEST(test_calls)
{
	const struct ask *a = ask_tables[_i].table;
	size_t n = ask_tables[_i].n;

	begin();
	for (; n > 0; n--, a++) {
		if (a->request == NULL)
			set_now(a->now_ms);
		else
			ask(a->request, a->reply);
	}
	end();
}

/* What is taken out is noted as removed, and what is not is not. */
TEST(test_noted_taken)
{
	begin();
	ask("CREATE b", "OK\r\n");
	ask("PUT b a 1", "OK\r\n");
	ask("PUT b c 3", "OK\r\n");
	ask("PUT b d 4", "OK\r\n");
	ask("PUT b e 5", "OK\r\n");
	change_undo(&r.changes, 0);
	ask("DELETE b a IF 2", "CONFLICT\r\n");
	ask("TAKE b none", "\r\nOK\r\n");
	ask("POP b PREFIX none", "\r\nOK\r\n");
	ask("CLEAR b PREFIX none", "0\r\nOK\r\n");
	assert_noted("");
	ask("DELETE b a IF 1", "OK\r\n");
	assert_noted("1:b/a= ");
	ask("POP b", "c 3\r\nOK\r\n");
	assert_noted("1:b/c= ");
	ask("ADD b c 6 EX 5", "OK\r\n");
	ask("INCR b c EX 5", "7\r\nOK\r\n");
	assert_noted("0:b/c=6 0:b/c=7 ");
	ask("TAKE b e", "5\r\nOK\r\n");
	ask("CLEAR b LIMIT 5", "2\r\nOK\r\n");
	assert_noted("1:b/e= 1:b/c= 1:b/d= ");
	end();
}

TEST(test_noted)
{
	begin();
	ask("CREATE b", "OK\r\n");
	ask("DELETE b k", "OK\r\n");
	ask("GET b k", "\r\nOK\r\n");
	assert_noted("");
	ask("PUT b k v", "OK\r\n");
	ask("PUT b k \"\" EX 1", "OK\r\n");
	ask("ADD b k w", "CONFLICT\r\n");
	ask("ADD b l w", "OK\r\n");
	ask("CAS b l x y", "CONFLICT\r\n");
	ask("CAS b l w y", "OK\r\n");
	ask("INCR b n 5", "5\r\nOK\r\n");
	ask("INCR b l 5", "ERROR value not a number\r\n");
	ask("EXPIRE b l 5", "OK\r\n");
	ask("PERSIST b l", "OK\r\n");
	assert_noted("0:b/k=v 0:b/k= 0:b/l=w 0:b/l=y 0:b/n=5 ");
	ask("DELETE b l", "OK\r\n");
	ask("DROP b", "OK\r\n");
	assert_noted("1:b/l= 2:b/= ");
	r.changes.wanted = false;
	ask("CREATE b", "OK\r\n");
	ask("PUT b k v", "OK\r\n");
	assert_noted("");
	end();
}

TEST(test_transaction)
{
	begin();
	ask_commit("OK\r\n");
	ask("CREATE b", "OK\r\n");
	queue("PUT b k 1");
	queue("GET b k");
	queue("INCR b k 2");
	queue("DELETE b none");
	queue("EXISTS b none");
	queue("CREATE c");
	queue("PUT c k OK EX 9");
	queue("GET c k");
	queue("COUNT b");
	queue("TTL c k");
	queue("PERSIST c none");
	ask_commit("OK\r\n1\r\nOK\r\n3\r\nOK\r\nOK\r\nNOT FOUND\r\nOK\r\n"
		   "OK\r\n\"OK\"\r\nOK\r\n1\r\nOK\r\n9\r\nOK\r\nNOT FOUND\r\n"
		   "OK\r\n");
	assert_noted("0:b/k=1 0:b/k=3 0:c/k=OK ");
	commit();
	ask("GET b k", "3\r\nOK\r\n");
	end();
}

/* Each transaction contains writes before and after the failing request that
 * must not take effect. */
static const struct {
	const char *fails, *reply;
} undo_table[] = {
	{ "ADD b there x", "CONFLICT\r\n" },
	{ "CAS b there x y", "CONFLICT\r\n" },
	{ "CAS b none x y", "CONFLICT\r\n" },
	{ "INCR b there", "ERROR value not a number\r\n" },
	{ "INCR b most", "ERROR overflow\r\n" },
	{ "GET none k", "NOT FOUND\r\n" },
	{ "PUT none k v", "NOT FOUND\r\n" },
	{ "DROP none", "NOT FOUND\r\n" },
	{ "COUNT none", "NOT FOUND\r\n" },
	{ "TTL none k", "NOT FOUND\r\n" },
};

TEST(test_transaction_undone)
{
	begin();
	ask("CREATE b", "OK\r\n");
	ask("PUT b there v", "OK\r\n");
	ask("PUT b most 9223372036854775807", "OK\r\n");
	assert_noted("0:b/there=v 0:b/most=9223372036854775807 ");
	queue("PUT b new v");
	queue("PUT b there w EX 5");
	queue("PUT b there v");
	queue("DELETE b most");
	queue("ADD b most 9223372036854775807");
	queue("CREATE c");
	queue("PUT c k v");
	queue(undo_table[_i].fails);
	queue("PUT b later v");
	ask_commit(undo_table[_i].reply);
	assert_noted("");
	ask("EXISTS b new", "NOT FOUND\r\n");
	ask("EXISTS b later", "NOT FOUND\r\n");
	ask("EXISTS c k", "NOT FOUND\r\n");
	ask("COUNT b", "2\r\nOK\r\n");
	ask("COUNT c", "NOT FOUND\r\n");
	/* The batch must still be usable. */
	queue("PUT b new v");
	ask_commit("OK\r\nOK\r\n");
	commit();
	ask("COUNT b", "3\r\nOK\r\n");
	end();
}

/* The transaction drops a bucket and creates it again. */
TEST(test_transaction_drop)
{
	int round;

	begin();
	ask("CREATE b", "OK\r\n");
	ask("PUT b k v", "OK\r\n");
	for (round = 0; round < 2; round++) {
		queue("DROP b");
		queue("CREATE b");
		queue("PUT b l w");
		queue("COUNT b");
		if (round == 0) {
			queue("ADD b l x");
			ask_commit("CONFLICT\r\n");
			ask("GET b k", "v\r\nOK\r\n");
		} else
			ask_commit("OK\r\nOK\r\nOK\r\n1\r\nOK\r\nOK\r\n");
	}
	ask("GET b k", "\r\nOK\r\n");
	ask("GET b l", "w\r\nOK\r\n");
	commit();
	end();
}

/* The size of a reply is bounded.  If the reads of a transaction exceed it, the
 * writes of the transaction are undone. */
TEST(test_transaction_reply_max)
{
	size_t size = 65536;
	uint8_t *p = make_value(size);
	struct bytes value = { p, size };
	struct buf request, reply;
	int i;

	begin();
	buf_init(&request);
	buf_init(&reply);
	ask("CREATE b", "OK\r\n");
	assert_ok(store_put(batch(), text("b"), text("k"), value, 0));
	queue("PUT b l w");
	for (i = 0; i < 17; i++)
		queue("GET b k");
	ask_commit("ERROR transaction too large\r\n");
	assert_noted("");
	ask("EXISTS b l", "NOT FOUND\r\n");
	queue("PUT b l w");
	for (i = 0; i < 15; i++)
		queue("GET b k");
	make_transaction(&request);
	assert_ok(run_frame(&request, &reply));
	ck_assert_uint_gt(buf_size(&reply), 15 * size);
	ask("EXISTS b l", "OK\r\n");
	buf_clear(&request);
	buf_clear(&reply);
	free(p);
	end();
}

/* The store has no room, so the caller must abort the batch; the transaction
 * succeeds after the store has grown. */
TEST(test_transaction_full)
{
	struct buf request, reply;
	unsigned int n;
	char line[800];
	int i;

	begin();
	buf_init(&request);
	buf_init(&reply);
	ask("CREATE b", "OK\r\n");
	commit();
	n = fill_store(0, 5000);
	change_undo(&r.changes, 0);
	queue("CREATE d");
	for (i = 0; i < MESSAGE_TRANSACTION_REQUESTS - 1; i++) {
		snprintf(line, sizeof(line), "PUT d %d %0700d", i, i);
		queue(line);
	}
	make_transaction(&request);
	ck_assert_int_eq(run_frame(&request, &reply), STORE_FULL);
	ck_assert_uint_eq(buf_size(&reply), 0);
	store_abort(fx.store);
	change_undo(&r.changes, 0);
	assert_noted("");
	assert_ok(store_grow(fx.store));
	assert_ok(run_frame(&request, &reply));
	commit();
	ask("COUNT d", "999\r\nOK\r\n");
	assert_filler(batch(), n - 1, 5000);
	buf_clear(&request);
	buf_clear(&reply);
	end();
}

/* Our workers never send these messages, but a compromised worker might. */
static bool
decodes(uint16_t type, const struct buf *body)
{
	uint8_t *copy = unit_copy(buf_data(body), buf_size(body));
	struct fields args;
	bool good;

	good =
	    decode(type, (struct bytes){ copy, buf_size(body) }, &args) != NULL;
	free(copy);
	return good;
}

TEST(test_malformed)
{
	static const uint64_t times_ms[] = { 0, 1, 10000000000000,
		10000000000001, UINT64_MAX, (uint64_t)1 << 63 };
	uint8_t value[VALUE_MAX + 1] = { 0 };
	struct bytes b = text("b"), long_value = { value, sizeof(value) };
	struct buf body;
	size_t i;

	buf_init(&body);
	ck_assert(!decodes(0, &body));
	ck_assert(!decodes(MESSAGE_HELLO, &body));
	ck_assert(!decodes(MESSAGE_REQUEST_END, &body));
	ck_assert(!decodes(MESSAGE_REPLY, &body));
	ck_assert(!decodes(UINT16_MAX, &body));
	ck_assert(decodes(MESSAGE_TRANSACTION, &body));
	ck_assert(decodes(MESSAGE_STATS, &body));
	message_put_u8(&body, 0);
	ck_assert(!decodes(MESSAGE_STATS, &body));
	/* An empty name is malformed. */
	ck_assert(!decodes(MESSAGE_COUNT, &body));
	for (i = 0; i < COUNT(times_ms); i++) {
		buf_truncate(&body, 0);
		message_put_name(&body, b);
		message_put_name(&body, b);
		message_put_u64(&body, times_ms[i]);
		ck_assert_int_eq(decodes(MESSAGE_EXPIRE, &body),
		    i == 1 || i == 2);
		ck_assert(decodes(MESSAGE_INCR, &body));
		ck_assert(!decodes(MESSAGE_TTL, &body));
	}
	for (i = 0; i < 2; i++) {
		buf_truncate(&body, 0);
		message_put_name(&body, b);
		message_put_name(&body, b);
		message_put_value(&body, i == 0 ? long_value : b);
		message_put_value(&body, i == 0 ? b : long_value);
		ck_assert(!decodes(MESSAGE_CAS, &body));
	}
	buf_clear(&body);
}

/* The same holds in a transaction that is truncated anywhere. */
TEST(test_malformed_transaction)
{
	struct buf body;
	size_t size, position;
	int i;

	buf_init(&body);
	encode("PUT b k v", &queued);
	size = buf_size(&queued);
	encode("GET b k", &queued);
	for (i = (int)buf_size(&queued); i >= 0; i--) {
		buf_truncate(&queued, (size_t)i);
		ck_assert_int_eq(decodes(MESSAGE_TRANSACTION, &queued),
		    i == 0 || i == (int)size ||
			(i > (int)size && i == (int)size + 20));
	}
	for (i = 0; i < MESSAGE_REQUEST_END + 2; i++) {
		buf_truncate(&body, 0);
		position = message_begin(&body, (enum message_type)i, 0);
		message_put_name(&body, text("b"));
		message_end(&body, position);
		ck_assert_int_eq(decodes(MESSAGE_TRANSACTION, &body),
		    i == MESSAGE_CREATE || i == MESSAGE_DROP ||
			i == MESSAGE_COUNT);
		/* PING, STATS and transactions are valid but not allowed in a
		 * transaction. */
		buf_truncate(&body, 0);
		message_end(&body,
		    message_begin(&body, (enum message_type)i, 0));
		ck_assert(!decodes(MESSAGE_TRANSACTION, &body));
	}
	buf_truncate(&body, 0);
	for (i = 0; i <= MESSAGE_TRANSACTION_REQUESTS; i++) {
		ck_assert(decodes(MESSAGE_TRANSACTION, &body));
		encode("GET b k", &body);
	}
	ck_assert(!decodes(MESSAGE_TRANSACTION, &body));
	buf_clear(&body);
	buf_clear(&queued);
}

static bool
frees(const char *line)
{
	struct message m;
	struct buf b;
	bool result;

	buf_init(&b);
	if (line != NULL)
		encode(line, &b);
	else
		make_transaction(&b);
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b), SIZE_MAX, &m),
	    1);
	result = m.type == MESSAGE_TRANSACTION ?
	    transaction_frees(m.body) :
	    (schema_find(m.type)->flags & SCHEMA_FREES) != 0;
	buf_clear(&b);
	return result;
}

TEST(test_frees)
{
	ck_assert(frees("DELETE b k"));
	ck_assert(frees("DROP b"));
	ck_assert(frees("DELETE b k IF v"));
	ck_assert(frees("TAKE b k"));
	ck_assert(frees("POP b"));
	ck_assert(frees("CLEAR b"));
	ck_assert(!frees("ADD b k v EX 5"));
	ck_assert(!frees("INCR b k EX 5"));
	ck_assert(!frees("PUT b k v"));
	ck_assert(!frees("CAS b k v w"));
	ck_assert(!frees("EXPIRE b k 5"));
	queue("DELETE b k");
	queue("GET b k");
	queue("GET b k l");
	queue("POP b");
	queue("DROP b");
	ck_assert(frees(NULL));
	queue("DELETE b k");
	queue("ADD b k v");
	ck_assert(!frees(NULL));
	end();
}

/* Housekeeping uses real time; the clock of the entries is some way behind
 * it. */
static void
begin_housekeeping(void)
{
	begin();
	r.wall_base_ms = clock_wall_base();
	set_now(clock_wall_ms(r.wall_base_ms));
	ask("CREATE b", "OK\r\n");
	commit();
	assert_ok(housekeeping_init(&r));
	store_release(fx.store);
	ck_assert_int_eq(housekeeping_deadline(&r), CLOCK_NEVER);
	ck_assert(!housekeeping_is_due(&r));
}

static void
commit_housekeeping(void)
{
	int64_t expiry_ms;

	assert_ok(housekeeping_next_expiry(batch(), &expiry_ms));
	commit();
	housekeeping_set_expiry(&r, expiry_ms);
}

TEST(test_housekeeping_expiry)
{
	int64_t now_ms;
	char key[16];
	int i;

	begin_housekeeping();
	for (i = 0; i < 1200; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_ok(store_put(batch(), text("b"), text(key), text("v"),
		    r.wall_ms - 1));
	}
	assert_ok(store_put(batch(), text("b"), text("k"), text("v"),
	    r.wall_ms + 5000));
	commit_housekeeping();
	/* Housekeeping works in steps that follow each other soon. */
	for (i = 0; housekeeping_is_due(&r); i++) {
		assert_ok(housekeeping_run(&r));
		commit_housekeeping();
	}
	ck_assert_int_eq(i, 3);
	ask("COUNT b", "1\r\nOK\r\n");
	now_ms = clock_ms();
	ck_assert_int_gt(housekeeping_deadline(&r), now_ms + 3000);
	ck_assert_int_le(housekeeping_deadline(&r), now_ms + 5000);
	ask("EXPIRE b k 10000000000", "OK\r\n");
	commit_housekeeping();
	/* It checks the time again later, in case the machine was suspended. */
	ck_assert_int_gt(housekeeping_deadline(&r), now_ms + 50000);
	ck_assert_int_le(housekeeping_deadline(&r), now_ms + 70000);
	ask("PERSIST b k", "OK\r\n");
	commit_housekeeping();
	ck_assert_int_eq(housekeeping_deadline(&r), CLOCK_NEVER);
	end();
}

/* The store has no room, so housekeeping tries again later. */
TEST(test_housekeeping_pause)
{
	begin_housekeeping();
	r.housekeeping.expire_at_ms = 0;
	ck_assert(housekeeping_is_due(&r));
	housekeeping_pause(&r);
	ck_assert(!housekeeping_is_due(&r));
	ck_assert_int_gt(housekeeping_deadline(&r), clock_ms());
	ck_assert_int_le(housekeeping_deadline(&r), clock_ms() + 10000);
	assert_ok(housekeeping_run(&r));
	ck_assert(!store_batch_open(fx.store));
	end();
}

/* One checkpoint, in a while, is for all buckets that are dropped until then. */
TEST(test_drop_requests_checkpoint)
{
	int64_t at_ms;

	begin_housekeeping();
	r.checkpoint.request_at_ms = CLOCK_NEVER;
	ask("DROP none", "NOT FOUND\r\n");
	ck_assert_int_eq(r.checkpoint.request_at_ms, CLOCK_NEVER);
	ask("DROP b", "OK\r\n");
	at_ms = r.checkpoint.request_at_ms;
	ck_assert_int_gt(at_ms, clock_ms());
	ck_assert_int_le(at_ms, clock_ms() + 10000);
	ask("CREATE b", "OK\r\n");
	ask("DROP b", "OK\r\n");
	ck_assert_int_eq(r.checkpoint.request_at_ms, at_ms);
	end();
}

static const struct test tests[] = {
	STORE_CASE("calls"),
	EACH(test_calls, ask_tables),
	ONCE(test_noted),
	ONCE(test_noted_taken),
	ONCE(test_transaction),
	EACH(test_transaction_undone, undo_table),
	ONCE(test_transaction_drop),
	ONCE(test_transaction_reply_max),
	ONCE(test_transaction_full),
	ONCE(test_malformed),
	ONCE(test_malformed_transaction),
	ONCE(test_frees),
	ONCE(test_housekeeping_expiry),
	ONCE(test_housekeeping_pause),
	ONCE(test_drop_requests_checkpoint),
};

SUITE("calls", tests)
