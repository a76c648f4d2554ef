/*
 * siphash: one round for each word of the input, three at the end.
 */

#include <endian.h>
#include <string.h>

#include "store/siphash.h"

#define ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTATE(v[1], 13) ^ v[0];
	v[0] = ROTATE(v[0], 32);
	v[2] += v[3];
	v[3] = ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTATE(v[1], 17) ^ v[2];
	v[2] = ROTATE(v[2], 32);
}

uint64_t
siphash(const uint64_t key[2], const void *data, size_t size)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575ULL,
		key[1] ^ 0x646f72616e646f6dULL, key[0] ^ 0x6c7967656e657261ULL,
		key[1] ^ 0x7465646279746573ULL };
	uint64_t last = (uint64_t)size << 56, word;
	const uint8_t *p = data;
	size_t i;

	for (; size >= sizeof(word); p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		v[3] ^= word;
		mix(v);
		v[0] ^= word;
	}
	for (i = 0; i < size; i++)
		last |= (uint64_t)p[i] << 8 * i;
	v[3] ^= last;
	mix(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
