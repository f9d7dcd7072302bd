// SPDX-License-Identifier: Apache-2.0
#include "test/unit/suite.h"
#include "zk/paths.h"

#include "zk/connect_string.h"

#include <errno.h>
#include <string.h>

static void test_paths(void)
{
    struct arena arena;

    arena_init(&arena, 1 << 16);
    CU_ASSERT_STRING_EQUAL(zk_path_broker(&arena, 7), "/brokers/ids/7");
    CU_ASSERT_STRING_EQUAL(zk_path_partition_state(&arena, view_of_string("t"), 3),
                           "/brokers/topics/t/partitions/3/state");
    CU_ASSERT_STRING_EQUAL(zk_path_config_broker(&arena, -1), "/config/brokers/<default>");
    CU_ASSERT_STRING_EQUAL(zk_path_config_entity(&arena, view_of_string("users/u/clients/c")),
                           "/config/users/u/clients/c");
    CU_ASSERT_EQUAL(zk_sequence_of_name("config_change_0000000012"), 12);
    CU_ASSERT_EQUAL(zk_sequence_of_name("config_change_"), -1);
    CU_ASSERT_EQUAL(zk_sequence_of_name("config_change_12345678901"), -1);
    CU_ASSERT_EQUAL(zk_sequence_of_name("config_change_1x"), -1);
    arena_fini(&arena);
}

static void test_escapes(void)
{
    static const char *const pairs[][2] = {{"CN=a b", "CN%3Da%20b"},   {"u 2", "u%202"},       {"a*b+c", "a%2Ab%2Bc"},
                                           {"x.y-z_0~", "x.y-z_0%7E"}, {"\xc3\xa9", "%C3%A9"}, {"", ""},
                                           {"<default>", "<default>"}, {"a/b", "a%2Fb"}};
    struct arena arena;

    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        CU_ASSERT_STRING_EQUAL(zk_entity_escape(&arena, view_of_string(pairs[i][0])), pairs[i][1]);
        CU_ASSERT_STRING_EQUAL(zk_entity_unescape(&arena, view_of_string(pairs[i][1])), pairs[i][0]);
    }
    CU_ASSERT_PTR_NULL(zk_entity_unescape(&arena, view_of_string("%4")));
    CU_ASSERT_PTR_NULL(zk_entity_unescape(&arena, view_of_string("%zz")));
    CU_ASSERT_PTR_NULL(zk_entity_unescape(&arena, view_of_string("%00")));
    arena_fini(&arena);
}

static void test_connect_strings(void)
{
    static const char *const good[][3] = {
        {"localhost:2181", "localhost:2181", ""},
        {"localhost", "localhost:2181", ""},
        {" a:1 , b:2/kafka/c1/ ", "a:1,b:2", "/kafka/c1"},
        {"a,b:2/", "a:2181,b:2", ""},
        {"[::1]:2181,[fe80::1]/x", "[::1]:2181,[fe80::1]:2181", "/x"},
    };
    static const char *const bad[] = {"",     ",",  "a:",   "a:0",      "a:70000", "a:1x",
                                      "a:1,", ":1", "[::1", "[::1]x:1", "/x",      "a//x"};
    struct connect_string parsed;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CU_ASSERT_EQUAL_FATAL(connect_string_parse(good[i][0], &parsed), 0);
        CU_ASSERT_STRING_EQUAL(parsed.hosts, good[i][1]);
        CU_ASSERT_STRING_EQUAL(parsed.chroot, good[i][2]);
        connect_string_fini(&parsed);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(connect_string_parse(bad[i], &parsed), -EINVAL);
}

SUITE_MAIN("zk/paths", {"paths", test_paths}, {"escapes", test_escapes}, {"connect strings", test_connect_strings})
