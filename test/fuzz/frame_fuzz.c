// SPDX-License-Identifier: Apache-2.0
// Frames of every API and version. The first byte tells what follows: 0 a request as it comes in; 1 an answer, behind
// the API's key and version; 2 the contents of bytes or of a record, behind its place in the list of schemas and its
// version (one byte each). What decodes must encode again to an equal message, in bounded memory; so must a random
// message of the same schema.
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "test/fuzz/message_random.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

enum { MEMORY_PER_BYTE_MAX = 32, MEMORY_MIN = 4096, PRINT_SIZE = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_comes_back(const struct message_schema *schema, int16_t version, const void *message)
{
    struct arena arena;
    struct view bytes;
    char text[PRINT_SIZE];
    arena_init(&arena, SIZE_MAX);
    void *again = arena_alloc(&arena, schema->size);
    int error = message_encode_bytes(schema, version, message, &arena, false, &bytes);
    assert(error == 0);
    error = message_decode(schema, version, bytes, &arena, again);
    assert(error == 0);
    assert(message_equal(schema, message, again));
    (void)error;
    message_print(schema, version, message, text, sizeof text);
    arena_fini(&arena);
}

static void check_random(const struct message_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    void *message = arena_alloc(&arena, schema->size);
    message_random(schema, version, &seed, &arena, message);
    check_comes_back(schema, version, message);
    arena_fini(&arena);
}

static void check_message(const struct message_schema *schema, int16_t version, struct view body)
{
    struct arena arena;
    if (version < schema->version_min || version > schema->version_max)
        return;
    arena_init(&arena, schema->size + MEMORY_MIN + body.size * MEMORY_PER_BYTE_MAX);
    void *message = arena_alloc(&arena, schema->size);
    int error = message_decode(schema, version, body, &arena, message);
    assert(error == 0 || error == -EBADMSG);
    if (error == 0)
        check_comes_back(schema, version, message);
    arena_fini(&arena);
    uint64_t seed = body.size;
    for (size_t i = 0; i < body.size && i < 8; i++)
        seed = seed << 8 | body.data[i];
    check_random(schema, version, seed);
}

static void check_request(struct view frame)
{
    struct request_header header;
    struct view body;
    if (frame_read_request_header(frame, &header, &body) != 0)
        return;
    const struct api *api = api_by_key(header.request_api_key);
    if (api != NULL)
        check_message(api->request, header.request_api_version, body);
}

static void check_response(const uint8_t *data, size_t size)
{
    int32_t correlation_id;
    struct view body;
    if (size < 4)
        return;
    const struct api *api = api_by_key((int16_t)(data[0] << 8 | data[1]));
    int16_t version = (int16_t)(data[2] << 8 | data[3]);
    if (api != NULL &&
        frame_read_response_header(api, version, view_of(data + 4, size - 4), &correlation_id, &body) == 0)
        check_message(api->response, version, body);
}

static void check_contents(const uint8_t *data, size_t size)
{
    size_t count = 0;
    while (message_schemas[count] != NULL)
        count++;
    if (size >= 2)
        check_message(message_schemas[data[0] % count], data[1], view_of(data + 2, size - 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 0)
        check_request(view_of(data + 1, size - 1));
    else if (data[0] == 1)
        check_response(data + 1, size - 1);
    else
        check_contents(data + 1, size - 1);
    return 0;
}
