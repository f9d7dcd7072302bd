// SPDX-License-Identifier: Apache-2.0
#include "tools/topic_filter.h"

#include "test/unit/suite.h"

#include <stdlib.h>

static bool matches(const char *list, const char *topic)
{
    struct topic_filter filter;
    char *error = NULL;
    CU_ASSERT_FATAL(topic_filter_init(&filter, list, &error));
    bool result = topic_filter_matches(&filter, topic);
    topic_filter_fini(&filter);
    return result;
}

static void names_and_lists(void)
{
    CU_ASSERT(matches("t1", "t1"));
    CU_ASSERT(!matches("t1", "t11"));
    CU_ASSERT(matches("a, t1", "t1"));
    CU_ASSERT(matches("\"t1\"", "t1"));
    CU_ASSERT(matches("my.topic", "my_topic"));
    CU_ASSERT(!matches("my\\.topic", "my_topic"));
}

static void expressions(void)
{
    CU_ASSERT(matches(".*", "anything"));
    CU_ASSERT(matches("t[12]", "t2"));
    CU_ASSERT(!matches("t[^12]", "t2"));
    CU_ASSERT(matches("t\\d+", "t42"));
    CU_ASSERT(matches("[\\w-]+", "a_b-c"));
    CU_ASSERT(matches("(?:a|b)c", "bc"));
    CU_ASSERT(matches("a.*?z", "abcz"));
    CU_ASSERT(matches("x{2}", "xx"));
    CU_ASSERT(!matches("\\D", "1"));
}

static void refused(void)
{
    static const char *const wrong[] = {"[", "(", "a\\", "(?=a)", "\\1", "[a[b]]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct topic_filter filter;
        char *error = NULL;
        CU_ASSERT_FALSE(topic_filter_init(&filter, wrong[i], &error));
        CU_ASSERT_PTR_NOT_NULL(error);
        free(error);
    }
}

SUITE_MAIN("tools/topic_filter", {"names and lists", names_and_lists}, {"expressions", expressions},
           {"refused", refused})
