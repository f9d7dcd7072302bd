// SPDX-License-Identifier: Apache-2.0
#include "rules/topic_name.h"

#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static void check(const char *name, const char *expected)
{
    char *message = topic_name_check(view_of_string(name));
    if (expected == NULL) {
        CU_ASSERT_PTR_NULL(message);
    } else {
        CU_ASSERT_STRING_EQUAL(message, expected);
    }
    CU_ASSERT_EQUAL(topic_name_is_valid(view_of_string(name)), expected == NULL);
    free(message);
}

static void tells_legal_names(void)
{
    char longest[251];
    memset(longest, 'a', sizeof longest);
    longest[249] = 0;
    check("my-topic", NULL);
    check("A.b_c-9", NULL);
    check("...", NULL);
    check(longest, NULL);
    check("", "Topic name is invalid: the empty string is not allowed");
    check(".", "Topic name is invalid: '.' is not allowed");
    check("..", "Topic name is invalid: '..' is not allowed");
    check("a/b",
          "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' "
          "and '-'");
    longest[249] = 'a';
    longest[250] = 0;
    CU_ASSERT_FALSE(topic_name_is_valid(view_of_string(longest)));
    CU_ASSERT_FALSE(topic_name_is_valid(view_of("a\0b", 3)));
    CU_ASSERT_FALSE(topic_name_is_valid(VIEW_NULL));
}

static void tells_collisions(void)
{
    CU_ASSERT_TRUE(topic_name_collides(view_of_string("a.b"), view_of_string("a_b")));
    CU_ASSERT_FALSE(topic_name_collides(view_of_string("a.b"), view_of_string("a-b")));
    CU_ASSERT_FALSE(topic_name_collides(view_of_string("a.b"), view_of_string("a_bc")));
    CU_ASSERT_TRUE(topic_name_has_collision_chars(view_of_string("a_b")));
    CU_ASSERT_FALSE(topic_name_has_collision_chars(view_of_string("a-b")));
    CU_ASSERT_TRUE(topic_name_is_internal(view_of_string("__consumer_offsets")));
    CU_ASSERT_FALSE(topic_name_is_internal(view_of_string("__consumer_offset")));
}

SUITE_MAIN("rules/topic_name", {"tells legal names", tells_legal_names}, {"tells collisions", tells_collisions})
