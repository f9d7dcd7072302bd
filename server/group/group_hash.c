// SPDX-License-Identifier: Apache-2.0
#include "server/group/group_hash.h"

#include <stddef.h>

#define REPLACEMENT 0xfffdu

// The next code point; *at moves behind it.
static uint32_t next_code_point(struct view text, size_t *at)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[(*at)++];
    if (first < 0x80)
        return first;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4)
        return REPLACEMENT;
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (*at >= text.size || (text.data[*at] & 0xc0) != 0x80)
            return REPLACEMENT;
        code = code << 6 | (text.data[(*at)++] & 0x3f);
    }
    bool is_valid = code >= smallest[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return is_valid ? code : REPLACEMENT;
}

int32_t group_hash_partition(struct view name, int32_t partition_count)
{
    uint32_t hash = 0; // over UTF-16
    for (size_t at = 0; at < name.size;) {
        uint32_t code = next_code_point(name, &at);
        if (code >= 0x10000) {
            hash = 31 * hash + (0xd800 + ((code - 0x10000) >> 10));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        hash = 31 * hash + code;
    }
    // Kafka's Utils.abs: the one number without a positive twin counts as 0.
    int32_t positive = hash == 0x80000000u ? 0 : (int32_t)hash < 0 ? (int32_t)(0 - hash) : (int32_t)hash;
    return positive % partition_count;
}
