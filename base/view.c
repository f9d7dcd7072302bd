// SPDX-License-Identifier: Apache-2.0
#include "base/view.h"

#include "base/arena.h"
#include "base/memory.h"

#include <sys/auxv.h>

bool view_equal(struct view a, struct view b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool view_equal_string(struct view a, const char *string)
{
    return view_equal(a, view_of_string(string));
}

int view_compare(struct view a, struct view b)
{
    if (a.data == NULL || b.data == NULL)
        return (a.data != NULL) - (b.data != NULL);
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

struct view view_copy(struct arena *arena, struct view v)
{
    char *copy = view_to_string(arena, v);
    return copy ? view_of(copy, v.size) : VIEW_NULL;
}

char *view_to_string(struct arena *arena, struct view v)
{
    if (v.data == NULL || v.size == SIZE_MAX)
        return NULL;
    char *string = arena_alloc(arena, v.size + 1);
    if (string != NULL)
        memcpy(string, v.data, v.size);
    return string;
}

char *view_dup(struct view v)
{
    if (v.data == NULL)
        return NULL;
    char *string = memory_alloc(v.size + 1);
    memcpy(string, v.data, v.size);
    return string;
}

// SipHash-1-3, with the 16 random bytes that the kernel gives each process.
struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate(sip->v2, 32);
}

static void sip_add(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

static struct sip sip_start(void)
{
    uint64_t key[2] = {0};
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    if (random != NULL)
        memcpy(key, random, sizeof key);
    return (struct sip){key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                        key[1] ^ 0x7465646279746573};
}

uint64_t view_hash(struct view v)
{
    struct sip sip = sip_start();
    uint64_t word;
    size_t at = 0;
    for (; v.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, v.data + at, sizeof word);
        sip_add(&sip, word);
    }
    word = 0;
    if (at < v.size)
        memcpy(&word, v.data + at, v.size - at);
    sip_add(&sip, word | (uint64_t)v.size << 56);
    sip.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}
