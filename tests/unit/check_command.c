/*
 * check_command: these tests check the table of commands and the requests that
 * are made of them (proto/command).
 */

#include "unit.h"

#include <ctype.h>

#include "proto/command.h"
#include "proto/schema.h"
#include "proto/words.h"

#define VALUE_MAX 1000

static struct buf b;
static struct buf words;

static void
setup(void)
{
	buf_init(&b);
	buf_init(&words);
}

static void
teardown(void)
{
	buf_clear(&b);
	buf_clear(&words);
}

static const struct {
	const char *line;
	const char *name; /* This is the name of the command, or NULL. */
	enum message_type request;
	enum command_local local;
} find_table[] = {
	{ "GET b k", "GET", MESSAGE_GET, COMMAND_REMOTE },
	{ "PUT b k v", "PUT", MESSAGE_PUT, COMMAND_REMOTE },
	{ "DELETE b k", "DELETE", MESSAGE_DELETE, COMMAND_REMOTE },
	{ "EXISTS b k", "EXISTS", MESSAGE_EXISTS, COMMAND_REMOTE },
	{ "CREATE b", "CREATE", MESSAGE_CREATE, COMMAND_REMOTE },
	{ "INCR b k", "INCR", MESSAGE_INCR, COMMAND_REMOTE },
	{ "INCR b k 5", "INCR", MESSAGE_INCR, COMMAND_REMOTE },
	{ "INCR b k x", "INCR", MESSAGE_INCR, COMMAND_REMOTE },
	{ "PUT b k v EX 5", "PUT", MESSAGE_PUT_EX, COMMAND_REMOTE },
	{ "PUT b k EX ex 5", "PUT", MESSAGE_PUT_EX, COMMAND_REMOTE },
	{ "PUT b k v eX x", "PUT", MESSAGE_PUT_EX, COMMAND_REMOTE },
	{ "PUT b k v \"\\x45X\" x", "PUT", MESSAGE_PUT_EX, COMMAND_REMOTE },
	{ "PUT EX 5 EX", "PUT", MESSAGE_PUT, COMMAND_REMOTE },
	{ "ADD b k v", "ADD", MESSAGE_ADD, COMMAND_REMOTE },
	{ "ADD b k v EX 5", "ADD", MESSAGE_ADD_EX, COMMAND_REMOTE },
	{ "ADD b k EX ex x", "ADD", MESSAGE_ADD_EX, COMMAND_REMOTE },
	{ "INCR b k EX 5", "INCR", MESSAGE_INCR_EX, COMMAND_REMOTE },
	{ "INCR b k 2 ex 5", "INCR", MESSAGE_INCR_EX, COMMAND_REMOTE },
	{ "INCR b k EX EX 5", "INCR", MESSAGE_INCR_EX, COMMAND_REMOTE },
	{ "INCR b EX EX 5", "INCR", MESSAGE_INCR_EX, COMMAND_REMOTE },
	{ "INCR b EX 5", "INCR", MESSAGE_INCR, COMMAND_REMOTE },
	{ "INCR b k EX", "INCR", MESSAGE_INCR, COMMAND_REMOTE },
	{ "DELETE b k IF v", "DELETE", MESSAGE_DELETE_IF, COMMAND_REMOTE },
	{ "DELETE b IF if \"\"", "DELETE", MESSAGE_DELETE_IF, COMMAND_REMOTE },
	{ "GET b k x", "GET", MESSAGE_GET_KEYS, COMMAND_REMOTE },
	{ "GET b k k k k k k k", "GET", MESSAGE_GET_KEYS, COMMAND_REMOTE },
	{ "TAKE b k", "TAKE", MESSAGE_TAKE, COMMAND_REMOTE },
	{ "POP b", "POP", MESSAGE_POP, COMMAND_REMOTE },
	{ "POP b prefix p", "POP", MESSAGE_POP, COMMAND_REMOTE },
	{ "CLEAR b", "CLEAR", MESSAGE_CLEAR, COMMAND_REMOTE },
	{ "CLEAR b LIMIT x", "CLEAR", MESSAGE_CLEAR, COMMAND_REMOTE },
	{ "CLEAR b PREFIX p", "CLEAR", MESSAGE_CLEAR, COMMAND_REMOTE },
	{ "CLEAR b PREFIX p LIMIT 5", "CLEAR", MESSAGE_CLEAR, COMMAND_REMOTE },
	{ "CLEAR b limit 5 prefix limit", "CLEAR", MESSAGE_CLEAR,
	    COMMAND_REMOTE },
	{ "CAS b k o v", "CAS", MESSAGE_CAS, COMMAND_REMOTE },
	{ "EXPIRE b k 5", "EXPIRE", MESSAGE_EXPIRE, COMMAND_REMOTE },
	{ "PERSIST b k", "PERSIST", MESSAGE_PERSIST, COMMAND_REMOTE },
	{ "TTL b k", "TTL", MESSAGE_TTL, COMMAND_REMOTE },
	{ "COUNT b", "COUNT", MESSAGE_COUNT, COMMAND_REMOTE },
	{ "DROP b", "DROP", MESSAGE_DROP, COMMAND_REMOTE },
	{ "STATS", "STATS", MESSAGE_STATS, COMMAND_REMOTE },
	{ "BEGIN", "BEGIN", 0, COMMAND_BEGIN },
	{ "COMMIT", "COMMIT", 0, COMMAND_COMMIT },
	{ "ABORT", "ABORT", 0, COMMAND_ABORT },
	{ "HELP", "HELP", 0, COMMAND_HELP },
	{ "HELP x", "HELP", 0, COMMAND_HELP },
	{ "PING", "PING", MESSAGE_PING, COMMAND_REMOTE },
	{ "ECHO a", "ECHO", 0, COMMAND_ECHO },
	{ "ECHO a b c d e f g h i j", "ECHO", 0, COMMAND_ECHO },
	{ "ECHO \"\"", "ECHO", 0, COMMAND_ECHO },
	{ "QUIT", "QUIT", 0, COMMAND_QUIT },
	{ "SUBSCRIBE b", "SUBSCRIBE", MESSAGE_SUBSCRIBE, COMMAND_REMOTE },
	{ "SUBSCRIBE b PREFIX p", "SUBSCRIBE", MESSAGE_SUBSCRIBE,
	    COMMAND_REMOTE },
	{ "SUBSCRIBE b SINCE 5", "SUBSCRIBE", MESSAGE_SUBSCRIBE_SINCE,
	    COMMAND_REMOTE },
	{ "SUBSCRIBE b since x prefix p", "SUBSCRIBE", MESSAGE_SUBSCRIBE_SINCE,
	    COMMAND_REMOTE },
	{ "UNSUBSCRIBE b", "UNSUBSCRIBE", MESSAGE_UNSUBSCRIBE, COMMAND_REMOTE },
	{ "BUCKETS", "BUCKETS", 0, COMMAND_BUCKETS },
	{ "BUCKETS PREFIX p AFTER b LIMIT 1", "BUCKETS", 0, COMMAND_BUCKETS },
	{ "KEYS b", "KEYS", 0, COMMAND_KEYS },
	{ "KEYS b PREFIX p AFTER k LIMIT 1", "KEYS", 0, COMMAND_KEYS },
	{ "ENTRIES b", "ENTRIES", 0, COMMAND_ENTRIES },
	{ "ENTRIES b LIMIT 1 AFTER k PREFIX p", "ENTRIES", 0, COMMAND_ENTRIES },
	{ "\"PING\"", "PING", MESSAGE_PING, COMMAND_REMOTE },
	{ "\"\\x50ING\"", "PING", MESSAGE_PING, COMMAND_REMOTE },

	/* Only the number of words matters. */
	{ "GET \"\" \"\"", "GET", MESSAGE_GET, COMMAND_REMOTE },
	{ "BUCKETS what ever this is", "BUCKETS", 0, COMMAND_BUCKETS },
	{ "KEYS \"\" PREFIX", "KEYS", 0, COMMAND_KEYS },
	{ "ENTRIES b \"\"", "ENTRIES", 0, COMMAND_ENTRIES },

	/* These lines have the wrong number of words. */
	{ "GET", NULL, 0, 0 },
	{ "GET b", NULL, 0, 0 },
	{ "PUT", NULL, 0, 0 },
	{ "PUT b", NULL, 0, 0 },
	{ "PUT b k", NULL, 0, 0 },
	{ "PUT b k v x", NULL, 0, 0 },
	{ "PUT b k v \"\"", NULL, 0, 0 },
	{ "DELETE", NULL, 0, 0 },
	{ "DELETE b", NULL, 0, 0 },
	{ "DELETE b k x", NULL, 0, 0 },
	{ "DELETE b k IF", NULL, 0, 0 },
	{ "DELETE b IF v", NULL, 0, 0 },
	{ "DELETE b k IN v", NULL, 0, 0 },
	{ "DELETE b k IF v v", NULL, 0, 0 },
	{ "DELETE b k IF v IF v", NULL, 0, 0 },
	{ "POP", NULL, 0, 0 },
	{ "POP b PREFIX", NULL, 0, 0 },
	{ "POP b LIMIT 1", NULL, 0, 0 },
	{ "POP b PREFIX p PREFIX p", NULL, 0, 0 },
	{ "CLEAR", NULL, 0, 0 },
	{ "CLEAR b LIMIT", NULL, 0, 0 },
	{ "CLEAR b AFTER k", NULL, 0, 0 },
	{ "CLEAR b LIMIT 1 LIMIT 1", NULL, 0, 0 },
	{ "CLEAR b LIMIT 1 PREFIX p LIMIT 1", NULL, 0, 0 },
	{ "TAKE", NULL, 0, 0 },
	{ "TAKE b", NULL, 0, 0 },
	{ "TAKE b k k", NULL, 0, 0 },
	{ "EXISTS", NULL, 0, 0 },
	{ "EXISTS b", NULL, 0, 0 },
	{ "EXISTS b k x", NULL, 0, 0 },
	{ "CREATE", NULL, 0, 0 },
	{ "CREATE b x", NULL, 0, 0 },
	{ "INCR", NULL, 0, 0 },
	{ "INCR b", NULL, 0, 0 },
	{ "INCR b k 5 5", NULL, 0, 0 },
	{ "INCR b k 1 EX", NULL, 0, 0 },
	{ "INCR b k 1 2 EX 5", NULL, 0, 0 },
	{ "INCR b k EX 5 1", NULL, 0, 0 },
	{ "INCR b k EX 5 EX 5", NULL, 0, 0 },
	{ "PUT b k v EX", NULL, 0, 0 },
	{ "PUT b k v EX 5 5", NULL, 0, 0 },
	{ "PUT b k v PX 5", NULL, 0, 0 },
	{ "PUT b k v E 5", NULL, 0, 0 },
	{ "PUT b k v EXX 5", NULL, 0, 0 },
	{ "PUT b k v \"\" 5", NULL, 0, 0 },
	{ "PUT b k EX 5", NULL, 0, 0 },
	{ "ADD b k", NULL, 0, 0 },
	{ "ADD b k v EX", NULL, 0, 0 },
	{ "ADD b k EX 5", NULL, 0, 0 },
	{ "ADD b k v IF 5", NULL, 0, 0 },
	{ "ADD b k v EX 5 5", NULL, 0, 0 },
	{ "ADD b k v EX 5 EX 5", NULL, 0, 0 },
	{ "CAS b k o", NULL, 0, 0 },
	{ "CAS b k o v x", NULL, 0, 0 },
	{ "EXPIRE b k", NULL, 0, 0 },
	{ "EXPIRE b k 5 5", NULL, 0, 0 },
	{ "PERSIST b", NULL, 0, 0 },
	{ "PERSIST b k 5", NULL, 0, 0 },
	{ "TTL b", NULL, 0, 0 },
	{ "TTL b k x", NULL, 0, 0 },
	{ "COUNT", NULL, 0, 0 },
	{ "COUNT b x", NULL, 0, 0 },
	{ "DROP", NULL, 0, 0 },
	{ "DROP b x", NULL, 0, 0 },
	{ "STATS x", NULL, 0, 0 },
	{ "BEGIN x", NULL, 0, 0 },
	{ "COMMIT x", NULL, 0, 0 },
	{ "ABORT x", NULL, 0, 0 },
	{ "HELP x x", NULL, 0, 0 },
	{ "PING x", NULL, 0, 0 },
	{ "ECHO", NULL, 0, 0 },
	{ "QUIT x", NULL, 0, 0 },
	{ "SUBSCRIBE", NULL, 0, 0 },
	{ "SUBSCRIBE b x", NULL, 0, 0 },
	{ "SUBSCRIBE b SINCE", NULL, 0, 0 },
	{ "SUBSCRIBE b SINCE 1 SINCE 1", NULL, 0, 0 },
	{ "SUBSCRIBE b PREFIX p SINCE", NULL, 0, 0 },
	{ "SUBSCRIBE b AFTER k", NULL, 0, 0 },
	{ "UNSUBSCRIBE", NULL, 0, 0 },
	{ "UNSUBSCRIBE b x", NULL, 0, 0 },
	{ "KEYS", NULL, 0, 0 },
	{ "ENTRIES", NULL, 0, 0 },

	/* These lines begin with an unknown word. */
	{ "\"\"", NULL, 0, 0 },
	{ "\"\" b k", NULL, 0, 0 },
	{ "G", NULL, 0, 0 },
	{ "GE b k", NULL, 0, 0 },
	{ "GETS b k", NULL, 0, 0 },
	{ "\"GET\\0\" b k", NULL, 0, 0 },
	{ "\"GET \" b k", NULL, 0, 0 },
	{ "\" GET\" b k", NULL, 0, 0 },
	{ "PINGPING", NULL, 0, 0 },
	{ "b GET k", NULL, 0, 0 },
	{ "\xc7\xc5\xd4 b k", NULL, 0, 0 },
	{ "NONSENSE", NULL, 0, 0 },
	{ "KEY b", NULL, 0, 0 },
	{ "BUCKET", NULL, 0, 0 },
	{ "*", NULL, 0, 0 },
	{ "+", NULL, 0, 0 },
	{ "bk", NULL, 0, 0 },
};

