/*
 * check_listing: these tests check the requests and pages of listings
 * (proto/listing).
 */

#include "unit.h"

#include "proto/listing.h"
#include "proto/words.h"

#define B(text) UNIT_BYTES(text)

#define X15 "xxxxxxxxxxxxxxx"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 X15
#define X256 X255 "x"

#define ALL UINT64_MAX

static struct buf b, out, words;
static struct listing listing;
/* The words point into this buffer until the test ends. */
static char line[2048];

static void
setup(void)
{
	buf_init(&b);
	buf_init(&out);
	buf_init(&words);
	/* Parsing has to overwrite all of the struct. */
	memset(&listing, 0xa5, sizeof(listing));
}

static void
teardown(void)
{
	buf_clear(&b);
	buf_clear(&out);
	buf_clear(&words);
}

static enum status
parse(enum list_kind kind, const char *text)
{
	ck_assert_uint_lt(strlen(text), sizeof(line));
	memcpy(line, text, strlen(text) + 1);
	ck_assert_int_eq(words_split((uint8_t *)line, strlen(line), &words),
	    WORDS_OK);
	return listing_parse(&listing, kind, words_get(&words),
	    words_count(&words));
}

static const struct {
	enum list_kind kind;
	const char *line;
	struct bytes bucket, prefix, after;
	uint64_t limit;
} parse_table[] = {
	{ LIST_BUCKETS, "BUCKETS", B(""), B(""), B(""), ALL },
	{ LIST_KEYS, "KEYS b", B("b"), B(""), B(""), ALL },
	{ LIST_ENTRIES, "ENTRIES b", B("b"), B(""), B(""), ALL },

	/* Each option is alone. */
	{ LIST_BUCKETS, "BUCKETS PREFIX p", B(""), B("p"), B(""), ALL },
	{ LIST_BUCKETS, "BUCKETS AFTER a", B(""), B(""), B("a"), ALL },
	{ LIST_BUCKETS, "BUCKETS LIMIT 7", B(""), B(""), B(""), 7 },
	{ LIST_KEYS, "KEYS b PREFIX p", B("b"), B("p"), B(""), ALL },
	{ LIST_KEYS, "KEYS b AFTER a", B("b"), B(""), B("a"), ALL },
	{ LIST_KEYS, "KEYS b LIMIT 7", B("b"), B(""), B(""), 7 },

	/* The options come in every order, in lower and in upper case. */
	{ LIST_KEYS, "KEYS b PREFIX p AFTER a LIMIT 7", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_KEYS, "KEYS b PREFIX p LIMIT 7 AFTER a", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_KEYS, "KEYS b AFTER a PREFIX p LIMIT 7", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_KEYS, "KEYS b AFTER a LIMIT 7 PREFIX p", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_KEYS, "KEYS b LIMIT 7 PREFIX p AFTER a", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_KEYS, "KEYS b LIMIT 7 AFTER a PREFIX p", B("b"), B("p"), B("a"),
	    7 },
	{ LIST_ENTRIES, "entries b limit 7 After a pREFIX p", B("b"), B("p"),
	    B("a"), 7 },

	/* These words have the same names as options. */
	{ LIST_KEYS, "KEYS PREFIX", B("PREFIX"), B(""), B(""), ALL },
	{ LIST_KEYS, "KEYS PREFIX PREFIX PREFIX AFTER AFTER", B("PREFIX"),
	    B("PREFIX"), B("AFTER"), ALL },
	{ LIST_BUCKETS, "BUCKETS AFTER LIMIT", B(""), B(""), B("LIMIT"), ALL },
	{ LIST_KEYS, "KEYS b \"PREFIX\" p", B("b"), B("p"), B(""), ALL },

	/* These values are at the bounds. */
	{ LIST_KEYS, "KEYS b PREFIX \"\" AFTER \"\"", B("b"), B(""), B(""),
	    ALL },
	{ LIST_KEYS, "KEYS " X255 " PREFIX " X255 " AFTER " X255, B(X255),
	    B(X255), B(X255), ALL },
	{ LIST_BUCKETS, "BUCKETS PREFIX " X255 " AFTER " X255, B(""), B(X255),
	    B(X255), ALL },
	{ LIST_KEYS, "KEYS b LIMIT 1", B("b"), B(""), B(""), 1 },
	{ LIST_KEYS, "KEYS b LIMIT 007", B("b"), B(""), B(""), 7 },
	{ LIST_KEYS, "KEYS b LIMIT 9223372036854775807", B("b"), B(""), B(""),
	    INT64_MAX },

	/* Words may contain any bytes. */
	{ LIST_KEYS, "KEYS \"\\0\" PREFIX \"\\xff\\xff\" AFTER \" \\n\"",
	    B("\0"), B("\xff\xff"), B(" \n"), ALL },
};

