// SPDX-License-Identifier: Apache-2.0
// Reads the primitive types of the wire protocol. The reader's error is sticky: after the first bytes that are missing
// or wrong it stays at the end, every read gives 0, and one check at the end suffices.
#ifndef NET_PROTOCOL_PRIMITIVE_H
#define NET_PROTOCOL_PRIMITIVE_H

#include "base/big_endian.h"
#include "base/view.h"

#include <errno.h>
#include <stdint.h>

struct reader {
    const uint8_t *next, *end;
    int error; // 0 or -errno
};

static inline struct reader reader_of(struct view bytes)
{
    // A null view has no address to count from.
    static const uint8_t nothing[1];
    const uint8_t *first = bytes.data != NULL ? bytes.data : nothing;
    return (struct reader){first, first + bytes.size, 0};
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

// Keeps the first error.
static inline void reader_fail(struct reader *reader, int error)
{
    if (reader->error == 0)
        reader->error = error;
    reader->next = reader->end;
}

// The next size bytes, or NULL.
static inline const uint8_t *reader_take(struct reader *reader, size_t size)
{
    const uint8_t *bytes = reader->next;
    if (reader_left(reader) < size || reader->error != 0) {
        reader_fail(reader, -EBADMSG);
        return NULL;
    }
    reader->next += size;
    return bytes;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 1);
    return bytes ? bytes[0] : 0;
}

static inline int16_t reader_i16(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 2);
    return bytes ? big_endian_load_i16(bytes) : 0;
}

static inline int32_t reader_i32(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 4);
    return bytes ? big_endian_load_i32(bytes) : 0;
}

static inline int64_t reader_i64(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 8);
    return bytes ? big_endian_load_i64(bytes) : 0;
}

// At most 5 bytes and 32 bits; padded forms are fine.
static inline uint32_t reader_uvarint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = reader_u8(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0 && value <= UINT32_MAX)
            return (uint32_t)value;
    }
    reader_fail(reader, -EBADMSG);
    return 0;
}

// Bytes of an unsigned varint.
static inline size_t uvarint_size(uint32_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

// Returns how many bytes were written: at most 5.
static inline size_t uvarint_store(uint8_t *bytes, uint32_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    return size;
}

#endif