/* This splits a line into words; the words point into `copy`. */
static void
split(char *copy, size_t size, const char *line)
{
	ck_assert_uint_lt(strlen(line), size);
	memcpy(copy, line, strlen(line) + 1);
	ck_assert_int_eq(words_split((uint8_t *)copy, strlen(line), &words),
	    WORDS_OK);
}

static const struct command *
find(void)
{
	return command_find(words_get(&words), words_count(&words));
}

static void
assert_found(const struct command *c, int i)
{
	if (find_table[i].name == NULL) {
		ck_assert_ptr_null(c);
		return;
	}
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->name, find_table[i].name);
	ck_assert_int_eq(c->local, find_table[i].local);
	if (c->local == COMMAND_REMOTE)
		ck_assert_int_eq(c->request, find_table[i].request);
}

TEST(test_find)
{
	char line[64];

	split(line, sizeof(line), find_table[_i].line);
	assert_found(find(), _i);
}

/* Command names are found in lower case and in mixed case. */
TEST(test_find_other_case)
{
	const struct bytes *word;
	char line[64], *first;
	size_t i;
	int mixed;

	for (mixed = 0; mixed < 2; mixed++) {
		split(line, sizeof(line), find_table[_i].line);
		word = words_get(&words);
		first = line + ((const char *)word->data - line);
		for (i = 0; i < word->size; i++)
			if (!mixed || i % 2 == 0)
				first[i] =
				    (char)tolower((unsigned char)first[i]);
		assert_found(find(), _i);
	}
}