static void
assert_listing(const struct listing *l, enum list_kind kind,
    struct bytes bucket, struct bytes prefix, struct bytes after,
    uint64_t limit)
{
	ck_assert_int_eq(l->kind, kind);
	ck_assert_uint_eq(l->revision, 0);
	ck_assert_uint_eq(l->limit, limit);
	unit_assert_bytes(l->bucket, bucket);
	unit_assert_bytes(l->prefix, prefix);
	unit_assert_bytes(((struct bytes){ l->after, l->after_size }), after);
}

TEST(test_parse)
{
	ck_assert_int_eq(parse(parse_table[_i].kind, parse_table[_i].line),
	    STATUS_OK);
	assert_listing(&listing, parse_table[_i].kind, parse_table[_i].bucket,
	    parse_table[_i].prefix, parse_table[_i].after,
	    parse_table[_i].limit);
}

static const struct {
	enum list_kind kind;
	const char *line;
	enum status status;
} error_table[] = {
	/* The words after the bucket are not pairs or not options. */
	{ LIST_BUCKETS, "BUCKETS b", STATUS_UNKNOWN_COMMAND },
	{ LIST_BUCKETS, "BUCKETS PREFIX", STATUS_UNKNOWN_COMMAND },
	{ LIST_BUCKETS, "BUCKETS PREFIX p AFTER", STATUS_UNKNOWN_COMMAND },
	{ LIST_BUCKETS, "BUCKETS REVERSE p", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b c", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b PREFIX", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b \"\" p", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b PREFI p", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b PREFIXX p", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b 7 LIMIT", STATUS_UNKNOWN_COMMAND },
	{ LIST_ENTRIES, "ENTRIES", STATUS_UNKNOWN_COMMAND },
	{ LIST_ENTRIES, "ENTRIES b LIMIT", STATUS_UNKNOWN_COMMAND },

	/* An option may not be given twice. */
	{ LIST_KEYS, "KEYS b PREFIX p PREFIX p", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b AFTER a LIMIT 7 after a", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b LIMIT 7 limit 8", STATUS_UNKNOWN_COMMAND },
	{ LIST_KEYS, "KEYS b PREFIX \"\" PREFIX p", STATUS_UNKNOWN_COMMAND },

	/* These names are bad. */
	{ LIST_KEYS, "KEYS \"\"", STATUS_BUCKET_EMPTY },
	{ LIST_ENTRIES, "ENTRIES \"\" LIMIT 7", STATUS_BUCKET_EMPTY },
	{ LIST_KEYS, "KEYS " X256, STATUS_BUCKET_TOO_LONG },
	{ LIST_BUCKETS, "BUCKETS PREFIX " X256, STATUS_BUCKET_TOO_LONG },
	{ LIST_BUCKETS, "BUCKETS AFTER " X256, STATUS_BUCKET_TOO_LONG },
	{ LIST_KEYS, "KEYS b PREFIX " X256, STATUS_KEY_TOO_LONG },
	{ LIST_KEYS, "KEYS b AFTER " X256, STATUS_KEY_TOO_LONG },
	{ LIST_ENTRIES, "ENTRIES b AFTER " X256, STATUS_KEY_TOO_LONG },

	/* These numbers are bad. */
	{ LIST_KEYS, "KEYS b LIMIT 0", STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT 000", STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT -1", STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT -9223372036854775808", STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT 9223372036854775808", STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT 99999999999999999999999",
	    STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b LIMIT \"\"", STATUS_NOT_A_NUMBER },
	{ LIST_KEYS, "KEYS b LIMIT x", STATUS_NOT_A_NUMBER },
	{ LIST_KEYS, "KEYS b LIMIT 7x", STATUS_NOT_A_NUMBER },
	{ LIST_KEYS, "KEYS b LIMIT +7", STATUS_NOT_A_NUMBER },
	{ LIST_KEYS, "KEYS b LIMIT \" 7\"", STATUS_NOT_A_NUMBER },
	{ LIST_KEYS, "KEYS b LIMIT \"7\\0\"", STATUS_NOT_A_NUMBER },

	/* The first of several errors is reported. */
	{ LIST_KEYS, "KEYS \"\" PREFIX", STATUS_BUCKET_EMPTY },
	{ LIST_KEYS, "KEYS b LIMIT 0 PREFIX " X256, STATUS_OUT_OF_RANGE },
	{ LIST_KEYS, "KEYS b PREFIX " X256 " LIMIT 0", STATUS_KEY_TOO_LONG },
};

TEST(test_parse_error)
{
	ck_assert_int_eq(parse(error_table[_i].kind, error_table[_i].line),
	    error_table[_i].status);
}

/* This reads a request as the registry does. */
static void
assert_request(const struct message *m, const struct listing *l)
{
	struct bytes body = m->body, name;
	uint64_t number;
	uint8_t kind;

	ck_assert_uint_eq(m->type, MESSAGE_LIST);
	ck_assert(message_get_u8(&body, &kind));
	ck_assert_uint_eq(kind, l->kind);
	ck_assert(message_get_u64(&body, &number));
	ck_assert_uint_eq(number, l->revision);
	ck_assert(message_get_u64(&body, &number));
	ck_assert_uint_eq(number, l->limit);
	ck_assert(message_get_name(&body, &name));
	unit_assert_bytes(name, l->bucket);
	ck_assert(message_get_name(&body, &name));
	unit_assert_bytes(name, l->prefix);
	ck_assert(message_get_name(&body, &name));
	unit_assert_bytes(name, ((struct bytes){ l->after, l->after_size }));
	ck_assert_uint_eq(body.size, 0);
}

TEST(test_put)
{
	struct message m;

	ck_assert_int_eq(parse(parse_table[_i].kind, parse_table[_i].line),
	    STATUS_OK);
	listing.revision = 0x0102030405060708;
	/* The request follows another message. */
	message_end(&b, message_begin(&b, MESSAGE_PING, 1));
	listing_put(&listing, 77, &b);
	buf_consume(&b, MESSAGE_HEADER_SIZE);
	ck_assert_int_eq(
	    message_get(buf_data(&b), buf_size(&b), message_request_max(0), &m),
	    1);
	ck_assert_uint_eq(m.frame_size, buf_size(&b));
	ck_assert_uint_eq(m.sequence, 77);
	assert_request(&m, &listing);
}

/* These functions build pages as the registry would send them. */

static void
page_begin(uint64_t revision, uint8_t status, uint8_t more)
{
	buf_truncate(&b, 0);
	message_put_u64(&b, revision);
	message_put_u8(&b, status);
	message_put_u8(&b, more);
}

static void
page_line(const struct bytes *line_words, uint16_t n)
{
	uint16_t i;

	message_put_u16(&b, n);
	for (i = 0; i < n; i++)
		message_put_value(&b, line_words[i]);
}

static void
page_word(const char *word)
{
	struct bytes bytes = bytes_from_text(word);

	page_line(&bytes, 1);
}

/* This takes only the first `size` bytes of the page. */
static enum listing_result
format_part(size_t size)
{
	uint8_t *copy = unit_copy(buf_data(&b), size);
	enum listing_result result;

	buf_truncate(&out, 0);
	result = listing_format(&listing, (struct bytes){ copy, size }, &out);
	/* The listing must have copied the data that it keeps. */
	memset(copy, 0xa5, size);
	free(copy);
	return result;
}

static enum listing_result
format(void)
{
	return format_part(buf_size(&b));
}

TEST(test_format)
{
	static const struct bytes entries[][2] = {
		{ B("key"), B("value") },
		{ B("OK"), B("") },
		{ B("NOT"), B("FOUND") },
		{ B("\0"), B("a b") },
	};
	size_t i;

	ck_assert_int_eq(parse(LIST_ENTRIES, "ENTRIES b"), STATUS_OK);
	page_begin(5, STATUS_OK, 0);
	for (i = 0; i < COUNT(entries); i++)
		page_line(entries[i], 2);
	ck_assert_int_eq(format(), LISTING_END);
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text("key value\r\nOK \"\"\r\n\"NOT\" \"FOUND\"\r\n"
			    "\"\\x00\" \"a b\"\r\nOK\r\n"));
}

