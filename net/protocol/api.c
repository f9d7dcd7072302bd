// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/api.h"

#include "net/protocol/codec.h"
#include "net/protocol/schema.h"

#include <errno.h>

const struct api *api_by_key(int16_t key)
{
    int first = 0, end = api_table_count;
    while (first < end) {
        int middle = (first + end) / 2;
        if (api_table[middle].key == key)
            return &api_table[middle];
        if (api_table[middle].key < key)
            first = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

// 0: without client id; 1: classic; 2: with tagged fields.
static int16_t request_header_version(const struct api *api, int16_t version)
{
    if (api->key == API_CONTROLLED_SHUTDOWN && version == 0)
        return 0;
    return version >= api->flexible_min ? 2 : 1;
}

// A client that asks in an unknown version must be able to read the answer: ApiVersions never has tagged fields there.
static int16_t response_header_version(const struct api *api, int16_t version)
{
    return api->key != API_API_VERSIONS && version >= api->flexible_min ? 1 : 0;
}

static struct view reader_rest(const struct reader *reader)
{
    return view_of(reader->next, reader_left(reader));
}

int frame_read_request_header(struct view frame, struct request_header *header, struct view *body)
{
    struct reader ahead = reader_of(frame);
    int16_t key = reader_i16(&ahead), version = reader_i16(&ahead);
    const struct api *api = api_by_key(key);
    struct reader reader = reader_of(frame);
    struct request_header found;
    message_read(&request_header_schema, api ? request_header_version(api, version) : 1, &reader, NULL, &found);
    if (reader.error != 0)
        return reader.error;
    *header = found;
    *body = reader_rest(&reader);
    return 0;
}

int frame_read_response_header(const struct api *api, int16_t version, struct view frame, int32_t *correlation_id,
                               struct view *body)
{
    if (!api_has_version(api, version))
        return -EOPNOTSUPP;
    struct reader reader = reader_of(frame);
    struct response_header header;
    message_read(&response_header_schema, response_header_version(api, version), &reader, NULL, &header);
    if (reader.error != 0)
        return reader.error;
    *correlation_id = header.correlation_id;
    *body = reader_rest(&reader);
    return 0;
}

int frame_encode_request(const struct api *api, int16_t version, int32_t correlation_id, struct view client_id,
                         const void *message, struct arena *arena, struct message_pieces *pieces)
{
    struct request_header header = {api->key, version, correlation_id, client_id};
    struct message_part parts[] = {
        {&request_header_schema, request_header_version(api, version), &header},
        {api->request, version, message},
    };
    return message_encode_parts(parts, 2, arena, pieces);
}

int frame_encode_response(const struct api *api, int16_t version, int32_t correlation_id, const void *message,
                          struct arena *arena, struct message_pieces *pieces)
{
    struct response_header header = {correlation_id};
    struct message_part parts[] = {
        {&response_header_schema, response_header_version(api, version), &header},
        {api->response, version, message},
    };
    return message_encode_parts(parts, 2, arena, pieces);
}
