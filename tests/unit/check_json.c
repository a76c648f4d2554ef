/*
 * check_json: these tests check the strings, base64 and numbers that kv -j
 * prints.
 */

#include "kv/json.h"
#include "unit.h"

#define B UNIT_BYTES

static const struct {
	struct bytes text;
	const char *json;
} string_table[] = {
	{ B(""), "\"\"" },
	{ { NULL, 0 }, "\"\"" },
	{ B("a"), "\"a\"" },
	{ B("a b"), "\"a b\"" },
	{ B("\"\\/"), "\"\\\"\\\\/\"" },
	{ B("\n\t\r\b\f\0\x1f"),
	    "\"\\n\\t\\u000d\\u0008\\u000c\\u0000\\u001f\"" },
	{ B("\x7f"), "\"\\u007f\"" },
	{ B("\xc2\x80\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009f\xc2\xa0\"" },
	{ B("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
	    "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	/* Text that is not UTF-8 is printed in base64.  The padding is that of
	 * RFC 4648, section 10. */
	{ B("\xff"), "{\"base64\":\"/w==\"}" },
	{ B("\xff\xfe"), "{\"base64\":\"//4=\"}" },
	{ B("\xff\xfe\xfd"), "{\"base64\":\"//79\"}" },
	{ B("\xff\xfe\xfd\0"), "{\"base64\":\"//79AA==\"}" },
	{ B("foobar\xff"), "{\"base64\":\"Zm9vYmFy/w==\"}" },
	{ B("a\xc3"), "{\"base64\":\"YcM=\"}" },
	{ B("\xed\xa0\x80"), "{\"base64\":\"7aCA\"}" },
	/* Eight bytes are looked at at a time. */
	{ B("1234567\"12345678\\1234567\n12345678\x7f"),
	    "\"1234567\\\"12345678\\\\1234567\\n12345678\\u007f\"" },
	{ B("12345678\xc2\x9f"
	    "12345678\xc3\xa9"),
	    "\"12345678\\u009f12345678\xc3\xa9\"" },
	{ B("12345678\xff"), "{\"base64\":\"MTIzNDU2Nzj/\"}" },
	{ B("\xc0\x80"), "{\"base64\":\"wIA=\"}" },
};

TEST(test_string)
{
	struct bytes text = string_table[_i].text;
	uint8_t *copy = unit_copy(text.data, text.size);
	struct buf b;

	buf_init(&b);
	text.data = copy;
	json_string(&b, text);
	unit_assert_bytes(buf_bytes(&b),
	    bytes_from_text(string_table[_i].json));
	buf_clear(&b);
	free(copy);
}

static const struct {
	const char *text, *json;
} number_table[] = {
	{ "0", "0" },
	{ "-1", "-1" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "", "\"\"" },
	{ "-", "\"-\"" },
	{ "+1", "\"+1\"" },
	{ "01", "\"01\"" },
	{ "-01", "\"-01\"" },
	{ "1.5", "\"1.5\"" },
	{ "1e3", "\"1e3\"" },
	{ " 1", "\" 1\"" },
	{ "x", "\"x\"" },
};

TEST(test_number)
{
	struct buf b;

	buf_init(&b);
	json_number(&b, bytes_from_text(number_table[_i].text));
	unit_assert_bytes(buf_bytes(&b),
	    bytes_from_text(number_table[_i].json));
	buf_clear(&b);
}

static const struct test tests[] = {
	CASE("json", NULL, NULL),
	EACH(test_string, string_table),
	EACH(test_number, number_table),
};

SUITE("json", tests)