/* Changing any one letter of GET must not yield a command. */
TEST(test_find_near_miss)
{
	char name[3];
	struct bytes line[3] = { { name, 3 }, { "b", 1 }, { "k", 1 } };
	int at, c, same;

	for (at = 0; at < 3; at++)
		for (c = 0; c < 256; c++) {
			memcpy(name, "GET", 3);
			same = name[at] == c || tolower(name[at]) == c;
			name[at] = (char)c;
			if ((command_find(line, 3) != NULL) != same)
				ck_abort_msg("0x%02x at %d", c, at);
		}
}

/* A request has words of these sizes, filled with bytes of all kinds. */
struct request {
	struct bytes words[5];
	uint8_t *data[5];
	size_t n;
};

static void
request_init(struct request *r, const char *name, size_t n, const size_t *sizes)
{
	size_t i, at;

	r->n = n + 1;
	r->words[0] = bytes_from_text(name);
	for (i = 1; i <= n; i++) {
		r->data[i] = malloc(sizes[i - 1] + 1);
		ck_assert_ptr_nonnull(r->data[i]);
		for (at = 0; at < sizes[i - 1]; at++)
			r->data[i][at] = (uint8_t)(at * 7 + i);
		r->words[i] = (struct bytes){ r->data[i], sizes[i - 1] };
	}
}

