// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/message.h"

#include "net/protocol/messages.h"
#include "net/protocol/schema.h"
#include "test/fuzz/message_random.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20 };

static bool comes_back(const struct message_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    struct view bytes;
    size_t size = 0;
    arena_init(&arena, SIZE_MAX);
    void *message = arena_alloc(&arena, schema->size), *again = arena_alloc(&arena, schema->size);
    message_random(schema, version, &seed, &arena, message);
    bool good = message_encode_bytes(schema, version, message, &arena, false, &bytes) == 0 &&
                message_size(schema, version, message, &size) == 0 && size == bytes.size &&
                message_decode(schema, version, bytes, &arena, again) == 0 && message_equal(schema, message, again);
    arena_fini(&arena);
    return good;
}

static void check_random_messages(void)
{
    for (size_t i = 0; message_schemas[i] != NULL; i++) {
        const struct message_schema *schema = message_schemas[i];
        for (int16_t version = schema->version_min; version <= schema->version_max; version++) {
            for (uint64_t seed = 0; seed < ROUNDS; seed++) {
                if (!comes_back(schema, version, seed))
                    CU_FAIL("a random message does not come back");
            }
        }
    }
}

static void check_versions(void)
{
    struct arena arena;
    struct heartbeat_request message = heartbeat_request_default;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, 5, &message, &arena, &pieces), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, -1, &message, &arena, &pieces), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(message_decode(&heartbeat_request_schema, 5, VIEW_NULL, &arena, &message), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(message_decode(&heartbeat_request_schema, 4, VIEW_NULL, &arena, &message), -EBADMSG);
    arena_fini(&arena);
}

// A field outside its versions: dropped when ignorable, else only its default goes.
static void check_fields_outside_versions(void)
{
    struct arena arena;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    struct heartbeat_response response = heartbeat_response_default;
    response.throttle_time_ms = 7;
    CU_ASSERT_EQUAL(message_encode(&heartbeat_response_schema, 0, &response, &arena, &pieces), 0);
    CU_ASSERT_EQUAL(pieces.size, 2);
    struct heartbeat_request request = heartbeat_request_default;
    request.group_instance_id = view_of_string("me");
    CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, 2, &request, &arena, &pieces), -EINVAL);
    CU_ASSERT_STRING_EQUAL(message_why(&heartbeat_request_schema, 2, &request), "groupInstanceId");
    CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, 3, &request, &arena, &pieces), 0);
    CU_ASSERT_PTR_NULL(message_why(&heartbeat_request_schema, 3, &request));
    arena_fini(&arena);
}

static void check_nulls(void)
{
    struct arena arena;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    struct heartbeat_request request = heartbeat_request_default;
    request.group_id = VIEW_NULL; // goes as an empty string
    CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, 0, &request, &arena, &pieces), 0);
    CU_ASSERT_EQUAL(pieces.size, 2 + 4 + 2);
    struct metadata_request metadata = metadata_request_default;
    metadata.topics.count = -1;
    CU_ASSERT_EQUAL(message_encode(&metadata_request_schema, 0, &metadata, &arena, &pieces), -EINVAL);
    CU_ASSERT_STRING_EQUAL(message_why(&metadata_request_schema, 0, &metadata), "topics");
    CU_ASSERT_EQUAL(message_encode(&metadata_request_schema, 1, &metadata, &arena, &pieces), 0);
    CU_ASSERT_EQUAL(message_decode(&heartbeat_request_schema, 0, view_of("\xff\xff\0\0\0\0\0\0", 8), &arena, &request),
                    -EBADMSG);
    arena_fini(&arena);
}

static void check_long_strings(void)
{
    struct arena arena;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    char *text = arena_alloc(&arena, INT16_MAX + 1);
    memset(text, 'x', INT16_MAX + 1);
    for (int16_t version = 0; version <= 4; version++) {
        struct heartbeat_request request = heartbeat_request_default;
        request.member_id = view_of(text, INT16_MAX);
        CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, version, &request, &arena, &pieces), 0);
        request.member_id = view_of(text, INT16_MAX + 1);
        CU_ASSERT_EQUAL(message_encode(&heartbeat_request_schema, version, &request, &arena, &pieces), -EINVAL);
    }
    arena_fini(&arena);
}

