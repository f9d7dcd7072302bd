// SPDX-License-Identifier: Apache-2.0
#include "tools/java_hash.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

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

static const char *string_of(const char *item, size_t string_offset)
{
    const char *string;
    memcpy(&string, item + string_offset, sizeof string);
    return string;
}

// Insertion: there are few items, and those of one slot must not change places.
void java_hash_sort(void *items, size_t count, size_t item_size, size_t string_offset, uint32_t capacity)
{
    char *held = memory_alloc(item_size), *bytes = items;
    for (size_t i = 1; i < count; i++) {
        memcpy(held, bytes + i * item_size, item_size);
        const char *string = string_of(held, string_offset);
        size_t at = i;
        while (at > 0 &&
               java_hash_compare(string_of(bytes + (at - 1) * item_size, string_offset), string, capacity) > 0)
            at--;
        memmove(bytes + (at + 1) * item_size, bytes + at * item_size, (i - at) * item_size);
        memcpy(bytes + at * item_size, held, item_size);
    }
    free(held);
}