/* Each request continues where the previous page ended. */
TEST(test_pages)
{
	ck_assert_int_eq(parse(LIST_KEYS, "KEYS b PREFIX a LIMIT 5"),
	    STATUS_OK);
	page_begin(9, STATUS_OK, 1);
	page_word("aa");
	page_word("ab");
	ck_assert_int_eq(format(), LISTING_MORE);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text("aa\r\nab\r\n"));
	ck_assert_uint_eq(listing.revision, 9);
	ck_assert_uint_eq(listing.limit, 3);
	unit_assert_bytes(((struct bytes){ listing.after, listing.after_size }),
	    bytes_from_text("ab"));
	/* An empty page does not end the listing. */
	page_begin(9, STATUS_OK, 1);
	ck_assert_int_eq(format(), LISTING_MORE);
	ck_assert_uint_eq(buf_size(&out), 0);
	ck_assert_uint_eq(listing.limit, 3);
	page_begin(9, STATUS_OK, 1);
	page_word(X255);
	ck_assert_int_eq(format(), LISTING_MORE);
	ck_assert_uint_eq(listing.limit, 2);
	unit_assert_bytes(((struct bytes){ listing.after, listing.after_size }),
	    bytes_from_text(X255));
	page_begin(9, STATUS_OK, 0);
	page_word("OK");
	ck_assert_int_eq(format(), LISTING_END);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text("\"OK\"\r\nOK\r\n"));
}

