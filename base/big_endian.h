// SPDX-License-Identifier: Apache-2.0
// Integers in network byte order at any alignment, as the wire protocol and the files of the log have them. The caller
// has checked that the bytes are there.
#ifndef BASE_BIG_ENDIAN_H
#define BASE_BIG_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t big_endian_load_u16(const void *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return be16toh(value);
}

static inline uint32_t big_endian_load_u32(const void *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static inline uint64_t big_endian_load_u64(const void *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

static inline int16_t big_endian_load_i16(const void *bytes)
{
    return (int16_t)big_endian_load_u16(bytes);
}

static inline int32_t big_endian_load_i32(const void *bytes)
{
    return (int32_t)big_endian_load_u32(bytes);
}

static inline int64_t big_endian_load_i64(const void *bytes)
{
    return (int64_t)big_endian_load_u64(bytes);
}

static inline void big_endian_store_16(void *bytes, uint16_t value)
{
    value = htobe16(value);
    memcpy(bytes, &value, sizeof value);
}

static inline void big_endian_store_32(void *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof value);
}

static inline void big_endian_store_64(void *bytes, uint64_t value)
{
    value = htobe64(value);
    memcpy(bytes, &value, sizeof value);
}

#endif
