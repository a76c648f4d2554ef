/*
 * check_kvctl_text: these tests check how kvctl reads the fields of a line
 * (kvctl/record), and how it writes numbers for people (kvctl/ctl_format).
 */

#include "unit.h"

#include "kvctl/ctl_format.h"
#include "kvctl/record.h"

static void
parse(struct record *r, const char *line)
{
	static char copy[512];

	(void)snprintf(copy, sizeof(copy), "%s", line);
	record_parse(r, copy);
}

TEST(test_record)
{
	struct record r;

	parse(&r, "process role=registry pid=12 end=\"died of SIGKILL\" x=1");
	ck_assert_str_eq(r.word, "process");
	ck_assert_uint_eq(r.count, 4);
	ck_assert_str_eq(record_text(&r, "role"), "registry");
	ck_assert_int_eq(record_number(&r, "pid"), 12);
	ck_assert_str_eq(record_text(&r, "end"), "died of SIGKILL");
	ck_assert_int_eq(record_number(&r, "x"), 1);
	ck_assert_str_eq(record_text(&r, "y"), "");
	ck_assert_int_eq(record_number(&r, "y"), 0);
}

TEST(test_record_malformed)
{
	char line[4096] = "many";
	struct record r;
	size_t i;

	parse(&r, "");
	ck_assert_str_eq(r.word, "");
	ck_assert_uint_eq(r.count, 0);
	parse(&r, "word");
	ck_assert_uint_eq(r.count, 0);
	parse(&r, "word text without fields");
	ck_assert_uint_eq(r.count, 0);
	parse(&r, "word a=\"never ends b=1");
	ck_assert_uint_eq(r.count, 1);
	ck_assert_str_eq(record_text(&r, "a"), "never ends b=1");
	parse(&r, "word a=");
	ck_assert_str_eq(record_text(&r, "a"), "");
	for (i = 0; i < 2 * RECORD_FIELDS_MAX; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    " f%zu=%zu", i, i);
	record_parse(&r, line);
	ck_assert_uint_eq(r.count, RECORD_FIELDS_MAX);
	ck_assert_int_eq(record_number(&r, "f31"), 31);
}

static const struct {
	int64_t ms;
	const char *text;
} times[] = {
	{ 0, "0ms" },
	{ 999, "999ms" },
	{ 1000, "1.0s" },
	{ 59999, "59.9s" },
	{ 60000, "1m 0s" },
	{ 3599999, "59m 59s" },
	{ 3600000, "1h 0m" },
	{ 86399999, "23h 59m" },
	{ 86400000, "1d 0h" },
	{ INT64_C(400) * 86400000 + 7200000, "400d 2h" },
};

TEST(test_time)
{
	char text[CTL_TEXT_SIZE];

	ck_assert_str_eq(ctl_format_time(text, times[_i].ms), times[_i].text);
}

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0" },
	{ 1023, "1023" },
	{ 1024, "1.0K" },
	{ 1536, "1.5K" },
	{ 1048575, "1.0M" },
	{ 1048576, "1.0M" },
	{ 34812723, "33.2M" },
	{ UINT64_MAX, "16.0E" },
};

TEST(test_size)
{
	char text[CTL_TEXT_SIZE];

	ck_assert_str_eq(ctl_format_size(text, sizes[_i].bytes),
	    sizes[_i].text);
}

static const struct test tests[] = {
	CASE("record", NULL, NULL),
	ONCE(test_record),
	ONCE(test_record_malformed),
	CASE("format", NULL, NULL),
	EACH(test_time, times),
	EACH(test_size, sizes),
};

SUITE("kvctl_text", tests)