static const struct {
	enum status status;
	const char *text;
} end_table[] = {
	{ STATUS_OK, "OK\r\n" },
	{ STATUS_NOT_FOUND, "NOT FOUND\r\n" },
	{ STATUS_SNAPSHOT_LOST, "ERROR snapshot lost\r\n" },
	{ STATUS_TOO_MANY_LISTINGS, "ERROR too many listings\r\n" },
	{ STATUS_DATA_DAMAGED, "ERROR data damaged\r\n" },
};

TEST(test_end)
{
	ck_assert_int_eq(parse(LIST_KEYS, "KEYS b"), STATUS_OK);
	page_begin(0, (uint8_t)end_table[_i].status, 0);
	ck_assert_int_eq(format(), LISTING_END);
	unit_assert_bytes(buf_bytes(&out), bytes_from_text(end_table[_i].text));
}

/* The lines before a damaged one are listed. */
TEST(test_end_after_lines)
{
	ck_assert_int_eq(parse(LIST_KEYS, "KEYS b"), STATUS_OK);
	page_begin(4, STATUS_DATA_DAMAGED, 0);
	page_word("a");
	ck_assert_int_eq(format(), LISTING_END);
	unit_assert_bytes(buf_bytes(&out),
	    bytes_from_text("a\r\nERROR data damaged\r\n"));
}

