/*
 * check_number: numbers as clients write them (common/number).
 */

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/number.h"

static const struct {
	struct bytes text;
	enum number_result result;
	int64_t number;
} parse_table[] = {
	{ UNIT_BYTES("0"), NUMBER_OK, 0 },
	{ UNIT_BYTES("1"), NUMBER_OK, 1 },
	{ UNIT_BYTES("-1"), NUMBER_OK, -1 },
	{ UNIT_BYTES("-0"), NUMBER_OK, 0 },
	{ UNIT_BYTES("007"), NUMBER_OK, 7 },
	{ UNIT_BYTES("-007"), NUMBER_OK, -7 },
	{ UNIT_BYTES("1234567890"), NUMBER_OK, 1234567890 },
	{ UNIT_BYTES("9223372036854775806"), NUMBER_OK, INT64_MAX - 1 },
	{ UNIT_BYTES("9223372036854775807"), NUMBER_OK, INT64_MAX },
	{ UNIT_BYTES("9223372036854775808"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("-9223372036854775807"), NUMBER_OK, -INT64_MAX },
	{ UNIT_BYTES("-9223372036854775808"), NUMBER_OK, INT64_MIN },
	{ UNIT_BYTES("-9223372036854775809"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("18446744073709551616"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("18446744073709551617"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("99999999999999999999999999999999"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("-99999999999999999999999999999999"), NUMBER_RANGE, 0 },
	{ UNIT_BYTES("00000000000000000000000000000000000000009"), NUMBER_OK,
	    9 },
	{ UNIT_BYTES(""), NUMBER_NONE, 0 },
	{ { NULL, 0 }, NUMBER_NONE, 0 },
	{ UNIT_BYTES("-"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("--1"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("+1"), NUMBER_NONE, 0 },
	{ UNIT_BYTES(" 1"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("1 "), NUMBER_NONE, 0 },
	{ UNIT_BYTES("1\0"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("1.5"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("1e3"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("0x10"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("1-"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("/"), NUMBER_NONE, 0 },
	{ UNIT_BYTES(":"), NUMBER_NONE, 0 },
	{ UNIT_BYTES("\xb1"), NUMBER_NONE, 0 },
	/* no number at all, however many digits come first */
	{ UNIT_BYTES("99999999999999999999x"), NUMBER_NONE, 0 },
};

TEST(test_parse)
{
	struct bytes text = parse_table[_i].text;
	uint8_t *copy = unit_copy(text.data, text.size);
	int64_t number = 4711;

	if (text.data != NULL)
		text.data = copy;
	ck_assert_int_eq(number_parse(text, &number), parse_table[_i].result);
	ck_assert_int_eq(number,
	    parse_table[_i].result == NUMBER_OK ? parse_table[_i].number :
						  4711);
	free(copy);
}

static const int64_t format_table[] = { 0, 1, -1, 9, 10, -10, 99, 100,
	INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1 };

TEST(test_format)
{
	int64_t number = format_table[_i], again;
	char text[NUMBER_SIZE], want[32];
	struct bytes got = { text, number_format(number, text) };

	snprintf(want, sizeof(want), "%" PRId64, number);
	unit_assert_bytes(got, unit_text(want));
	ck_assert_int_eq(number_parse(got, &again), NUMBER_OK);
	ck_assert_int_eq(again, number);
}

static const struct test tests[] = {
	CASE("number", NULL, NULL),
	EACH(test_parse, parse_table),
	EACH(test_format, format_table),
};

SUITE("number", tests)
