// SPDX-License-Identifier: Apache-2.0
// libFuzzer's changes of frames: some inputs are replaced by a random message of a random API and version, as it goes
// over the wire; of all others only what is behind the key and version changes, since another API's bytes seldom mean
// anything.
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "test/fuzz/message_random.h"

#include <stdint.h>
#include <string.h>

enum { KEYS = 100, TRIES = 1000, NEW_MESSAGE_EVERY = 32, KEPT_SIZE = 5, CLIENT_ID_SIZE = 4 };

// Of libFuzzer.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

// Behind the byte that says what follows. Returns the size, or 0 when it does not fit.
static size_t copy_pieces(const struct message_pieces *pieces, uint8_t *data, size_t max_size)
{
    size_t size = 0;
    if (pieces->size > max_size)
        return 0;
    for (size_t i = 0; i < pieces->count; i++) {
        memcpy(data + size, pieces->items[i].bytes, pieces->items[i].size);
        size += pieces->items[i].size;
    }
    return size;
}

static const struct api *random_api(uint64_t *state)
{
    const struct api *api = NULL;
    for (int i = 0; i < TRIES && api == NULL; i++)
        api = api_by_key((int16_t)(random_next(state) % KEYS));
    return api;
}

static int16_t random_version(const struct message_schema *schema, uint64_t *state)
{
    return (int16_t)(schema->version_min +
                     (int)(random_next(state) % (unsigned)(schema->version_max - schema->version_min + 1)));
}

static size_t make_message(uint8_t *data, size_t max_size, uint64_t *state)
{
    const struct api *api = random_api(state);
    struct message_pieces pieces;
    struct arena arena;
    size_t size = 0;
    if (api == NULL || max_size < KEPT_SIZE)
        return 0;
    bool is_response = random_next(state) % 2;
    const struct message_schema *schema = is_response ? api->response : api->request;
    int16_t version = random_version(schema, state);
    arena_init(&arena, SIZE_MAX);
    void *message = arena_alloc(&arena, schema->size);
    message_random(schema, version, state, &arena, message);
    data[0] = is_response;
    if (is_response) {
        data[1] = (uint8_t)(api->key >> 8);
        data[2] = (uint8_t)api->key;
        data[3] = (uint8_t)(version >> 8);
        data[4] = (uint8_t)version;
        if (frame_encode_response(api, version, 7, message, &arena, &pieces) == 0)
            size = copy_pieces(&pieces, data + KEPT_SIZE, max_size - KEPT_SIZE);
        size += size > 0 ? KEPT_SIZE : 0;
    } else {
        struct view client_id = view_of("fuzz", CLIENT_ID_SIZE);
        if (frame_encode_request(api, version, 7, client_id, message, &arena, &pieces) == 0)
            size = copy_pieces(&pieces, data + 1, max_size - 1);
        size += size > 0 ? 1 : 0;
    }
    arena_fini(&arena);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    if (random_next(&state) % NEW_MESSAGE_EVERY == 0) {
        size_t made = make_message(data, max_size, &state);
        if (made > 0)
            return made;
    }
    size_t kept = size < KEPT_SIZE || random_next(&state) % NEW_MESSAGE_EVERY == 0 ? 0 : KEPT_SIZE;
    return kept + LLVMFuzzerMutate(data + kept, size - kept, max_size - kept);
}
