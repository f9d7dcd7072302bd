// SPDX-License-Identifier: Apache-2.0
// Messages as Apache Kafka 3.9.1 encodes them (test/golden/protocol): each decodes to the contents that its JSON tells
// and encodes to the same bytes; cut anywhere it is an error; with a bit flipped it is an error or a message that
// encodes to an equal one. With the argument "all" every bit is flipped, else a sample.
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "test/unit/suite.h"

#include <ctype.h>
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINES = 2696, // of all files together
    FLIPS = 48,   // per line, when sampled
    CUTS_NEAR = 600,
    MEMORY_PER_BYTE_MAX = 32, // see memory_test.c
    MEMORY_MIN = 4096,
};

struct line {
    const char *path;
    int number;
    const struct api *api; // NULL for messages inside other bytes
    const struct message_schema *schema;
    bool request;
    int16_t version;
    bool unknown_tags; // which a reader drops
    struct view header, body;
    const json_t *contents, *header_contents;
};

static bool flip_all;

static void fail(const struct line *line, const char *what, size_t at)
{
    fprintf(stderr, "%s:%d: %s at %zu\n", line->path, line->number, what, at);
    CU_FAIL("see stderr");
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10;
}

static struct view hex_to_bytes(struct arena *arena, const char *hex)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = arena_alloc(arena, size);
    for (size_t i = 0; bytes != NULL && i < size; i++)
        bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return view_of(bytes, size);
}

// Whether the name in snake case is that of Kafka: offset_commit_key, OffsetCommitKey.
static bool is_name(const char *snake, const char *camel)
{
    bool upper = true;
    for (; *snake != '\0'; snake++) {
        if (*snake == '_') {
            upper = true;
            continue;
        }
        if (*camel++ != (upper ? toupper((unsigned char)*snake) : *snake))
            return false;
        upper = false;
    }
    return *camel == '\0';
}

static bool parse_line(struct arena *arena, const json_t *json, struct line *line)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *key = json_object_get(json, "key");
    line->request = strcmp(json_string_value(json_object_get(json, "type")), "request") == 0;
    if (key != NULL) {
        line->api = api_by_key((int16_t)json_integer_value(key));
        if (line->api != NULL)
            line->schema = line->request ? line->api->request : line->api->response;
    } else {
        for (const struct message_schema *const *schema = message_schemas; *schema != NULL; schema++) {
            if (is_name((*schema)->name, name))
                line->schema = *schema;
        }
    }
    line->version = (int16_t)json_integer_value(json_object_get(json, "version"));
    line->unknown_tags = strcmp(json_string_value(json_object_get(json, "case")), "unknownTags") == 0;
    line->header = hex_to_bytes(arena, json_string_value(json_object_get(json, "headerHex")));
    line->body = hex_to_bytes(arena, json_string_value(json_object_get(json, "hex")));
    line->contents = json_object_get(json, "json");
    line->header_contents = json_object_get(json, "header");
    return line->schema != NULL && line->body.data != NULL;
}

static size_t memory_max(size_t size)
{
    return MEMORY_MIN + size * MEMORY_PER_BYTE_MAX;
}

