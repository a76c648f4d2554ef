/*
 * check_target: the server's address, as people write it.
 */

#include <stdbool.h>

#include "kv/target.h"
#include "unit.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X107 X50 X50 "xxxxxxx"
#define X255 X50 X50 X50 X50 X50 "xxxxx"

static const struct {
	const char *text;
	const char *print; /* NULL: refused */
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
	char error[TARGET_ERROR_SIZE] = "", text[300];
	struct target t;
	bool ok;

	target_init(&t);
	ok = target_parse(&t, parse_table[_i].text, error);
	ck_assert_int_eq(ok, parse_table[_i].print != NULL);
	ck_assert_int_eq(error[0] == '\0', ok);
	if (!ok)
		return;
	target_print(&t, text, sizeof(text));
	ck_assert_str_eq(text, parse_table[_i].print);
}

/* Each part replaces its own. */
TEST(test_set)
{
	char error[TARGET_ERROR_SIZE], text[300];
	struct target t;

	target_init(&t);
	target_print(&t, text, sizeof(text));
	ck_assert_str_eq(text, "127.0.0.1:4040");
	ck_assert(target_parse(&t, "unix:/s", error));
	ck_assert(target_set_host(&t, "::1", error));
	target_print(&t, text, sizeof(text));
	ck_assert_str_eq(text, "[::1]:4040");
	ck_assert(target_set_port(&t, "5", error));
	ck_assert(!target_set_port(&t, "", error));
	ck_assert(!target_set_host(&t, "", error));
	ck_assert(!target_set_path(&t, "", error));
	target_print(&t, text, sizeof(text));
	ck_assert_str_eq(text, "[::1]:5");
}

static const struct test tests[] = {
	CASE("target", NULL, NULL),
	EACH(test_parse, parse_table),
	ONCE(test_set),
};

SUITE("target", tests)
