// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/memory.h"
#include "test/unit/suite.h"
#include "zk/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE_MAX = 1 << 20 };

// Reads the data as that kind and writes it again; ZK_OK: *again are the bytes.
static enum zk_result read_and_write(struct arena *arena, const char *kind, struct view data, struct view *again)
{
    enum zk_result result = ZK_FAILED;

#define KIND(name, type, read, write)                                                                                  \
    if (!strcmp(kind, name)) {                                                                                         \
        type value;                                                                                                    \
        result = read;                                                                                                 \
        *again = result ? VIEW_NULL : write;                                                                           \
    }
    KIND("broker", struct zk_broker, zk_read_broker(arena, data, &value), zk_write_broker(arena, &value))
    KIND("topic", struct zk_topic, zk_read_topic(arena, data, &value), zk_write_topic(arena, &value))
    KIND("state", struct zk_partition_state, zk_read_partition_state(arena, data, &value),
         zk_write_partition_state(arena, &value))
    KIND("controller", int32_t, zk_read_controller(data, &value), zk_write_controller(arena, value, 1795255507541))
    KIND("controller_epoch", int32_t, zk_read_controller_epoch(data, &value), zk_write_controller_epoch(arena, value))
    KIND("config", struct zk_config, zk_read_config_data(arena, data, &value), zk_write_config_data(arena, &value))
    KIND("config_change", const char *, zk_read_config_change(arena, data, &value),
         zk_write_config_change(arena, value))
    KIND("feature", struct zk_features, zk_read_features(arena, data, &value), zk_write_features(arena, &value))
    KIND("cluster_id", const char *, zk_read_cluster_id(arena, data, &value), zk_write_cluster_id(arena, value))
    KIND("producer_id_block", struct zk_producer_id_block, zk_read_producer_id_block(data, &value),
         zk_write_producer_id_block(arena, &value))
    KIND("reassignment", struct zk_partition_list, zk_read_reassignment(arena, data, &value),
         zk_write_reassignment(arena, &value))
    KIND("preferred_election", struct zk_partition_list, zk_read_preferred_election(arena, data, &value),
         zk_write_preferred_election(arena, &value))
    KIND("isr_change", struct zk_partition_list, zk_read_isr_change(arena, data, &value),
         zk_write_preferred_election(arena, &value))
    KIND("log_dir_event", int32_t, zk_read_log_dir_event(data, &value), zk_write_log_dir_event(arena, value))
#undef KIND
    return result;
}

static void each_golden(void (*run)(struct arena *arena, const char *kind, struct view data))
{
    FILE *file = fopen(TEST_DATA_DIR "/golden/zookeeper/znodes.tsv", "r");
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (getline(&line, &capacity, file) > 0) {
        struct arena arena;
        char *tab = strchr(line, '\t');

        *tab = '\0';
        tab[strcspn(tab + 1, "\n") + 1] = '\0';
        arena_init(&arena, ARENA_SIZE_MAX);
        run(&arena, line, view_of_string(tab + 1));
        arena_fini(&arena);
        count++;
    }
    CU_ASSERT_TRUE(count > 150);
    free(line);
    fclose(file);
}

static void check_same_bytes(struct arena *arena, const char *kind, struct view data)
{
    struct view again = VIEW_NULL;
    enum zk_result result = read_and_write(arena, kind, data, &again);
    // The controller's time is not read; the writer was given that of the first golden line.
    bool same = view_equal(data, again) || (!strcmp(kind, "controller") && again.size == data.size);

    CU_ASSERT_EQUAL(result, ZK_OK);
    CU_ASSERT_TRUE(same);
    if (!same)
        printf("\n  %s\n  read   %.*s\n  wrote  %.*s\n", kind, VIEW_ARGS(data), VIEW_ARGS(again));
}

static void test_golden(void)
{
    each_golden(check_same_bytes);
}

// Whatever is read from damaged bytes must be writable, and readable again.
static void check_damaged(const char *kind, struct view data)
{
    struct arena arena;
    struct view again = VIEW_NULL, third = VIEW_NULL;

    arena_init(&arena, ARENA_SIZE_MAX);
    enum zk_result result = read_and_write(&arena, kind, data, &again);

    CU_ASSERT_TRUE(result == ZK_OK || result == ZK_BAD_DATA || result == ZK_NO_NODE);
    if (result == ZK_OK) {
        CU_ASSERT_EQUAL(read_and_write(&arena, kind, again, &third), ZK_OK);
        CU_ASSERT_TRUE(view_equal(again, third));
    }
    arena_fini(&arena);
}

