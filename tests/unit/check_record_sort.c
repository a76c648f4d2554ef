/*
 * check_record_sort: the order of records (store/record_sort), against one that
 * compares nothing but databases, keys and places.
 */

#include "unit.h"

#include "store/record_sort.h"
#include "store/table.h"

#define RECORDS_MAX 5000
#define SPACE 64 /* bytes for a record, with a key of up to 48 */

static union {
	struct table_record record;
	uint8_t bytes[SPACE];
} records[RECORDS_MAX];
static struct sorted_record sorted[RECORDS_MAX], room[RECORDS_MAX];
static const struct table_record *wanted[RECORDS_MAX];

static int
compare_all(const void *left, const void *right)
{
	const struct table_record *a =
				      *(const struct table_record *const *)left,
				  *b = *(
				      const struct table_record *const *)right;
	int order;

	if (a->db != b->db)
		return a->db < b->db ? -1 : 1;
	order = bytes_compare(table_record_key(a), table_record_key(b));
	return order != 0 ? order : (a > b) - (a < b);
}

/* What keys look like: so many bytes that are alike, and behind them so many that
 * have so many values, of which up to `cut` are missing. */
static const struct shape {
	unsigned int databases, alike, random, values, cut;
} shapes[] = {
	{ 1, 0, 8, 256, 0 }, { 6, 0, 8, 256, 0 },
	{ 1, 12, 6, 10, 0 }, /* as key:000000000517 */
	{ 3, 12, 20, 2, 0 }, /* many have the same first words */
	{ 2, 30, 1, 3, 0 }, /* many versions of few keys */
	{ 2, 4, 9, 2, 9 }, /* of several sizes, with zeros at their ends */
	{ 1, 40, 0, 1, 0 }, /* versions of one key */
	{ 4, 0, 0, 1, 0 }, /* without keys, as the longest prefix has it */
};

static void
make_record(struct table_record *r, const struct shape *s, uint64_t *random)
{
	uint8_t *key = (uint8_t *)(r + 1);
	unsigned int i, size = s->alike + s->random;

	if (s->cut > 0)
		size -= unit_random(random) % (s->cut + 1);
	*r = (struct table_record){ .key_size = (uint16_t)size,
		.db = (uint8_t)(unit_random(random) % s->databases) };
	memset(key, 'k', s->alike);
	for (i = s->alike; i < size; i++)
		key[i] = (uint8_t)(unit_random(random) % s->values);
}

static void
check(const struct shape *s, size_t n, uint64_t seed)
{
	size_t i;

	for (i = 0; i < n; i++) {
		make_record(&records[i].record, s, &seed);
		wanted[i] = &records[i].record;
		sorted[i].record = wanted[i];
		sorted[i].number = (uint32_t)i;
	}
	record_sort(sorted, room, n);
	qsort(wanted, n, sizeof(wanted[0]), compare_all);
	for (i = 0; i < n; i++) {
		ck_assert_ptr_eq(sorted[i].record, wanted[i]);
		ck_assert_ptr_eq(&records[sorted[i].number].record, wanted[i]);
	}
}

TEST(test_order)
{
	static const size_t counts[] = { 0, 1, 2, 127, 128, 129, 1000,
		RECORDS_MAX };
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		check(&shapes[_i], counts[i], 1 + i);
}

static const struct test tests[] = {
	CASE("order", NULL, NULL),
	EACH(test_order, shapes),
};

SUITE("record_sort", tests)
