// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <stdlib.h>
#include <sys/random.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool uuid_is_zero(struct uuid uuid)
{
    return uuid_equal(uuid, UUID_ZERO);
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

struct uuid uuid_random(void)
{
    struct uuid uuid;
    char string[UUID_STRING_SIZE];
    do {
        // Asked for at most 256 bytes, the system gives all of them once its pool is seeded.
        if (getrandom(uuid.bytes, sizeof uuid.bytes, 0) != (ssize_t)sizeof uuid.bytes)
            abort();
        uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
        uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
        uuid_to_string(uuid, string);
    } while (string[0] == '-');
    return uuid;
}

void uuid_to_string(struct uuid uuid, char string[UUID_STRING_SIZE])
{
    uint32_t bits = 0;
    int bit_count = 0;
    size_t at = 0;
    for (size_t i = 0; i < sizeof uuid.bytes; i++) {
        bits = bits << 8 | uuid.bytes[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            string[at++] = alphabet[bits >> (bit_count - 6) & 63];
    }
    string[at++] = alphabet[bits << (6 - bit_count) & 63];
    string[at] = 0;
}

bool uuid_of_string(struct view string, struct uuid *uuid)
{
    if (string.size != UUID_STRING_SIZE - 1)
        return false;
    struct uuid read;
    uint32_t bits = 0;
    int bit_count = 0;
    size_t at = 0;
    for (size_t i = 0; i < string.size; i++) {
        const char *found = string.data[i] == 0 ? NULL : strchr(alphabet, string.data[i]);
        if (found == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(found - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            read.bytes[at++] = (uint8_t)(bits >> bit_count);
        }
    }
    if ((bits & 15) != 0) // the last character carries four bits that must be zero
        return false;
    *uuid = read;
    return true;
}