// An answer to a fetch of two partitions: one has its records in a source, one in memory.
static void check_pieces(void)
{
    enum { SOURCE_SIZE = 100000, MEMORY_SIZE = 5000 };
    int source;
    struct arena arena;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    uint8_t *memory = arena_alloc(&arena, MEMORY_SIZE);
    struct fetch_response response = fetch_response_default;
    response.responses.count = 1;
    response.responses.items = message_alloc_array(&arena, &fetch_response_topic_schema, 1);
    struct fetch_response_topic *topic = response.responses.items;
    topic->partitions.count = 3;
    topic->partitions.items = message_alloc_array(&arena, &fetch_response_partition_schema, 3);
    topic->partitions.items[0].records = (struct records){.source = &source, .source_size = SOURCE_SIZE};
    topic->partitions.items[1].records = (struct records){.bytes = view_of(memory, MEMORY_SIZE)};
    topic->partitions.items[2].records = (struct records){.bytes = view_of(memory, 5)};
    for (int16_t version = 4; version <= 17; version++) {
        size_t size = 0, sum = 0;
        CU_ASSERT_EQUAL(message_encode(&fetch_response_schema, version, &response, &arena, &pieces), 0);
        CU_ASSERT_EQUAL(message_size(&fetch_response_schema, version, &response, &size), 0);
        CU_ASSERT_EQUAL_FATAL(pieces.count, 5);
        CU_ASSERT_PTR_EQUAL(pieces.items[1].source, &source);
        CU_ASSERT_PTR_NULL(pieces.items[1].bytes);
        CU_ASSERT_EQUAL(pieces.items[1].size, SOURCE_SIZE);
        CU_ASSERT_PTR_EQUAL(pieces.items[3].bytes, memory);
        for (size_t i = 0; i < pieces.count; i++)
            sum += pieces.items[i].size;
        CU_ASSERT_EQUAL(sum, pieces.size);
        CU_ASSERT_EQUAL(sum, size);
    }
    struct view bytes;
    CU_ASSERT_EQUAL(message_encode_bytes(&fetch_response_schema, 4, &response, &arena, false, &bytes), -EINVAL);
    arena_fini(&arena);
}

static void check_too_large(void)
{
    int source;
    struct arena arena;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    struct fetch_response response = fetch_response_default;
    response.responses.count = 1;
    response.responses.items = message_alloc_array(&arena, &fetch_response_topic_schema, 1);
    struct fetch_response_topic *topic = response.responses.items;
    topic->partitions.count = 2;
    topic->partitions.items = message_alloc_array(&arena, &fetch_response_partition_schema, 2);
    for (int i = 0; i < 2; i++)
        topic->partitions.items[i].records = (struct records){.source = &source, .source_size = INT32_MAX / 2 + 1};
    CU_ASSERT_EQUAL(message_encode(&fetch_response_schema, 4, &response, &arena, &pieces), -EMSGSIZE);
    topic->partitions.items[0].records.source_size = 1;
    topic->partitions.items[1].records.source_size = (size_t)INT32_MAX + 1;
    CU_ASSERT_EQUAL(message_encode(&fetch_response_schema, 4, &response, &arena, &pieces), -EINVAL);
    arena_fini(&arena);
}

static void check_print(void)
{
    char text[256], cut[9];
    struct heartbeat_request request = heartbeat_request_default;
    request.group_id = view_of("a\"\n\xff\xc3\xa9", 6);
    size_t length = message_print(&heartbeat_request_schema, 3, &request, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "{\"groupId\":\"a\\\"\\u000a\\u00ff\xc3\xa9\",\"generationId\":0,\"memberId\":\"\","
                                 "\"groupInstanceId\":null}");
    CU_ASSERT_EQUAL(length, strlen(text));
    CU_ASSERT_EQUAL(message_print(&heartbeat_request_schema, 3, &request, cut, sizeof cut), length);
    CU_ASSERT_STRING_EQUAL(cut, "{\"groupI");
}

// Known tags may come in any order and twice, and the last one counts; a known tag fills its size.
static void check_tags(void)
{
    struct arena arena;
    struct controlled_shutdown_request request;
    struct fetch_request fetch;
    arena_init(&arena, SIZE_MAX);
    static const uint8_t unknown[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2, 9, 1, 'x', 9, 0};
    CU_ASSERT_EQUAL(
        message_decode(&controlled_shutdown_request_schema, 3, view_of(unknown, sizeof unknown), &arena, &request), 0);
    CU_ASSERT_EQUAL(request.broker_epoch, 2);
    // Max wait, min and max bytes, isolation level, session id and epoch (21 bytes), then no topics, none forgotten, an
    // empty rack, and three tagged fields: the replica's state and the cluster id twice.
    enum { FIXED_SIZE = 21 };
    static const uint8_t rest[] = {1, 1, 1, 3, 1, 12, 0, 0, 0,   5, 0, 0, 0,  0,
                                   0, 0, 0, 6, 0, 0,  2, 2, 'a', 0, 2, 2, 'b'};
    uint8_t bytes[FIXED_SIZE + sizeof rest] = {0};
    memcpy(bytes + FIXED_SIZE, rest, sizeof rest);
    CU_ASSERT_EQUAL(message_decode(&fetch_request_schema, 15, view_of(bytes, sizeof bytes), &arena, &fetch), -EBADMSG);
    bytes[FIXED_SIZE + 5]++; // the state has tagged fields of its own
    CU_ASSERT_EQUAL(message_decode(&fetch_request_schema, 15, view_of(bytes, sizeof bytes), &arena, &fetch), 0);
    CU_ASSERT_EQUAL(fetch.replica_state.replica_id, 5);
    CU_ASSERT_EQUAL(fetch.replica_state.replica_epoch, 6);
    CU_ASSERT_TRUE(view_equal_string(fetch.cluster_id, "b"));
    arena_fini(&arena);
}

SUITE_MAIN("net_protocol/message", {"random messages come back", check_random_messages}, {"versions", check_versions},
           {"fields outside their versions", check_fields_outside_versions}, {"nulls", check_nulls},
           {"long strings", check_long_strings}, {"pieces", check_pieces}, {"too large", check_too_large},
           {"print", check_print}, {"tags", check_tags})
