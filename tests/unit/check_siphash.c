/*
 * check_siphash: SipHash-1-3 against vectors, those of its authors' kind: the
 * key is 0, 1 ... 15 and the input 0, 1, 2 and so on.  They were computed by
 * another implementation, which was checked with the authors' own of
 * SipHash-2-4.
 */

#include "unit.h"

#include "store/siphash.h"

/* As little-endian words. */
static const uint64_t ascending_key[2] = { 0x0706050403020100ULL,
	0x0f0e0d0c0b0a0908ULL };

static const struct {
	size_t size;
	uint64_t hash;
} vectors[] = {
	{ 0, 0xabac0158050fc4dcULL },
	{ 1, 0xc9f49bf37d57ca93ULL },
	{ 2, 0x82cb9b024dc7d44dULL },
	{ 3, 0x8bf80ab8e7ddf7fbULL },
	{ 4, 0xcf75576088d38328ULL },
	{ 5, 0xdef9d52f49533b67ULL },
	{ 6, 0xc50d2b50c59f22a7ULL },
	{ 7, 0xd3927d989bb11140ULL },
	{ 8, 0x369095118d299a8eULL },
	{ 9, 0x25a48eb36c063de4ULL },
	{ 15, 0xd320d86d2a519956ULL },
	{ 16, 0xcc4fdd1a7d908b66ULL },
	{ 63, 0x9d199062b7bbb3a8ULL },
	{ 255, 0xf76214e3153c4a15ULL },
	{ 256, 0x75b3e64e167de370ULL },
	{ 1000, 0x2cf8d9d4f270cadfULL },
};

/* At each alignment, with nothing behind the end. */
TEST(test_vector)
{
	size_t size = vectors[_i].size, at, i;
	uint8_t *data;

	for (at = 0; at < 8; at++) {
		data = malloc(at + size + (at + size == 0));
		ck_assert_ptr_nonnull(data);
		for (i = 0; i < size; i++)
			data[at + i] = (uint8_t)i;
		ck_assert_uint_eq(siphash(ascending_key, data + at, size),
		    vectors[_i].hash);
		free(data);
	}
}

static const struct {
	uint64_t key[2];
	struct bytes data;
	uint64_t hash;
} keys[] = {
	{ { 0, 0 }, { NULL, 0 }, 0xd1fba762150c532cULL },
	{ { UINT64_MAX, UINT64_MAX }, UNIT_BYTES("kvd"),
	    0xd35435b0e7f2453dULL },
};

TEST(test_key)
{
	ck_assert_uint_eq(
	    siphash(keys[_i].key, keys[_i].data.data, keys[_i].data.size),
	    keys[_i].hash);
}

/* Each bit of the key and of the input matters. */
TEST(test_flipped_bit)
{
	uint8_t data[20] = "a name of twenty by";
	uint64_t hash = siphash(ascending_key, data, sizeof(data)), key[2];
	size_t bit;

	for (bit = 0; bit < 8 * sizeof(data); bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_uint_ne(siphash(ascending_key, data, sizeof(data)),
		    hash);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < 128; bit++) {
		memcpy(key, ascending_key, sizeof(key));
		key[bit / 64] ^= (uint64_t)1 << bit % 64;
		ck_assert_uint_ne(siphash(key, data, sizeof(data)), hash);
	}
}

static const struct test tests[] = {
	CASE("siphash", NULL, NULL),
	EACH(test_vector, vectors),
	EACH(test_key, keys),
	ONCE(test_flipped_bit),
};

SUITE("siphash", tests)
