/*
 * check_number: these tests check numbers as clients write them
 * (common/number).
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
	/* These are not numbers, however many digits come first. */
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
	unit_assert_bytes(got, bytes_from_text(want));
	ck_assert_int_eq(number_parse(got, &again), NUMBER_OK);
	ck_assert_int_eq(again, number);
}

static const struct {
	const char *text;
	bool good; /* The text is a number from -5 to 100. */
	int64_t number;
} range_table[] = {
	{ "0", true, 0 },
	{ "-5", true, -5 },
	{ "100", true, 100 },
	{ "0099", true, 99 },
	{ "-6", false, 0 },
	{ "101", false, 0 },
	{ "", false, 0 },
	{ "-", false, 0 },
	{ "+1", false, 0 },
	{ " 1", false, 0 },
	{ "1 ", false, 0 },
	{ "1.5", false, 0 },
	{ "99999999999999999999", false, 0 },
};

TEST(test_in_range)
{
	int64_t number = 4711;

	ck_assert_int_eq(
	    number_in_range(range_table[_i].text, -5, 100, &number),
	    range_table[_i].good);
	ck_assert_int_eq(number,
	    range_table[_i].good ? range_table[_i].number : 4711);
}

static const struct {
	const char *text;
	bool good; /* The text is a number from 0.5 to 100. */
	double number;
} decimal_table[] = {
	{ "0.5", true, 0.5 },
	{ "100", true, 100 },
	{ "1e1", true, 10 },
	{ "0.49", false, 0 },
	{ "100.01", false, 0 },
	{ "", false, 0 },
	{ "1x", false, 0 },
	{ "nan", false, 0 },
	{ "inf", false, 0 },
	{ "-1", false, 0 },
};

TEST(test_decimal_in_range)
{
	double number = 4711;

	ck_assert_int_eq(
	    number_decimal_in_range(decimal_table[_i].text, 0.5, 100, &number),
	    decimal_table[_i].good);
	ck_assert_double_eq(number,
	    decimal_table[_i].good ? decimal_table[_i].number : 4711);
}

static const struct {
	const char *text;
	const char *rest; /* NULL means that the text is refused. */
	uint64_t number; /* Numbers up to 100 are allowed. */
} scan_table[] = {
	{ "0", "", 0 },
	{ "100", "", 100 },
	{ "16k-1M", "k-1M", 16 },
	{ "1 ", " ", 1 },
	{ "101", NULL, 0 },
	{ "99999999999999999999", NULL, 0 },
	{ "", NULL, 0 },
	{ "k", NULL, 0 },
	{ "-1", NULL, 0 },
};

TEST(test_scan)
{
	const char *want = scan_table[_i].rest, *rest;
	uint64_t number = 4711;

	rest = number_scan(scan_table[_i].text, 100, &number);
	ck_assert_int_eq(rest == NULL, want == NULL);
	if (want != NULL)
		ck_assert_str_eq(rest, want);
	ck_assert_uint_eq(number, want == NULL ? 4711 : scan_table[_i].number);
}

static const struct test tests[] = {
	CASE("number", NULL, NULL),
	EACH(test_parse, parse_table),
	EACH(test_format, format_table),
	EACH(test_in_range, range_table),
	EACH(test_decimal_in_range, decimal_table),
	EACH(test_scan, scan_table),
};

SUITE("number", tests)