// As json_equal, but numbers may be integers here and reals there.
static bool json_matches(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_number(a) && json_is_number(b) && (json_is_real(a) || json_is_real(b)))
        return fabs(json_number_value(a) - json_number_value(b)) <= 1e-15 * fabs(json_number_value(b));
    if (json_is_object(a) && json_is_object(b)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)(uintptr_t)a, key, value)
        {
            if (!json_matches(value, json_object_get(b, key)))
                return false;
        }
        return true;
    }
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach(a, i, value)
        {
            if (!json_matches(value, json_array_get(b, i)))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

static void check_contents(const struct line *line, struct arena *arena, const void *message)
{
    size_t size = message_print(line->schema, line->version, message, NULL, 0) + 1;
    char *text = arena_alloc(arena, size);
    if (text == NULL || message_print(line->schema, line->version, message, text, size) + 1 != size) {
        fail(line, "cannot print", 0);
        return;
    }
    json_t *printed = json_loads(text, JSON_ALLOW_NUL, NULL);
    if (printed == NULL || !json_matches(printed, line->contents)) {
        fail(line, "wrong contents", 0);
        fprintf(stderr, "printed %.2000s\n", text);
    }
    json_decref(printed);
}

static struct view flatten(struct arena *arena, const struct message_pieces *pieces)
{
    uint8_t *bytes = arena_alloc(arena, pieces->size), *next = bytes;
    for (size_t i = 0; bytes != NULL && i < pieces->count; i++) {
        memcpy(next, pieces->items[i].bytes, pieces->items[i].size);
        next += pieces->items[i].size;
    }
    return view_of(bytes, pieces->size);
}

static void check_header(const struct line *line, struct arena *arena, const void *message)
{
    struct view body, expected_id = VIEW_NULL;
    struct message_pieces pieces;
    size_t size = line->header.size + line->body.size;
    uint8_t *bytes = arena_alloc(arena, size);
    memcpy(bytes, line->header.data, line->header.size);
    memcpy(bytes + line->header.size, line->body.data, line->body.size);
    struct view frame = view_of(bytes, size);
    int32_t id = (int32_t)json_integer_value(json_object_get(line->header_contents, "correlationId"));
    const json_t *client_id = json_object_get(line->header_contents, "clientId");
    if (json_is_string(client_id))
        expected_id = view_of(json_string_value(client_id), json_string_length(client_id));
    bool good;
    int error;
    if (line->request) {
        struct request_header header;
        good = frame_read_request_header(frame, &header, &body) == 0 && header.request_api_key == line->api->key &&
               header.request_api_version == line->version && header.correlation_id == id;
        if (line->header.size > 8)
            good = good && view_equal(header.client_id, expected_id);
        error = frame_encode_request(line->api, line->version, id, expected_id, message, arena, &pieces);
    } else {
        int32_t found = 0;
        good = frame_read_response_header(line->api, line->version, frame, &found, &body) == 0 && found == id;
        error = frame_encode_response(line->api, line->version, id, message, arena, &pieces);
    }
    if (!good || !view_equal(body, line->body))
        fail(line, "header not read", 0);
    else if (error != 0 || (!line->unknown_tags && !view_equal(flatten(arena, &pieces), frame)))
        fail(line, "frame not encoded", 0);
}

static void check_whole(const struct line *line)
{
    struct arena arena;
    struct view encoded;
    size_t size;
    arena_init(&arena, SIZE_MAX);
    void *message = arena_alloc(&arena, line->schema->size);
    void *again = arena_alloc(&arena, line->schema->size);
    size_t used = arena.used;
    if (message_decode(line->schema, line->version, line->body, &arena, message) != 0) {
        fail(line, "does not decode", 0);
        goto out;
    }
    if (arena.used - used > memory_max(line->body.size))
        fail(line, "too much memory", arena.used - used);
    check_contents(line, &arena, message);
    if (message_encode_bytes(line->schema, line->version, message, &arena, line->api == NULL, &encoded) != 0 ||
        message_size(line->schema, line->version, message, &size) != 0) {
        fail(line, message_why(line->schema, line->version, message), 0);
        goto out;
    }
    if (line->api == NULL) {
        int16_t version = -1;
        if (memcmp(encoded.data, line->header.data, line->header.size) != 0 ||
            message_decode_versioned(line->schema, encoded, &arena, &version, again) != 0 || version != line->version)
            fail(line, "wrong version in front", 0);
        encoded = view_of(encoded.data + line->header.size, encoded.size - line->header.size);
    } else {
        check_header(line, &arena, message);
    }
    if (size != encoded.size || (!line->unknown_tags && !view_equal(encoded, line->body)))
        fail(line, "encodes to other bytes", 0);
    if (message_decode(line->schema, line->version, encoded, &arena, again) != 0 ||
        !message_equal(line->schema, message, again))
        fail(line, "does not come back", 0);
out:
    arena_fini(&arena);
}

// What is beyond the cut is cut off in memory too, so that the sanitizer sees a read of it.
static void check_cuts(const struct line *line)
{
    for (size_t size = 0; size < line->body.size; size++) {
        struct arena arena;
        arena_init(&arena, memory_max(line->body.size));
        bool near = size < CUTS_NEAR || line->body.size - size < CUTS_NEAR;
        uint8_t *bytes = near ? malloc(size + 1) : NULL;
        struct view cut = line->body;
        if (bytes != NULL) {
            memcpy(bytes + 1, line->body.data, size);
            cut.data = bytes + 1;
        }
        cut.size = size;
        void *message = arena_alloc(&arena, line->schema->size);
        if (message_decode(line->schema, line->version, cut, &arena, message) != -EBADMSG)
            fail(line, "cut, but no error", size);
        free(bytes);
        arena_fini(&arena);
    }
}

static void check_flip(const struct line *line, uint8_t *bytes, size_t bit)
{
    struct arena arena;
    struct view encoded, flipped = view_of(bytes, line->body.size);
    arena_init(&arena, SIZE_MAX);
    void *message = arena_alloc(&arena, line->schema->size);
    void *again = arena_alloc(&arena, line->schema->size);
    size_t used = arena.used;
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    int error = message_decode(line->schema, line->version, flipped, &arena, message);
    if (arena.used - used > memory_max(line->body.size))
        fail(line, "flipped, too much memory", bit);
    if (error == 0) {
        if (message_encode_bytes(line->schema, line->version, message, &arena, false, &encoded) != 0)
            fail(line, "flipped, cannot be encoded", bit);
        else if (message_decode(line->schema, line->version, encoded, &arena, again) != 0 ||
                 !message_equal(line->schema, message, again))
            fail(line, "flipped, does not come back", bit);
    } else if (error != -EBADMSG) {
        fail(line, "flipped, strange error", bit);
    }
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    arena_fini(&arena);
}

static void check_flips(const struct line *line)
{
    size_t bits = line->body.size * 8;
    uint8_t *bytes = malloc(line->body.size + 1);
    memcpy(bytes, line->body.data, line->body.size);
    uint64_t random = (uint64_t)line->number * 0x9e3779b97f4a7c15U + line->body.size;
    for (size_t i = 0; i < (flip_all || bits < FLIPS ? bits : FLIPS); i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        check_flip(line, bytes, flip_all || bits < FLIPS ? i : (size_t)(random >> 20) % bits);
    }
    free(bytes);
}

static int check_file(const char *path)
{
    int count = 0;
    size_t capacity = 0;
    char *text = NULL;
    FILE *file = fopen(path, "r");
    while (file != NULL && getline(&text, &capacity, file) > 0) {
        struct line line = {.path = path, .number = ++count};
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
        if (json == NULL || !parse_line(&arena, json, &line)) {
            fail(&line, "bad line", 0);
        } else {
            check_whole(&line);
            check_cuts(&line);
            check_flips(&line);
        }
        json_decref(json);
        arena_fini(&arena);
    }
    free(text);
    if (file != NULL)
        fclose(file);
    return count;
}

static void check_all_lines(void)
{
    glob_t files;
    int lines = 0;
    CU_ASSERT_EQUAL_FATAL(glob(TEST_DATA_DIR "/golden/protocol/*.jsonl", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        lines += check_file(files.gl_pathv[i]);
    globfree(&files);
    CU_ASSERT_EQUAL(lines, LINES);
}

int main(int argc, char **argv)
{
    static const struct suite_test tests[] = {{"golden lines", check_all_lines}};
    flip_all = argc > 1 && strcmp(argv[1], "all") == 0;
    return suite_run("net_protocol/golden", tests, sizeof tests / sizeof tests[0]);
}