static void
request_clear(struct request *r)
{
	size_t i;

	for (i = 1; i < r->n; i++)
		free(r->data[i]);
}

/* This checks that the registry reads what the client has sent. */
static void
assert_decodes(const struct request *r, const struct command *c,
    uint64_t sequence, size_t frame_max)
{
	const uint8_t *fields = schema_find((uint16_t)c->request)->fields;
	struct bytes word;
	struct message m;
	size_t i;

	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b), frame_max, &m),
	    1);
	ck_assert_uint_eq(m.frame_size, buf_size(&b));
	ck_assert_uint_eq(m.type, c->request);
	ck_assert_uint_eq(m.sequence, sequence);
	for (i = 1; i < r->n; i++) {
		if (schema_field(fields[i - 1])->wire == WIRE_VALUE)
			ck_assert(message_get_value(&m.body, &word));
		else
			ck_assert(message_get_name(&m.body, &word));
		unit_assert_bytes(word, r->words[i]);
	}
	/* An option that is left out: SUBSCRIBE's prefix. */
	for (; fields[i - 1] != FIELD_END; i++) {
		ck_assert(message_get_name(&m.body, &word));
		ck_assert_uint_eq(word.size, 0);
	}
	ck_assert_uint_eq(m.body.size, 0);
}

/* This encodes words of these sizes.  If encoding succeeds, decoding must
 * succeed. */
