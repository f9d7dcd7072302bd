// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include "test/unit/suite.h"

static void reads_what_it_writes(void)
{
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid = uuid_random(), again = UUID_ZERO;
        char string[UUID_STRING_SIZE];
        uuid_to_string(uuid, string);
        CU_ASSERT_EQUAL(strlen(string), 22);
        CU_ASSERT_NOT_EQUAL(string[0], '-');
        CU_ASSERT_TRUE(uuid_of_string(view_of_string(string), &again));
        CU_ASSERT_TRUE(uuid_equal(uuid, again));
    }
}

static void has_the_text_of_kafka(void)
{
    char string[UUID_STRING_SIZE];
    uuid_to_string(UUID_ZERO, string);
    CU_ASSERT_STRING_EQUAL(string, "AAAAAAAAAAAAAAAAAAAAAA");
    struct uuid one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    uuid_to_string(one, string);
    CU_ASSERT_STRING_EQUAL(string, "AAAAAAAAAAAAAAAAAAAAAQ");
}

static void refuses_other_texts(void)
{
    static const char *const texts[] = {"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct uuid uuid;
        CU_ASSERT_FALSE(uuid_of_string(view_of_string(texts[i]), &uuid));
    }
}

SUITE_MAIN("base/uuid", {"reads what it writes", reads_what_it_writes},
           {"has the text of Kafka", has_the_text_of_kafka}, {"refuses other texts", refuses_other_texts})
