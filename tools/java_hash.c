// SPDX-License-Identifier: Apache-2.0
#include "tools/java_hash.h"

// The next code point of well-formed UTF-8; anything else counts byte by byte.
static uint32_t next_code(const unsigned char **at)
{
    uint32_t code = *(*at)++;
    int more = code >= 0xF0 ? 3 : code >= 0xE0 ? 2 : code >= 0xC0 ? 1 : 0;
    if (more > 0)
        code &= 0x3Fu >> more;
    for (; more > 0 && (**at & 0xC0) == 0x80; more--)
        code = code << 6 | (*(*at)++ & 0x3F);
    return code;
}

uint32_t java_hash(const char *string)
{
    uint32_t hash = 0;
    const unsigned char *at = (const unsigned char *)string;
    while (*at) {
        uint32_t code = next_code(&at);
        if (code >= 0x10000) {
            hash = hash * 31 + 0xD800 + ((code - 0x10000) >> 10);
            code = 0xDC00 + ((code - 0x10000) & 0x3FF);
        }
        hash = hash * 31 + code;
    }
    return hash;
}

uint32_t java_hash_capacity(size_t made_for, size_t count)
{
    uint32_t capacity = 1;
    while ((capacity < made_for || count * 4 > (size_t)capacity * 3) && capacity < UINT32_C(1) << 30)
        capacity *= 2;
    return capacity;
}

static uint32_t slot(const char *string, uint32_t capacity)
{
    uint32_t hash = java_hash(string);
    return (hash ^ hash >> 16) & (capacity - 1);
}

int java_hash_compare(const char *a, const char *b, uint32_t capacity)
{
    uint32_t slot_a = slot(a, capacity), slot_b = slot(b, capacity);
    return (slot_a > slot_b) - (slot_a < slot_b);
}