static enum status
encode(const char *name, size_t n, const size_t *sizes, size_t value_max)
{
	const struct command *c;
	enum status status;
	struct request r;

	buf_truncate(&b, 0);
	request_init(&r, name, n, sizes);
	c = command_find(r.words, r.n);
	ck_assert_ptr_nonnull(c);
	status = command_encode(c, r.words, r.n, value_max, 42, &b);
	if (status == STATUS_OK)
		assert_decodes(&r, c, 42, message_request_max(value_max));
	else
		ck_assert_uint_eq(buf_size(&b), 0);
	request_clear(&r);
	return status;
}

static const struct {
	size_t size;
	enum status bucket, key;
} name_table[] = {
	{ 0, STATUS_BUCKET_EMPTY, STATUS_KEY_EMPTY },
	{ 1, STATUS_OK, STATUS_OK },
	{ 2, STATUS_OK, STATUS_OK },
	{ 254, STATUS_OK, STATUS_OK },
	{ 255, STATUS_OK, STATUS_OK },
	{ 256, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
	{ 257, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
	{ 511, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
	{ 512, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
	{ 65536, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
	{ 1 << 20, STATUS_BUCKET_TOO_LONG, STATUS_KEY_TOO_LONG },
};

static const struct {
	const char *name;
	size_t n;
} with_names[] = { { "GET", 2 }, { "PUT", 3 }, { "DELETE", 2 }, { "EXISTS", 2 },
	{ "TAKE", 2 }, { "ADD", 3 }, { "CAS", 4 }, { "PERSIST", 2 },
	{ "TTL", 2 }, { "COUNT", 1 }, { "DROP", 1 }, { "CREATE", 1 },
	{ "SUBSCRIBE", 1 }, { "UNSUBSCRIBE", 1 } };

TEST(test_bucket_bounds)
{
	size_t sizes[4] = { name_table[_i].size, 3, 3, 3 }, i;

	for (i = 0; i < COUNT(with_names); i++)
		ck_assert_int_eq(encode(with_names[i].name, with_names[i].n,
				     sizes, VALUE_MAX),
		    name_table[_i].bucket);
}

TEST(test_key_bounds)
{
	size_t sizes[4] = { 3, name_table[_i].size, 3, 3 }, i;

	for (i = 0; i < COUNT(with_names); i++)
		if (with_names[i].n >= 2)
			ck_assert_int_eq(encode(with_names[i].name,
					     with_names[i].n, sizes, VALUE_MAX),
			    name_table[_i].key);
}

static const struct {
	size_t size, value_max;
	enum status status;
} value_table[] = {
	{ 0, VALUE_MAX, STATUS_OK },
	{ 1, VALUE_MAX, STATUS_OK },
	{ 255, VALUE_MAX, STATUS_OK },
	{ 256, VALUE_MAX, STATUS_OK },
	{ VALUE_MAX - 1, VALUE_MAX, STATUS_OK },
	{ VALUE_MAX, VALUE_MAX, STATUS_OK },
	{ VALUE_MAX + 1, VALUE_MAX, STATUS_VALUE_TOO_LONG },
	{ 1 << 20, VALUE_MAX, STATUS_VALUE_TOO_LONG },
	{ 0, 0, STATUS_OK },
	{ 1, 0, STATUS_VALUE_TOO_LONG },
	{ 1, 1, STATUS_OK },
	{ 2, 1, STATUS_VALUE_TOO_LONG },
	{ 1 << 20, 1 << 20, STATUS_OK },
	{ (1 << 20) + 1, 1 << 20, STATUS_VALUE_TOO_LONG },
};

/* The largest request fits into a frame even with the longest names. */
TEST(test_value_bounds)
{
	size_t sizes[4] = { 1, 1, value_table[_i].size, 0 };
	size_t value_max = value_table[_i].value_max;

	ck_assert_int_eq(encode("PUT", 3, sizes, value_max),
	    value_table[_i].status);
	sizes[0] = sizes[1] = 255;
	ck_assert_int_eq(encode("PUT", 3, sizes, value_max),
	    value_table[_i].status);
	sizes[3] = value_max;
	ck_assert_int_eq(encode("CAS", 4, sizes, value_max),
	    value_table[_i].status);
	sizes[3] = sizes[2];
	sizes[2] = value_max;
	ck_assert_int_eq(encode("CAS", 4, sizes, value_max),
	    value_table[_i].status);
}

/* The error is that of the first word that is out of bounds. */
TEST(test_first_error)
{
	size_t sizes[3] = { 0, 0, VALUE_MAX + 1 };

	ck_assert_int_eq(encode("PUT", 3, sizes, VALUE_MAX),
	    STATUS_BUCKET_EMPTY);
	sizes[0] = 256;
	ck_assert_int_eq(encode("PUT", 3, sizes, VALUE_MAX),
	    STATUS_BUCKET_TOO_LONG);
	sizes[0] = 1;
	ck_assert_int_eq(encode("PUT", 3, sizes, VALUE_MAX), STATUS_KEY_EMPTY);
	sizes[1] = 256;
	ck_assert_int_eq(encode("PUT", 3, sizes, VALUE_MAX),
	    STATUS_KEY_TOO_LONG);
	sizes[1] = 1;
	ck_assert_int_eq(encode("PUT", 3, sizes, VALUE_MAX),
	    STATUS_VALUE_TOO_LONG);
}

/* A number becomes the last field of the request. */
static const struct {
	const char *line;
	enum status status;
	int64_t number;
} number_table[] = {
	{ "INCR b k", STATUS_OK, 1 },
	{ "INCR b k 0", STATUS_OK, 0 },
	{ "INCR b k -7", STATUS_OK, -7 },
	{ "INCR b k 0042", STATUS_OK, 42 },
	{ "INCR b k 9223372036854775807", STATUS_OK, INT64_MAX },
	{ "INCR b k -9223372036854775808", STATUS_OK, INT64_MIN },
	{ "INCR b k 9223372036854775808", STATUS_OUT_OF_RANGE, 0 },
	{ "INCR b k -9223372036854775809", STATUS_OUT_OF_RANGE, 0 },
	{ "INCR b k +1", STATUS_NOT_A_NUMBER, 0 },
	{ "INCR b k \"\"", STATUS_NOT_A_NUMBER, 0 },
	{ "INCR b k one", STATUS_NOT_A_NUMBER, 0 },
	{ "INCR b \"\" one", STATUS_KEY_EMPTY, 0 },
	{ "EXPIRE b k 1", STATUS_OK, 1000 },
	{ "EXPIRE b k 10000000000", STATUS_OK, 10000000000000 },
	{ "EXPIRE b k 1ms", STATUS_OK, 1 },
	{ "EXPIRE b k 0010ms", STATUS_OK, 10 },
	{ "EXPIRE b k 10000000000000ms", STATUS_OK, 10000000000000 },
	{ "EXPIRE b k 10000000000001ms", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 1s", STATUS_OK, 1000 },
	{ "EXPIRE b k 10000000000s", STATUS_OK, 10000000000000 },
	{ "EXPIRE b k 10000000001s", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 1m", STATUS_OK, 60000 },
	{ "EXPIRE b k 166666666m", STATUS_OK, 9999999960000 },
	{ "EXPIRE b k 166666667m", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 1h", STATUS_OK, 3600000 },
	{ "EXPIRE b k 2777777h", STATUS_OK, 9999997200000 },
	{ "EXPIRE b k 2777778h", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 1d", STATUS_OK, 86400000 },
	{ "EXPIRE b k 115740d", STATUS_OK, 9999936000000 },
	{ "EXPIRE b k 115741d", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 0ms", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 0d", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k -1h", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 99999999999999999999ms", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 9223372036854775807d", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k ms", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k s", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1S", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1M", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1w", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1sm", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1mms", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1h30m", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 1.5h", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k \"1 s\"", STATUS_NOT_A_NUMBER, 0 },
	{ "EXPIRE b k 10000000001", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 99999999999999999999", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k 0", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k -1", STATUS_OUT_OF_RANGE, 0 },
	{ "EXPIRE b k \"\"", STATUS_NOT_A_NUMBER, 0 },
};

TEST(test_numbers)
{
	const struct command *c;
	struct message m;
	struct bytes name;
	uint64_t number;
	char line[64];

	split(line, sizeof(line), number_table[_i].line);
	c = find();
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(command_encode(c, words_get(&words),
			     words_count(&words), VALUE_MAX, 1, &b),
	    number_table[_i].status);
	if (number_table[_i].status != STATUS_OK) {
		ck_assert_uint_eq(buf_size(&b), 0);
		return;
	}
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b),
			     message_request_max(VALUE_MAX), &m),
	    1);
	ck_assert(message_get_name(&m.body, &name));
	ck_assert(message_get_name(&m.body, &name));
	ck_assert(message_get_u64(&m.body, &number));
	ck_assert_int_eq((int64_t)number, number_table[_i].number);
	ck_assert_uint_eq(m.body.size, 0);
}

/* The value precedes the time.  The word EX is not sent, since the type of
 * the message implies it. */
TEST(test_put_ex)
{
	struct message m;
	struct bytes word;
	uint64_t time_ms;
	char line[64];

	split(line, sizeof(line), "PUT b k EX ex 10");
	ck_assert_int_eq(
	    command_encode(find(), words_get(&words), 6, VALUE_MAX, 1, &b),
	    STATUS_OK);
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b),
			     message_request_max(VALUE_MAX), &m),
	    1);
	ck_assert_uint_eq(m.type, MESSAGE_PUT_EX);
	ck_assert(message_get_name(&m.body, &word));
	ck_assert(message_get_name(&m.body, &word));
	ck_assert(message_get_value(&m.body, &word));
	unit_assert_bytes(word, bytes_from_text("EX"));
	ck_assert(message_get_u64(&m.body, &time_ms));
	ck_assert_uint_eq(time_ms, 10000);
	ck_assert_uint_eq(m.body.size, 0);
}

/* This encodes a line, and returns the frame's body. */
static struct bytes
encode_line(const char *line, enum message_type type)
{
	struct message m;
	char copy[64];

	split(copy, sizeof(copy), line);
	ck_assert_ptr_nonnull(find());
	buf_truncate(&b, 0);
	ck_assert_int_eq(command_encode(find(), words_get(&words),
			     words_count(&words), VALUE_MAX, 1, &b),
	    STATUS_OK);
	ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b),
			     message_request_max(VALUE_MAX), &m),
	    1);
	ck_assert_uint_eq(m.type, type);
	return m.body;
}

/* The number precedes the time, and may be left out. */
TEST(test_incr_ex)
{
	static const struct {
		const char *line;
		int64_t number, time_ms;
	} table[] = { { "INCR b k EX 5m", 1, 300000 },
		{ "INCR b k -2 EX 1ms", -2, 1 } };
	struct fields f;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		ck_assert(schema_get(schema_find(MESSAGE_INCR_EX),
		    encode_line(table[i].line, MESSAGE_INCR_EX), 0, &f));
		ck_assert_int_eq(f.number, table[i].number);
		ck_assert_int_eq(f.time_ms, table[i].time_ms);
	}
}

