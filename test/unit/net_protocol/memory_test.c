// SPDX-License-Identifier: Apache-2.0
// How much memory a peer's bytes can cost: an array takes at most so many bytes in memory for each byte on the wire,
// and bytes that carry nothing take none.
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RATIO_MAX = 24, ALIGNMENT = 16 };

// The worst array of this struct and below, in memory per byte on the wire; its name goes to *name.
static double worst_ratio(const struct message_schema *schema, int16_t version, const char **name)
{
    double worst = 0;
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct message_field *field = &schema->fields[i];
        double ratio = 0, below = 0;
        if (version < field->version_min || version > field->version_max)
            continue;
        if (field->type == FIELD_STRUCT_ARRAY) {
            CU_ASSERT_FATAL(field->schema->wire_size_min[version] > 0);
            ratio = (double)field->schema->size / field->schema->wire_size_min[version];
        } else if (field->type == FIELD_STRING_ARRAY) {
            ratio = (double)sizeof(struct view) / (version >= schema->flexible_min ? 1 : 2);
        } else if (field->type == FIELD_INT32_ARRAY) {
            ratio = (double)ALIGNMENT / sizeof(int32_t);
        }
        if (ratio > worst) {
            worst = ratio;
            *name = field->name;
        }
        if (field->schema != NULL)
            below = worst_ratio(field->schema, version, name);
        worst = below > worst ? below : worst;
    }
    return worst;
}

static void check_ratios(void)
{
    double worst = 0;
    for (size_t i = 0; message_schemas[i] != NULL; i++) {
        const struct message_schema *schema = message_schemas[i];
        for (int16_t version = schema->version_min; version <= schema->version_max; version++) {
            const char *name = "";
            double ratio = worst_ratio(schema, version, &name);
            if (ratio > worst) {
                worst = ratio;
                printf("\n  %s %d: %.1f (%s)", schema->name, version, ratio, name);
            }
        }
    }
    CU_ASSERT(worst <= RATIO_MAX);
}

// 12 million empty unknown tagged fields behind a Heartbeat: nothing is kept of them.
static void check_unknown_tags(void)
{
    static const uint8_t head[] = {1, 0, 0, 0, 0, 1, 0, 0x80, 0xb6, 0xdc, 0x05};
    size_t count = 12 * 1000 * 1000, size = sizeof head + 2 * count;
    uint8_t *bytes = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    memset(bytes, 0, size);
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < count; i++)
        bytes[sizeof head + 2 * i] = 100;
    struct arena arena;
    struct heartbeat_request request;
    arena_init(&arena, 0);
    CU_ASSERT_EQUAL(message_decode(&heartbeat_request_schema, 4, view_of(bytes, size), &arena, &request), 0);
    CU_ASSERT_EQUAL(message_decode(&heartbeat_request_schema, 4, view_of(bytes, size - 1), &arena, &request), -EBADMSG);
    CU_ASSERT_EQUAL(arena.allocated, 0);
    arena_fini(&arena);
    free(bytes);
}

// A count that the bytes cannot hold takes no memory; one that they can hold takes no more than the arena has.
static void check_counts(void)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    static const uint8_t many[104] = {0, 0, 0, 50};
    static const uint8_t overflow[] = {0xff, 0xff, 0xff, 0xff, 0x1f, 0};
    struct arena arena;
    struct metadata_request request;
    arena_init(&arena, 1024);
    CU_ASSERT_EQUAL(message_decode(&metadata_request_schema, 0, view_of(huge, sizeof huge), &arena, &request),
                    -EBADMSG);
    CU_ASSERT_EQUAL(message_decode(&metadata_request_schema, 9, view_of(overflow, sizeof overflow), &arena, &request),
                    -EBADMSG);
    CU_ASSERT_EQUAL(arena.used, 0);
    CU_ASSERT_EQUAL(message_decode(&metadata_request_schema, 0, view_of(many, sizeof many), &arena, &request), -ENOMEM);
    CU_ASSERT(arena.used <= 1024);
    arena_fini(&arena);
    arena_init(&arena, 4096);
    CU_ASSERT_EQUAL(message_decode(&metadata_request_schema, 0, view_of(many, sizeof many), &arena, &request), 0);
    CU_ASSERT_EQUAL(request.topics.count, 50);
    arena_fini(&arena);
}

// However small the arena is, decoding and encoding end with an error and no more.
static void check_small_arenas(void)
{
    struct arena arena, large;
    struct view bytes;
    arena_init(&large, SIZE_MAX);
    struct metadata_response response = metadata_response_default;
    response.brokers.count = 2;
    response.brokers.items = message_alloc_array(&large, &metadata_response_broker_schema, 2);
    response.topics.count = 1;
    response.topics.items = message_alloc_array(&large, &metadata_response_topic_schema, 1);
    struct metadata_response_topic *topic = response.topics.items;
    topic->partitions.count = 3;
    topic->partitions.items = message_alloc_array(&large, &metadata_response_partition_schema, 3);
    CU_ASSERT_EQUAL_FATAL(message_encode_bytes(&metadata_response_schema, 12, &response, &large, false, &bytes), 0);
    int error = -ENOMEM, refused = 0;
    for (size_t used_max = 0; error == -ENOMEM; used_max += ALIGNMENT, refused++) {
        struct metadata_response again;
        struct message_pieces pieces;
        arena_init(&arena, used_max);
        error = message_decode(&metadata_response_schema, 12, bytes, &arena, &again);
        if (error == 0 && message_encode(&metadata_response_schema, 12, &again, &arena, &pieces) == -ENOMEM)
            error = -ENOMEM;
        arena_fini(&arena);
    }
    CU_ASSERT_EQUAL(error, 0);
    CU_ASSERT(refused > 10);
    arena_fini(&large);
}

SUITE_MAIN("net_protocol/memory", {"ratio of memory to bytes", check_ratios}, {"unknown tags", check_unknown_tags},
           {"counts", check_counts}, {"small arenas", check_small_arenas})
