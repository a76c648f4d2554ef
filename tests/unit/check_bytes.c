/*
 * check_bytes: these tests compare byte strings, including empty ones whose
 * data pointer is NULL.
 */

#include <stdbool.h>

#include "common/bytes.h"
#include "unit.h"

#define NONE      \
	{         \
		0 \
	}

static const struct {
	struct bytes a, b;
	int order; /* This is the order of a relative to b. */
	bool begins; /* This is true if a begins with b. */
} compare_table[] = {
	{ NONE, NONE, 0, true },
	{ UNIT_BYTES(""), NONE, 0, true },
	{ UNIT_BYTES("a"), NONE, 1, true },
	{ NONE, UNIT_BYTES("a"), -1, false },
	{ UNIT_BYTES("\0"), NONE, 1, true },
	{ UNIT_BYTES("a"), UNIT_BYTES("a"), 0, true },
	{ UNIT_BYTES("a"), UNIT_BYTES("b"), -1, false },
	{ UNIT_BYTES("b"), UNIT_BYTES("ab"), 1, false },
	{ UNIT_BYTES("ab"), UNIT_BYTES("a"), 1, true },
	{ UNIT_BYTES("a"), UNIT_BYTES("a\0"), -1, false },
	{ UNIT_BYTES("a\0b"), UNIT_BYTES("a\0c"), -1, false },
	{ UNIT_BYTES("a\0b"), UNIT_BYTES("a\0"), 1, true },
	/* Bytes compare as unsigned numbers. */
	{ UNIT_BYTES("\xff"), UNIT_BYTES("\x01"), 1, false },
};

TEST(test_compare)
{
	struct bytes a = compare_table[_i].a, b = compare_table[_i].b;
	int order = bytes_compare(a, b);

	ck_assert_int_eq((order > 0) - (order < 0), compare_table[_i].order);
	order = bytes_compare(b, a);
	ck_assert_int_eq((order < 0) - (order > 0), compare_table[_i].order);
	ck_assert_int_eq(bytes_equal(a, b), compare_table[_i].order == 0);
	ck_assert_int_eq(bytes_begin_with(a, b), compare_table[_i].begins);
	ck_assert_int_eq(bytes_common(a, b) == b.size,
	    compare_table[_i].begins);
}

TEST(test_common)
{
	struct bytes none = NONE, text = UNIT_BYTES("a\0bc");

	ck_assert_uint_eq(bytes_common(none, text), 0);
	ck_assert_uint_eq(bytes_common(text, text), 4);
	ck_assert_uint_eq(bytes_common(text, bytes_from_text("abc")), 1);
	ck_assert_uint_eq(bytes_common(text, bytes_from_text("xbc")), 0);
}

TEST(test_text)
{
	struct bytes with_nul = UNIT_BYTES("OK\0"), none = NONE;

	ck_assert_uint_eq(bytes_from_text("").size, 0);
	ck_assert_uint_eq(bytes_from_text("OK").size, 2);
	ck_assert(bytes_are(bytes_from_text("OK"), "OK"));
	ck_assert(!bytes_are(bytes_from_text("OK"), "ok"));
	ck_assert(!bytes_are(bytes_from_text("OKAY"), "OK"));
	ck_assert(!bytes_are(with_nul, "OK"));
	ck_assert(bytes_are(none, ""));
	ck_assert(!bytes_are(none, "OK"));
}

static const struct test tests[] = {
	CASE("bytes", NULL, NULL),
	EACH(test_compare, compare_table),
	ONCE(test_common),
	ONCE(test_text),
};

SUITE("bytes", tests)