/* The options may be left out, and come in any order. */
TEST(test_options)
{
	static const struct {
		const char *line, *prefix;
		uint64_t limit;
	} table[] = { { "CLEAR b", "", 1000 },
		{ "CLEAR b PREFIX p", "p", 1000 },
		{ "CLEAR b LIMIT 10000", "", 10000 },
		{ "CLEAR b LIMIT 1 PREFIX q", "q", 1 },
		{ "CLEAR b PREFIX LIMIT LIMIT 2", "LIMIT", 2 } };
	struct fields f;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		ck_assert(schema_get(schema_find(MESSAGE_CLEAR),
		    encode_line(table[i].line, MESSAGE_CLEAR), 0, &f));
		unit_assert_bytes(f.prefix, bytes_from_text(table[i].prefix));
		ck_assert_uint_eq(f.limit, table[i].limit);
	}
}

/* This makes the words of a GET with n keys, of which one has this size. */
static enum status
encode_keys(size_t n, size_t which, size_t size)
{
	static char key[300];
	struct bytes *line = calloc(n + 2, sizeof(*line));
	enum status status;
	size_t i;

	ck_assert_ptr_nonnull(line);
	line[0] = bytes_from_text("GET");
	line[1] = bytes_from_text("b");
	for (i = 0; i < n; i++)
		line[i + 2] = (struct bytes){ key, i == which ? size : 255 };
	buf_truncate(&b, 0);
	status = command_encode(command_find(line, n + 2), line, n + 2,
	    VALUE_MAX, 1, &b);
	free(line);
	return status;
}

