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

static void empty_key_is_a_key(void)
{
    struct map map = MAP_EMPTY;
    int value;
    CU_ASSERT_PTR_NULL(map_put(&map, view_of("", 0), &value));
    CU_ASSERT_PTR_EQUAL(map_get(&map, view_of("", 0)), &value);
    map_fini(&map);
}

SUITE_MAIN("base/map", {"agrees with an array", agrees_with_an_array}, {"empty key is a key", empty_key_is_a_key})