TEST(test_truncated)
{
	static const struct bytes entry[2] = { B("key"), B("value") };
	size_t ends[3], size;
	bool whole;

	page_begin(1, STATUS_OK, 0);
	ends[0] = buf_size(&b);
	page_line(entry, 2);
	ends[1] = buf_size(&b);
	page_line(entry, 1);
	ends[2] = buf_size(&b);
	for (size = 0; size <= ends[2]; size++) {
		ck_assert_int_eq(parse(LIST_ENTRIES, "ENTRIES b"), STATUS_OK);
		whole = size == ends[0] || size == ends[1] || size == ends[2];
		ck_assert_int_eq(format_part(size),
		    whole ? LISTING_END : LISTING_MALFORMED);
	}
}

static const struct {
	uint16_t n;
	uint32_t size; /* This is the size that each word claims to have. */
	size_t really;
	enum listing_result result;
} malformed_table[] = {
	{ 0, 0, 0, LISTING_MALFORMED },
	{ 1, 1, 1, LISTING_END },
	{ 2, 1, 1, LISTING_END },
	{ 3, 1, 1, LISTING_MALFORMED },
	{ UINT16_MAX, 1, 1, LISTING_MALFORMED },
	/* A name has 1 to 255 bytes. */
	{ 1, 0, 0, LISTING_MALFORMED },
	{ 1, 255, 255, LISTING_END },
	{ 1, 256, 256, LISTING_MALFORMED },
	/* These claim more than the page holds. */
	{ 1, 2, 1, LISTING_MALFORMED },
	{ 1, 0x80000000, 1, LISTING_MALFORMED },
	{ 1, UINT32_MAX, 1, LISTING_MALFORMED },
};

TEST(test_malformed)
{
	static const uint8_t bytes[256] = { 'x' };
	int i;

	ck_assert_int_eq(parse(LIST_ENTRIES, "ENTRIES b"), STATUS_OK);
	page_begin(1, STATUS_OK, 0);
	message_put_u16(&b, malformed_table[_i].n);
	for (i = 0; i < malformed_table[_i].n && i < 4; i++) {
		message_put_u32(&b, malformed_table[_i].size);
		buf_append(&b, bytes, malformed_table[_i].really);
	}
	ck_assert_int_eq(format(), malformed_table[_i].result);
}

TEST(test_bad_status)
{
	int status;

	for (status = 0; status < 256; status++) {
		ck_assert_int_eq(parse(LIST_KEYS, "KEYS b"), STATUS_OK);
		page_begin(1, (uint8_t)status, 0);
		ck_assert_int_eq(format(),
		    status < STATUS_END ? LISTING_END : LISTING_MALFORMED);
	}
}

/* The page has more lines than the request asked for. */
TEST(test_beyond_limit)
{
	ck_assert_int_eq(parse(LIST_KEYS, "KEYS b LIMIT 2"), STATUS_OK);
	page_begin(1, STATUS_OK, 0);
	page_word("a");
	page_word("b");
	page_word("c");
	ck_assert_int_eq(format(), LISTING_MALFORMED);
}

/* With random bytes nothing outside the buffers is read or written; sanitizers
 * check that. */
TEST(test_random_pages)
{
	uint64_t state = 88172645463325252;
	size_t size, i;
	int round;

	for (round = 0; round < 20000; round++) {
		ck_assert_int_eq(parse(LIST_ENTRIES, "ENTRIES b"), STATUS_OK);
		page_begin(1, 0, 0);
		size = unit_random(&state) % 40;
		for (i = 0; i < size; i++)
			/* Most numbers are small, so that most of them are
			 * valid. */
			message_put_u8(&b,
			    (uint8_t)(unit_random(&state) % 8 == 0 ?
				    unit_random(&state) :
				    unit_random(&state) % 3));
		(void)format();
	}
}

static const struct test tests[] = {
	CASE("listing", setup, teardown),
	EACH(test_parse, parse_table),
	EACH(test_parse_error, error_table),
	EACH(test_put, parse_table),
	ONCE(test_format),
	ONCE(test_pages),
	EACH(test_end, end_table),
	ONCE(test_end_after_lines),
	ONCE(test_truncated),
	EACH(test_malformed, malformed_table),
	ONCE(test_bad_status),
	ONCE(test_beyond_limit),
	ONCE(test_random_pages),
};

SUITE("listing", tests)