/* A GET may have this many keys, each of which has its bounds, and the request
 * fits into a frame. */
TEST(test_get_keys)
{
	struct bytes key, keys;
	struct message m;
	struct fields f;
	size_t n;

	ck_assert(schema_get(schema_find(MESSAGE_GET_KEYS),
	    encode_line("GET b k ll", MESSAGE_GET_KEYS), 0, &f));
	keys = f.rest;
	ck_assert(schema_next_name(&keys, &key));
	unit_assert_bytes(key, bytes_from_text("k"));
	ck_assert(schema_next_name(&keys, &key));
	unit_assert_bytes(key, bytes_from_text("ll"));
	ck_assert(!schema_next_name(&keys, &key));

	ck_assert_int_eq(encode_keys(1000, 0, 255), STATUS_OK);
	ck_assert_int_eq(
	    message_get(buf_data(&b), buf_size(&b), message_request_max(0), &m),
	    1);
	ck_assert(schema_get(schema_find(MESSAGE_GET_KEYS), m.body, 0, &f));
	for (n = 0; schema_next_name(&f.rest, &key); n++)
		ck_assert_uint_eq(key.size, 255);
	ck_assert_uint_eq(n, 1000);

	ck_assert_int_eq(encode_keys(1001, 0, 255), STATUS_TOO_MANY_KEYS);
	ck_assert_uint_eq(buf_size(&b), 0);
	ck_assert_int_eq(encode_keys(3, 2, 256), STATUS_KEY_TOO_LONG);
	ck_assert_int_eq(encode_keys(3, 1, 0), STATUS_KEY_EMPTY);
	ck_assert_uint_eq(buf_size(&b), 0);
}

