/*
 * CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: the check value of
 * "123456789" is 0xe3069283.
 */

#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum over the next piece of data.  `crc` is 0 for the first
 * piece. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
