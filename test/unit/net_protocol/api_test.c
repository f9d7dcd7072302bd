// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/api.h"

#include "net/protocol/schema.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// Schemas cover all that Apache Kafka 3.9.1 serves in ZooKeeper mode, and the broker serves nothing beyond that.
static void check_table(void)
{
    char line[256], name[64];
    int key, first, last, count = 0;
    FILE *file = fopen(TEST_DATA_DIR "/golden/protocol/apis-3.9.1-zookeeper.tsv", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        CU_ASSERT_EQUAL_FATAL(sscanf(line, "%d\t%63s\t%d\t%d", &key, name, &first, &last), 4);
        CU_ASSERT_FATAL(count < api_table_count);
        const struct api *api = &api_table[count++];
        CU_ASSERT_PTR_EQUAL(api_by_key((int16_t)key), api);
        CU_ASSERT_STRING_EQUAL(api->name, name);
        CU_ASSERT_EQUAL(api->version_min, first);
        CU_ASSERT_EQUAL(api->version_max, last);
        CU_ASSERT(api->served_min > api->served_max || (api->served_min >= first && api->served_max == last));
    }
    fclose(file);
    CU_ASSERT_EQUAL(count, api_table_count);
    CU_ASSERT_PTR_NULL(api_by_key(-1));
    CU_ASSERT_PTR_NULL(api_by_key(52));
    CU_ASSERT_PTR_NULL(api_by_key(INT16_MAX));
}

static void check_served(void)
{
    CU_ASSERT_FALSE(api_serves(api_by_key(API_FETCH), 3));
    CU_ASSERT_TRUE(api_serves(api_by_key(API_FETCH), 4));
    CU_ASSERT_TRUE(api_serves(api_by_key(API_PRODUCE), 0));
    CU_ASSERT_FALSE(api_serves(api_by_key(API_PRODUCE), 12));
    CU_ASSERT_TRUE(api_has_version(api_by_key(API_PRODUCE), 0));
    CU_ASSERT_FALSE(api_has_version(api_by_key(API_PRODUCE), -1));
    CU_ASSERT_FALSE(api_serves(api_by_key(API_ENVELOPE), 0));
}

static int read_header(const void *bytes, size_t size, struct request_header *header, size_t *body_size)
{
    struct view body = VIEW_NULL;
    int error = frame_read_request_header(view_of(bytes, size), header, &body);
    *body_size = body.size;
    return error;
}

static void check_request_headers(void)
{
    struct request_header header;
    size_t left;
    // ControlledShutdown 0 has no client id.
    CU_ASSERT_EQUAL(read_header("\0\7\0\0\0\0\0\5\0\0\0\1", 12, &header, &left), 0);
    CU_ASSERT_EQUAL(left, 4);
    CU_ASSERT_TRUE(view_is_null(header.client_id));
    // A classic client id, also in front of the tagged fields of a flexible request.
    CU_ASSERT_EQUAL(read_header("\0\14\0\4\0\0\0\5\0\2me\0xyz", 16, &header, &left), 0);
    CU_ASSERT_EQUAL(header.correlation_id, 5);
    CU_ASSERT_EQUAL(header.request_api_version, 4);
    CU_ASSERT_TRUE(view_equal_string(header.client_id, "me"));
    CU_ASSERT_EQUAL(left, 3);
    // ApiVersions of a version to come is read as the latest known; an unknown API has the classic header.
    CU_ASSERT_EQUAL(read_header("\0\22\0\77\0\0\0\5\377\377\0x", 12, &header, &left), 0);
    CU_ASSERT_EQUAL(left, 1);
    CU_ASSERT_EQUAL(read_header("\3\0\0\1\0\0\0\5\377\377\0x", 12, &header, &left), 0);
    CU_ASSERT_EQUAL(left, 2);
    CU_ASSERT_EQUAL(read_header("\0\14\377\377\0\0\0\5\377\377", 10, &header, &left), 0);
    CU_ASSERT_EQUAL(header.request_api_version, -1);
    for (size_t size = 0; size < 10; size++)
        CU_ASSERT_EQUAL(read_header("\0\22\0\0\0\0\0\5\377\377", size, &header, &left), -EBADMSG);
    CU_ASSERT_EQUAL(frame_read_request_header(VIEW_NULL, &header, &(struct view){NULL, 0}), -EBADMSG);
}

static void check_response_headers(void)
{
    struct arena arena;
    struct message_pieces pieces;
    struct view body;
    int32_t id;
    arena_init(&arena, 4096);
    // An ApiVersions answer has no tagged fields in its header, in no version.
    struct api_versions_response versions = api_versions_response_default;
    const struct api *api = api_by_key(API_API_VERSIONS);
    CU_ASSERT_EQUAL_FATAL(frame_encode_response(api, 4, 9, &versions, &arena, &pieces), 0);
    CU_ASSERT_EQUAL(pieces.size, 4 + 2 + 1 + 4 + 1);
    struct heartbeat_response heartbeat = heartbeat_response_default;
    api = api_by_key(API_HEARTBEAT);
    CU_ASSERT_EQUAL_FATAL(frame_encode_response(api, 4, 9, &heartbeat, &arena, &pieces), 0);
    CU_ASSERT_EQUAL(pieces.size, 4 + 1 + 4 + 2 + 1);
    CU_ASSERT_EQUAL_FATAL(pieces.count, 1);
    struct view frame = view_of(pieces.items[0].bytes, pieces.size);
    CU_ASSERT_EQUAL(frame_read_response_header(api, 4, frame, &id, &body), 0);
    CU_ASSERT_EQUAL(id, 9);
    CU_ASSERT_EQUAL(body.size, 7);
    CU_ASSERT_EQUAL(frame_read_response_header(api, 4, view_of(frame.data, 4), &id, &body), -EBADMSG);
    CU_ASSERT_EQUAL(frame_read_response_header(api, 5, frame, &id, &body), -EOPNOTSUPP);
    arena_fini(&arena);
}

SUITE_MAIN("net_protocol/api", {"table", check_table}, {"served versions", check_served},
           {"request headers", check_request_headers}, {"response headers", check_response_headers})