/* Every command has a line of help, help about one command prints the same
 * line, and the line needs no quotes. */
TEST(test_help)
{
	struct buf all, one;
	size_t i, lines = 0;
	const uint8_t *p;

	buf_init(&all);
	buf_init(&one);
	command_help(bytes_from_text(""), &all);
	for (p = buf_data(&all), i = 0; i < buf_size(&all); i++)
		lines += p[i] == '\n';
	ck_assert_uint_ge(lines, 20);
	ck_assert_ptr_null(memchr(p, '"', buf_size(&all)));
	command_help(bytes_from_text("ttl"), &one);
	unit_assert_bytes(buf_bytes(&one),
	    bytes_from_text(
		"TTL bucket key - the seconds left to live, or an empty "
		"line\r\n"));
	ck_assert_ptr_nonnull(
	    memmem(p, buf_size(&all), buf_data(&one), buf_size(&one)));
	for (i = 0; i < COUNT(find_table); i++)
		if (find_table[i].name != NULL)
			ck_assert(command_exists(
			    bytes_from_text(find_table[i].name)));
	ck_assert(!command_exists(bytes_from_text("NONE")));
	ck_assert(!command_exists(bytes_from_text("")));
	buf_clear(&all);
	buf_clear(&one);
}

TEST(test_no_words)
{
	ck_assert_int_eq(encode("PING", 0, NULL, VALUE_MAX), STATUS_OK);
	ck_assert_uint_eq(buf_size(&b), MESSAGE_HEADER_SIZE);
}

/* An encoding error between two requests appends nothing. */
TEST(test_encode_appends)
{
	static const char *const lines[] = { "CREATE b", "PUT b \"\" v",
		"PUT b k v", "PING" };
	const struct command *c;
	char line[64];
	struct message m;
	uint64_t i;

	for (i = 0; i < COUNT(lines); i++) {
		split(line, sizeof(line), lines[i]);
		c = find();
		ck_assert_ptr_nonnull(c);
		ck_assert_int_eq(command_encode(c, words_get(&words),
				     words_count(&words), VALUE_MAX, i, &b),
		    i == 1 ? STATUS_KEY_EMPTY : STATUS_OK);
	}
	for (i = 0; i < COUNT(lines); i++) {
		if (i == 1)
			continue;
		ck_assert_int_eq(message_get(buf_data(&b), buf_size(&b),
				     message_request_max(VALUE_MAX), &m),
		    1);
		ck_assert_uint_eq(m.sequence, i);
		buf_consume(&b, m.frame_size);
	}
	ck_assert_uint_eq(buf_size(&b), 0);
}

static const struct test tests[] = {
	CASE("command", setup, teardown),
	EACH(test_find, find_table),
	EACH(test_find_other_case, find_table),
	ONCE(test_find_near_miss),
	EACH(test_bucket_bounds, name_table),
	EACH(test_key_bounds, name_table),
	EACH(test_value_bounds, value_table),
	ONCE(test_first_error),
	EACH(test_numbers, number_table),
	ONCE(test_put_ex),
	ONCE(test_incr_ex),
	ONCE(test_options),
	ONCE(test_get_keys),
	ONCE(test_help),
	ONCE(test_no_words),
	ONCE(test_encode_appends),
};

SUITE("command", tests)
