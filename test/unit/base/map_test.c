// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"

#include "test/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>

// Thousands of random puts and removals agree with a plain array.
static void agrees_with_an_array(void)
{
    struct map map = MAP_EMPTY;
    static int values[512];
    bool present[512] = {false};
    size_t count = 0;
    srand(7);
    for (int step = 0; step < 20000; step++) {
        int key = rand() % 512;
        if (rand() % 2) {
            void *before = map_put(&map, MAP_KEY_OF(key), &values[key]);
            CU_ASSERT_PTR_EQUAL(before, present[key] ? &values[key] : NULL);
            count += !present[key];
            present[key] = true;
        } else {
            void *removed = map_remove(&map, MAP_KEY_OF(key));
            CU_ASSERT_PTR_EQUAL(removed, present[key] ? &values[key] : NULL);
            count -= present[key];
            present[key] = false;
        }
        CU_ASSERT_EQUAL_FATAL(map.count, count);
    }
    for (int key = 0; key < 512; key++)
        CU_ASSERT_PTR_EQUAL(map_get(&map, MAP_KEY_OF(key)), present[key] ? &values[key] : NULL);
    size_t at = 0, walked = 0;
    void *value;
    while (map_next(&map, &at, NULL, &value))
        walked++;
    CU_ASSERT_EQUAL(walked, count);
    map_fini(&map);
}

// Keys that share the last 12 bits under a hash that everybody knows (FNV-1a) share them by chance only here.
static void resists_chosen_keys(void)
{
    enum { KEY_COUNT = 64, BITS = 0xfff };
    bool seen[BITS + 1] = {false};
    int found = 0, distinct = 0;
    for (uint32_t key = 0; found < KEY_COUNT; key++) {
        uint64_t known = 14695981039346656037u;
        for (size_t i = 0; i < sizeof key; i++)
            known = (known ^ (key >> 8 * i & 0xff)) * 1099511628211u;
        if ((known & BITS) != 0)
            continue;
        found++;
        uint64_t place = view_hash(MAP_KEY_OF(key)) & BITS;
        distinct += !seen[place];
        seen[place] = true;
    }
    CU_ASSERT_TRUE(distinct > KEY_COUNT / 2);
}

static void empty_key_is_a_key(void)
{
    struct map map = MAP_EMPTY;
    int value;
    CU_ASSERT_PTR_NULL(map_put(&map, view_of("", 0), &value));
    CU_ASSERT_PTR_EQUAL(map_get(&map, view_of("", 0)), &value);
    map_fini(&map);
}

SUITE_MAIN("base/map", {"agrees with an array", agrees_with_an_array}, {"empty key is a key", empty_key_is_a_key},
           {"resists chosen keys", resists_chosen_keys})