static void damage(struct arena *arena, const char *kind, struct view data)
{
    (void)arena;
    uint8_t *copy = memory_alloc(data.size + 1);

    for (size_t size = 0; size < data.size; size++) {
        // An exact allocation, so that a read beyond it is seen.
        uint8_t *cut = memory_alloc(size + 1);

        memcpy(cut, data.data, size);
        cut[size] = '7';
        check_damaged(kind, view_of(cut, size));
        free(cut);
    }
    for (size_t i = 0; i < data.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, data.data, data.size);
            copy[i] ^= (uint8_t)(1 << bit);
            check_damaged(kind, view_of(copy, data.size));
        }
    free(copy);
}

static void test_damaged(void)
{
    each_golden(damage);
}

static enum zk_result read_text(const char *kind, const char *text)
{
    struct arena arena;
    struct view again;

    arena_init(&arena, ARENA_SIZE_MAX);
    enum zk_result result = read_and_write(&arena, kind, view_of_string(text), &again);
    arena_fini(&arena);
    return result;
}

static void test_hostile(void)
{
    static const struct {
        const char *kind, *text;
    } bad[] = {
        {"broker", ""},
        {"broker", "[]"},
        {"broker", "{\"version\":5,\"jmx_port\":-1}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[]}"},
        {"broker", "{\"version\":5,\"endpoints\":[\"PLAINTEXT://h:1\"]}"},
        {"broker", "{\"version\":0,\"jmx_port\":-1,\"endpoints\":[\"PLAINTEXT://h:1\"]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[\"PLAINTEXT://h:65536\"]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[\"PLAINTEXT://h\"]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[\"://:\"]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[\"X://h:1\"]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[7]}"},
        {"broker", "{\"version\":5,\"jmx_port\":-1,\"endpoints\":[\"X://h:1\"],\"listener_security_protocol_map\":{}}"},
        {"topic", "{\"partitions\":[]}"},
        {"topic", "{\"partitions\":{\"-1\":[1]}}"},
        {"topic", "{\"partitions\":{\"0\":[1],\"00\":[1]}}"},
        {"topic", "{\"partitions\":{\"99999999999\":[1]}}"},
        {"topic", "{\"partitions\":{\"0\":[-1]}}"},
        {"topic", "{\"partitions\":{\"0\":[4294967296]}}"},
        {"topic", "{\"partitions\":{\"0\":[1.5]}}"},
        {"topic", "{\"partitions\":{\"0\":[1]},\"topic_id\":\"short\"}"},
        {"topic", "{\"partitions\":{\"0\":[1]},\"topic_id\":7}"},
        {"topic", "{\"partitions\":{\"0\":[1]}} x"},
        {"state", "{\"controller_epoch\":1,\"leader\":-2,\"leader_epoch\":0,\"isr\":[1]}"},
        {"state", "{\"controller_epoch\":1,\"leader\":1,\"leader_epoch\":0}"},
        {"state", "{\"controller_epoch\":1,\"leader\":1,\"leader_epoch\":99999999999999999999,\"isr\":[1]}"},
        {"state", "{\"controller_epoch\":1,\"leader\":1,\"leader_epoch\":0,\"isr\":[1],\"leader_recovery_state\":2}"},
        {"controller", "{\"brokerid\":-1}"},
        {"controller", "1"},
        {"controller_epoch", ""},
        {"controller_epoch", "-1"},
        {"controller_epoch", "2147483648"},
        {"controller_epoch", "1 "},
        {"controller_epoch", "11111111111111111111111111111111111"},
        {"config", "{\"config\":{\"a\":1}}"},
        {"config", "{\"config\":[]}"},
        {"config", "\"config\""},
        {"config_change", "{\"version\":3,\"entity_path\":\"topics/t\"}"},
        {"config_change", "{\"version\":1,\"entity_path\":\"topics/t\"}"},
        {"producer_id_block", "{\"broker\":1,\"block_start\":\"9\",\"block_end\":\"8\"}"},
        {"producer_id_block", "{\"broker\":1,\"block_start\":\"-9\",\"block_end\":\"8\"}"},
        {"producer_id_block", "{\"broker\":1,\"block_start\":\"99999999999999999999\",\"block_end\":\"8\"}"},
        {"reassignment", "{\"partitions\":[{\"topic\":\"t\",\"partition\":0}]}"},
        {"reassignment", "{\"partitions\":[7]}"},
        {"cluster_id", "{\"version\":\"1\"}"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum zk_result result = read_text(bad[i].kind, bad[i].text);

        CU_ASSERT_EQUAL(result, ZK_BAD_DATA);
        if (result != ZK_BAD_DATA)
            printf("\n  %s %s: %s\n", bad[i].kind, bad[i].text, zk_result_name(result));
    }
}

// A megabyte of brackets must neither overflow the stack nor take long.
static void test_depth(void)
{
    char *deep = memory_alloc((1 << 20) + 1);

    memset(deep, '[', 1 << 20);
    CU_ASSERT_EQUAL(read_text("topic", deep), ZK_BAD_DATA);
    for (size_t i = 0; i + 5 < 1 << 20; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    CU_ASSERT_EQUAL(read_text("topic", deep), ZK_BAD_DATA);
    free(deep);
}

static void test_tolerant(void)
{
    struct arena arena;
    struct zk_broker broker;
    struct zk_config config;
    struct zk_producer_id_block block;
    const char *change;

    arena_init(&arena, ARENA_SIZE_MAX);
    CU_ASSERT_EQUAL(zk_read_broker(&arena,
                                   view_of_string("{\"version\":99,\"jmx_port\":9,\"endpoints\":[\"SSL://[::1]:9\"],"
                                                  "\"features\":{\"f\":{\"max_version\":3}},\"more\":{}}"),
                                   &broker),
                    ZK_OK);
    CU_ASSERT_STRING_EQUAL(broker.endpoints[0].host, "::1");
    CU_ASSERT_STRING_EQUAL(broker.endpoints[0].security_protocol, "SSL");
    CU_ASSERT_EQUAL(broker.features[0].version_max, 3);
    CU_ASSERT_PTR_NOT_NULL(zk_broker_endpoint(&broker, "SSL"));
    CU_ASSERT_PTR_NULL(zk_broker_endpoint(&broker, "PLAINTEXT"));
    CU_ASSERT_TRUE(view_equal_string(zk_write_broker(&arena, &broker),
                                     "{\"features\":{\"f\":{\"min_version\":0,\"max_version\":3}},"
                                     "\"listener_security_protocol_map\":{\"SSL\":\"SSL\"},"
                                     "\"endpoints\":[\"SSL://[::1]:9\"],\"jmx_port\":9,\"port\":-1,\"host\":null,"
                                     "\"version\":5,\"timestamp\":\"-1\"}"));
    CU_ASSERT_EQUAL(
        zk_read_broker(&arena, view_of_string("{\"version\":1,\"jmx_port\":-1,\"host\":\"h\",\"port\":9}"), &broker),
        ZK_OK);
    CU_ASSERT_EQUAL(broker.endpoints[0].port, 9);
    CU_ASSERT_EQUAL(zk_read_config_data(&arena, VIEW_NULL, &config), ZK_OK);
    CU_ASSERT_EQUAL(config.count, 0);
    CU_ASSERT_EQUAL(zk_read_config_data(&arena, view_of_string("{\"version\":1}"), &config), ZK_OK);
    CU_ASSERT_EQUAL(zk_read_producer_id_block(VIEW_NULL, &block), ZK_NO_NODE);
    CU_ASSERT_EQUAL(
        zk_read_config_change(
            &arena, view_of_string("{\"version\":1,\"entity_type\":\"topics\",\"entity_name\":\"t1\"}"), &change),
        ZK_OK);
    CU_ASSERT_STRING_EQUAL(change, "topics/t1");
    arena_fini(&arena);
}

static void test_refused_by_writers(void)
{
    struct arena arena;
    struct zk_config_entry entry = {"retention.ms", "\xff"};
    struct zk_config config = {&entry, 1};

    arena_init(&arena, 8);
    CU_ASSERT_TRUE(view_is_null(zk_write_config_data(&arena, &config)));
    entry.value = "7";
    CU_ASSERT_TRUE(view_is_null(zk_write_config_data(&arena, &config)));
    CU_ASSERT_EQUAL(zk_read_config_data(&arena, view_of_string("{\"config\":{\"a\":\"b\"}}"), &config), ZK_TOO_LARGE);
    arena_fini(&arena);
}

SUITE_MAIN("zk/formats", {"golden", test_golden}, {"damaged", test_damaged}, {"hostile", test_hostile},
           {"depth", test_depth}, {"tolerant", test_tolerant}, {"refused by writers", test_refused_by_writers})
