// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "test/unit/suite.h"

#include <stdint.h>
#include <string.h>

static void gives_zeroed_memory_up_to_its_maximum(void)
{
    struct arena arena;
    arena_init(&arena, 1000);
    unsigned char *first = arena_alloc(&arena, 600);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_EQUAL(first[0] | first[599], 0);
    CU_ASSERT_PTR_NULL(arena_alloc(&arena, 600));
    CU_ASSERT_PTR_NULL(arena_alloc(&arena, SIZE_MAX));
    CU_ASSERT_PTR_NULL(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&arena, 300));
    arena_fini(&arena);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(&arena, 600));
    arena_fini(&arena);
}

static char order[8];

static void note(void *what)
{
    strcat(order, what);
}

static void releases_newest_first(void)
{
    struct arena arena;
    arena_init(&arena, 0);
    char a[] = "a", b[] = "b";
    arena_defer(&arena, note, a);
    arena_defer(&arena, note, b);
    arena_fini(&arena);
    CU_ASSERT_STRING_EQUAL(order, "ba");
}

SUITE_MAIN("base/arena", {"gives zeroed memory up to its maximum", gives_zeroed_memory_up_to_its_maximum},
           {"releases newest first", releases_newest_first})
