// SPDX-License-Identifier: Apache-2.0
// Odd and broken frames, and whether an Apache Kafka 3.9.1 broker answered them or closed the connection
// (test/golden/frames): header and body read, or not, as there. Where we are stricter is listed here.
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "test/unit/golden.h"
#include "test/unit/suite.h"

#include <stdbool.h>

enum { FRAME_SIZE_MAX = 100 * 1024 * 1024, MEMORY_MAX = 1024 * 1024 };

// A known tagged field must fill its size.
static const char *const stricter[] = {
    "fetch-v12-known-tag-with-wrong-size-too-small",
    "fetch-v12-known-tag-with-wrong-size-too-large",
};

static bool is_stricter(const char *name)
{
    for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++) {
        if (strcmp(stricter[i], name) == 0)
            return true;
    }
    return false;
}

static bool can_be_answered(struct view frame)
{
    struct request_header header;
    struct view body;
    if (frame_read_request_header(frame, &header, &body) != 0)
        return false;
    const struct api *api = api_by_key(header.request_api_key);
    if (api == NULL)
        return false;
    // Every version of ApiVersions is answered; the body of an unknown one is not read.
    if (!api_has_version(api, header.request_api_version))
        return api->key == API_API_VERSIONS;
    struct arena arena;
    arena_init(&arena, MEMORY_MAX);
    void *message = arena_alloc(&arena, api->request->size);
    bool good = message_decode(api->request, header.request_api_version, body, &arena, message) == 0;
    arena_fini(&arena);
    return good;
}

static bool all_can_be_answered(struct view sent)
{
    while (sent.size > 0) {
        if (sent.size < 4)
            return false;
        int64_t size = (int32_t)((uint32_t)sent.data[0] << 24 | (uint32_t)sent.data[1] << 16 |
                                 (uint32_t)sent.data[2] << 8 | sent.data[3]);
        if (size < 0 || size > FRAME_SIZE_MAX || (size_t)size > sent.size - 4)
            return false;
        if (!can_be_answered(view_of(sent.data + 4, (size_t)size)))
            return false;
        sent = view_of(sent.data + 4 + size, sent.size - 4 - (size_t)size);
    }
    return true;
}

static void check_frames(void)
{
    int count = 0;
    json_t *object;
    FILE *file = golden_open("frames/malformed-requests.jsonl");
    while ((object = golden_next(file)) != NULL) {
        size_t size;
        const char *name = golden_string(object, "name");
        uint8_t *sent = golden_bytes(golden_string(object, "sent"), &size);
        bool expected = strcmp(golden_string(object, "result"), "answered") == 0 && !is_stricter(name);
        if (sent != NULL && all_can_be_answered(view_of(sent, size)) != expected) {
            fprintf(stderr, "%s: not as Apache Kafka\n", name);
            CU_FAIL("see stderr");
        }
        count += sent != NULL;
        free(sent);
        json_decref(object);
    }
    fclose(file);
    CU_ASSERT(count > 50);
}

SUITE_MAIN("net_protocol/malformed", {"frames", check_frames})
