/*
 * check_crc32c: these tests compare CRC-32C with the test vectors of RFC 3720,
 * for whole data and for data in pieces, and compare the table with the
 * instruction of the processor.  This file includes the source, so that the
 * table is tested even where crc32c() does not use it.
 */

#include "unit.h"

#include "common/crc32c.c"

static const uint8_t zeros[32];
static const uint8_t ones[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff };
static const uint8_t ascending[32] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
	31 };
static const uint8_t descending[32] = { 31, 30, 29, 28, 27, 26, 25, 24, 23, 22,
	21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
	1, 0 };
/* This is an iSCSI SCSI Read (10) command PDU. */
static const uint8_t iscsi_read[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0,
	0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0 };

static const struct {
	struct bytes data;
	uint32_t crc;
} vectors[] = {
	{ { NULL, 0 }, 0 },
	{ { zeros, 0 }, 0 },
	{ UNIT_BYTES("123456789"), 0xe3069283 },
	{ UNIT_BYTES("a"), 0xc1d04330 },
	{ { zeros, sizeof(zeros) }, 0x8a9136aa },
	{ { ones, sizeof(ones) }, 0x62a8ab43 },
	{ { ascending, sizeof(ascending) }, 0x46dd794e },
	{ { descending, sizeof(descending) }, 0x113fdb5c },
	{ { iscsi_read, sizeof(iscsi_read) }, 0xd9963a56 },
};

TEST(test_vector)
{
	struct bytes data = vectors[_i].data;

	ck_assert_uint_eq(crc32c(0, data.data, data.size), vectors[_i].crc);
	ck_assert_uint_eq(~crc32c_table(~0U, data.data, data.size),
	    vectors[_i].crc);
}

TEST(test_pieces)
{
	const uint8_t *p = vectors[_i].data.data;
	size_t size = vectors[_i].data.size, first, second;
	uint32_t crc;

	for (first = 0; first <= size; first++)
		for (second = first; second <= size && p != NULL; second++) {
			crc = crc32c(0, p, first);
			crc = crc32c(crc, p + first, second - first);
			crc = crc32c(crc, p + second, size - second);
			if (crc != vectors[_i].crc)
				ck_abort_msg("cut at %zu and %zu", first,
				    second);
		}
}

static void
fill(uint8_t *p, size_t size, uint64_t seed)
{
	for (; size > 0; p++, size--)
		*p = (uint8_t)unit_random(&seed);
}

static void
compare(uint32_t crc, const uint8_t *p, size_t size, size_t at)
{
	if (crc32c(crc, p, size) != ~crc32c_table(~crc, p, size))
		ck_abort_msg("%zu bytes at %zu differ", size, at);
}

/* This tries each small size at each alignment, continuing from another CRC. */
TEST(test_implementations)
{
	uint8_t *p = malloc(16 + 300);
	size_t size;

	ck_assert_ptr_nonnull(p);
	fill(p, 16 + 300, 3720);
	for (size = 0; size <= 300; size++) {
		compare(0, p + _i, size, (size_t)_i);
		compare(0xffffffff, p + _i, size, (size_t)_i);
		compare(0x12345678 + (uint32_t)size, p + _i, size, (size_t)_i);
	}
	free(p);
}

static const size_t large_sizes[] = { 4095, 4096, 4097, 65535, 65537,
	(1 << 20) - 1, 1 << 20, (1 << 20) + 1 };

TEST(test_implementations_large)
{
	size_t size = large_sizes[_i], at;
	uint8_t *p = malloc(size + 8);

	ck_assert_ptr_nonnull(p);
	fill(p, size + 8, 1 + (uint64_t)_i);
	for (at = 0; at < 8; at += 3)
		compare(0, p + at, size, at);
	free(p);
}

/* Any single flipped bit changes the checksum. */
TEST(test_flipped_bit)
{
	uint8_t data[64];
	uint32_t crc;
	size_t bit;

	fill(data, sizeof(data), 5);
	crc = crc32c(0, data, sizeof(data));
	for (bit = 0; bit < 8 * sizeof(data); bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (crc32c(0, data, sizeof(data)) == crc)
			ck_abort_msg("bit %zu does not matter", bit);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_eq(crc32c(0, data, sizeof(data)), crc);
}

static const struct test tests[] = {
	CASE("crc32c", NULL, NULL),
	EACH(test_vector, vectors),
	EACH(test_pieces, vectors),
	LOOP(test_implementations, 16),
	EACH(test_implementations_large, large_sizes),
	ONCE(test_flipped_bit),
};

SUITE("crc32c", tests)
