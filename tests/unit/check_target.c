/*
 * check_target: these tests check the server's address as people write it.
 */

#include <stdbool.h>

#include "common/target.h"
#include "unit.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X107 X50 X50 "xxxxxxx"
#define X255 X50 X50 X50 X50 X50 "xxxxx"

static const struct {
	const char *text;
	const char *print; /* NULL means that the address is refused. */
} parse_table[] = {
	{ "host", "host:4040" },
	{ "host:1", "host:1" },
	{ "host:65535", "host:65535" },
	{ "127.0.0.1:4041", "127.0.0.1:4041" },
	{ "[::1]", "[::1]:4040" },
	{ "[::1]:4041", "[::1]:4041" },
	{ "[fe80::1%eth0]:4041", "[fe80::1%eth0]:4041" },
	{ "unix:/run/kvd", "unix:/run/kvd" },
	{ "unix:kvd:1", "unix:kvd:1" },
	{ "unix:" X107, "unix:" X107 },
	{ "unix:" X107 "x", NULL },
	{ X255, X255 ":4040" },
	{ X255 "x", NULL },
	{ "", NULL },
	{ ":", NULL },
	{ ":4040", NULL },
	{ "host:", NULL },
	{ "host:0", NULL },
	{ "host:65536", NULL },
	{ "host:100000", NULL },
	{ "host:-1", NULL },
	{ "host:+1", NULL },
	{ "host:4040x", NULL },
	{ "host:http", NULL },
	{ "::1", NULL },
	{ "a:b:1", NULL },
	{ "[", NULL },
	{ "[]", NULL },
	{ "[::1", NULL },
	{ "[::1]x", NULL },
	{ "[::1]:", NULL },
	{ "unix:", NULL },
};

TEST(test_parse)
{
	char error[TARGET_ERROR_SIZE] = "", text[TARGET_TEXT_SIZE];
	struct target t;
	bool ok;

	target_init(&t, "4040");
	ok = target_parse(&t, parse_table[_i].text, error);
	ck_assert_int_eq(ok, parse_table[_i].print != NULL);
	ck_assert_int_eq(error[0] == '\0', ok);
	if (!ok)
		return;
	target_print(&t, text);
	ck_assert_str_eq(text, parse_table[_i].print);
}

static const struct {
	/* These are the values of the options. */
	const char *host, *port, *path;
	const char *print; /* NULL means that the options are refused. */
} set_table[] = {
	{ NULL, NULL, NULL, "unix:/s" },
	{ "::1", NULL, NULL, "[::1]:4040" },
	{ "::1", "5", NULL, "[::1]:5" },
	{ NULL, "65535", NULL, "127.0.0.1:65535" },
	{ NULL, NULL, "/t", "unix:/t" },
	{ "", NULL, NULL, NULL },
	{ X255 "x", NULL, NULL, NULL },
	{ NULL, "", NULL, NULL },
	{ NULL, "0", NULL, NULL },
	{ NULL, "65536", NULL, NULL },
	{ NULL, "http", NULL, NULL },
	{ NULL, NULL, "", NULL },
	{ NULL, NULL, X107 "x", NULL },
	{ "host", NULL, "/t", NULL },
	{ NULL, "5", "/t", NULL },
};

/* Options replace parts of the address that was parsed before. */
TEST(test_set)
{
	char error[TARGET_ERROR_SIZE] = "", text[TARGET_TEXT_SIZE];
	struct target t;
	bool ok;

	target_init(&t, "4040");
	ck_assert(target_parse(&t, "unix:/s", error));
	ok = target_set(&t, set_table[_i].host, set_table[_i].port,
	    set_table[_i].path, error);
	ck_assert_int_eq(ok, set_table[_i].print != NULL);
	ck_assert_int_eq(error[0] == '\0', ok);
	if (!ok)
		return;
	target_print(&t, text);
	ck_assert_str_eq(text, set_table[_i].print);
}

static const struct test tests[] = {
	CASE("target", NULL, NULL),
	EACH(test_parse, parse_table),
	EACH(test_set, set_table),
};

SUITE("target", tests)
