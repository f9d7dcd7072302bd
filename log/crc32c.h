// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), which record batches and producer snapshots carry.
#ifndef LOG_CRC32C_H
#define LOG_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// The checksum of the bytes, appended to those that gave `crc` (0 at first). Uses the processor's instruction where it
// has one.
uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t size);

#endif
