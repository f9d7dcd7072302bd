// SPDX-License-Identifier: Apache-2.0
#include "rules/replica_assignment.h"

#include "test/unit/suite.h"

#include <stdbool.h>
#include <string.h>

static struct arena arena;

static bool equals(const struct replica_list *list, const int32_t *expected, int32_t count)
{
    return list->count == count && memcmp(list->broker_ids, expected, (size_t)count * sizeof *expected) == 0;
}

static void spreads_without_racks(void)
{
    static const int32_t expected[10][3] = {{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 0}, {4, 0, 1},
                                            {0, 2, 3}, {1, 3, 4}, {2, 4, 0}, {3, 0, 1}, {4, 1, 2}};
    const struct assignment_broker brokers[] = {{0, NULL}, {1, NULL}, {2, NULL}, {3, NULL}, {4, NULL}};
    const struct replica_list *lists;
    const char *message;
    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(replica_assignment_spread(&arena, brokers, 5, 10, 3, 0, 0, &lists, &message), KAFKA_NONE);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_TRUE(equals(&lists[i], expected[i], 3));
    // Partitions that are added later go on where the first ones ended.
    CU_ASSERT_EQUAL_FATAL(replica_assignment_spread(&arena, brokers, 5, 2, 3, 5, 0, &lists, &message), KAFKA_NONE);
    static const int32_t later[2][3] = {{0, 2, 3}, {1, 3, 4}};
    for (int i = 0; i < 2; i++)
        CU_ASSERT_TRUE(equals(&lists[i], later[i], 3));
    arena_fini(&arena);
}

static void spreads_over_racks(void)
{
    static const int32_t expected[12][3] = {{0, 3, 1}, {3, 1, 5}, {1, 5, 4}, {5, 4, 2}, {4, 2, 0}, {2, 0, 3},
                                            {0, 4, 2}, {3, 2, 0}, {1, 0, 3}, {5, 3, 1}, {4, 1, 5}, {2, 5, 4}};
    const struct assignment_broker brokers[] = {{0, "rack1"}, {1, "rack3"}, {2, "rack3"},
                                                {3, "rack2"}, {4, "rack2"}, {5, "rack1"}};
    const struct replica_list *lists;
    const char *message;
    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(replica_assignment_spread(&arena, brokers, 6, 12, 3, 0, 0, &lists, &message), KAFKA_NONE);
    for (int i = 0; i < 12; i++)
        CU_ASSERT_TRUE(equals(&lists[i], expected[i], 3));
    arena_fini(&arena);
}

// With as many replicas as brokers each broker has one, whatever the racks.
static void uses_each_broker_once(void)
{
    const struct assignment_broker brokers[] = {{1, "a"}, {2, "a"}, {7, "b"}};
    const struct replica_list *lists;
    const char *message;
    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(replica_assignment_spread(&arena, brokers, 3, 20, 3, 0, -1, &lists, &message), KAFKA_NONE);
    for (int i = 0; i < 20; i++) {
        int32_t sum = 0;
        for (int j = 0; j < 3; j++)
            sum += lists[i].broker_ids[j];
        CU_ASSERT_EQUAL(sum, 10);
        CU_ASSERT_NOT_EQUAL(lists[i].broker_ids[0], lists[i].broker_ids[1]);
    }
    arena_fini(&arena);
}

static void refuses_what_cannot_be(void)
{
    const struct assignment_broker brokers[] = {{0, NULL}, {1, "a"}};
    const struct replica_list *lists;
    const char *message;
    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL(replica_assignment_spread(&arena, brokers, 1, 1, 3, 0, -1, &lists, &message),
                    KAFKA_INVALID_REPLICATION_FACTOR);
    CU_ASSERT_STRING_EQUAL(message, "Replication factor: 3 larger than available brokers: 1.");
    CU_ASSERT_EQUAL(replica_assignment_spread(&arena, brokers, 1, 1, 0, 0, -1, &lists, &message),
                    KAFKA_INVALID_REPLICATION_FACTOR);
    CU_ASSERT_EQUAL(replica_assignment_spread(&arena, brokers, 1, 0, 1, 0, -1, &lists, &message),
                    KAFKA_INVALID_PARTITIONS);
    CU_ASSERT_EQUAL(replica_assignment_spread(&arena, brokers, 2, 1, 1, 0, -1, &lists, &message),
                    KAFKA_INVALID_REQUEST);
    arena_fini(&arena);
}

static void reads_the_text_of_an_assignment(void)
{
    const struct replica_list *lists;
    const char *message;
    int32_t count;
    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL_FATAL(replica_assignment_parse(&arena, "0:1,12:2", &lists, &count, &message), KAFKA_NONE);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_TRUE(equals(&lists[0], (const int32_t[]){0, 1}, 2));
    CU_ASSERT_TRUE(equals(&lists[1], (const int32_t[]){12, 2}, 2));
    static const char *const bad[] = {"",    "a",     "1:",      ":1",  "1,",         ",1",
                                      "1:1", "1:2,3", "1,2:3,4", "1 2", "2147483648", "-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        message = NULL;
        CU_ASSERT_EQUAL(replica_assignment_parse(&arena, bad[i], &lists, &count, &message),
                        KAFKA_INVALID_REPLICA_ASSIGNMENT);
        CU_ASSERT_PTR_NOT_NULL(message);
    }
    arena_fini(&arena);
}

SUITE_MAIN("rules/replica_assignment", {"spreads without racks", spreads_without_racks},
           {"spreads over racks", spreads_over_racks}, {"uses each broker once", uses_each_broker_once},
           {"refuses what cannot be", refuses_what_cannot_be},
           {"reads the text of an assignment", reads_the_text_of_an_assignment})
