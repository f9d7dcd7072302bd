// SPDX-License-Identifier: Apache-2.0
// Batches that expand to very much, and streams that claim to: what they cost is bounded, whatever the codec.
#include "base/arena.h"
#include "base/big_endian.h"
#include "base/memory.h"
#include "log/batch_validator.h"
#include "log/compression.h"
#include "log/record.h"
#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { MESSAGE_SIZE_MAX = 1048588, GROWTH_KB_MAX = 64 * 1024 };
// Beyond what any batch of that largest size may expand to.
#define BOMB_SIZE ((size_t)150 * 1024 * 1024)

static const struct batch_rules rules = {
    .origin = APPEND_CLIENT,
    .message_size_max = MESSAGE_SIZE_MAX,
    .compression_level = COMPRESSION_LEVEL_DEFAULT,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = INT64_MAX,
};

static long peak_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

// A batch of one record around these compressed bytes.
static void make_batch(struct view compressed, enum compression_codec codec, uint8_t **batch, size_t *size)
{
    *size = BATCH_HEADER_SIZE + compressed.size;
    *batch = memory_alloc(*size);
    struct batch_header header = {
        .magic = 2,
        .attributes = (int16_t)codec,
        .record_count = 1,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
    };
    memcpy(*batch + BATCH_HEADER_SIZE, compressed.data, compressed.size);
    batch_header_write(*batch, *size, &header);
}

static enum kafka_error validate(struct view compressed, enum compression_codec codec, const struct batch_rules *by)
{
    uint8_t *batch;
    size_t size;
    make_batch(compressed, codec, &batch, &size);
    struct arena arena;
    struct batch_verdict verdict;
    arena_init(&arena, 1 << 20);
    enum kafka_error error = batch_validate(batch, size, by, 0, &arena, &verdict);
    arena_fini(&arena);
    free(batch);
    return error;
}

// The content of a batch with one record whose value is zeros: pages that nobody wrote to cost nothing.
static uint8_t *map_zeros(size_t size, size_t *content_size)
{
    uint8_t *content = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CU_ASSERT_FATAL(content != MAP_FAILED);
    enum { LONGEST_HEAD = 24 }; // of the record; then come the value and the count of headers, 0
    uint8_t fields[LONGEST_HEAD], *at = fields;
    *at++ = 0;                   // attributes
    at += varlong_encode(at, 0); // timestamp
    at += varint_encode(at, 0);  // offset
    at += varint_encode(at, -1); // no key
    size_t value_size = size - LONGEST_HEAD;
    at += varint_encode(at, (int32_t)value_size);
    size_t fields_size = (size_t)(at - fields);
    size_t length_size = varint_encode(content, (int32_t)(fields_size + value_size + 1));
    memcpy(content + length_size, fields, fields_size);
    *content_size = length_size + fields_size + value_size + 1;
    return content;
}

static void bombs_are_not_expanded_to_their_end(void)
{
    static const enum compression_codec codecs[] = {COMPRESSION_GZIP, COMPRESSION_LZ4, COMPRESSION_ZSTD};
    size_t content_size;
    uint8_t *content = map_zeros(BOMB_SIZE, &content_size);
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        uint8_t *bomb = NULL;
        size_t size = 0, capacity = 0;
        CU_ASSERT_EQUAL_FATAL(compression_append(codecs[i], COMPRESSION_LEVEL_DEFAULT, view_of(content, content_size),
                                                 &bomb, &size, &capacity),
                              0);
        long before = peak_kilobytes();
        CU_ASSERT_EQUAL(validate(view_of(bomb, size), codecs[i], &rules), KAFKA_MESSAGE_TOO_LARGE);
        // Nor when it must be compressed anew.
        struct batch_rules other = rules;
        other.compression_is_set = true;
        other.compression = COMPRESSION_SNAPPY;
        CU_ASSERT_NOT_EQUAL(validate(view_of(bomb, size), codecs[i], &other), KAFKA_NONE);
        CU_ASSERT_TRUE(peak_kilobytes() - before < 5 * GROWTH_KB_MAX); // a window of 128 MB at most for zstd's record
        free(bomb);
    }
    munmap(content, BOMB_SIZE);
}

// What a producer may well send is taken: 40 MB in a few kilobytes.
static void batches_that_expand_well_are_taken(void)
{
    enum { SIZE = 40 * 1000 * 1000 };
    size_t content_size;
    uint8_t *content = map_zeros(SIZE, &content_size);
    for (int codec = COMPRESSION_GZIP; codec < COMPRESSION_CODEC_COUNT; codec++) {
        uint8_t *compressed = NULL;
        size_t size = 0, capacity = 0;
        CU_ASSERT_EQUAL_FATAL(compression_append((enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT,
                                                 view_of(content, content_size), &compressed, &size, &capacity),
                              0);
        struct batch_rules generous = rules;
        generous.message_size_max = 4 * MESSAGE_SIZE_MAX; // for snappy
        CU_ASSERT_EQUAL(validate(view_of(compressed, size), (enum compression_codec)codec, &generous), KAFKA_NONE);
        free(compressed);
    }
    munmap(content, SIZE);
}

// CVE-2023-34455 and its kind: lengths inside a compressed stream that its bytes cannot hold.
static void lengths_inside_a_stream_take_no_memory(void)
{
    static const uint8_t bare[] = {0xff, 0xff, 0xff, 0xff, 0x07, 0, 0}; // expands to 2 GB, it says
    static const uint8_t chunk[] = {0x82, 'S', 'N', 'A', 'P', 'P',  'Y',  0,    0,    0, 0,
                                    1,    0,   0,   0,   1,   0x7f, 0xff, 0xff, 0xff, 0, 0}; // a chunk of 2 GB
    static const uint8_t negative[] = {0x82, 'S', 'N', 'A', 'P', 'P',  'Y',  0,    0,    0, 0,
                                       1,    0,   0,   0,   1,   0xff, 0xff, 0xff, 0xff, 0, 0}; // of -1 bytes
    static const uint8_t inner[] = {
        0x82, 'S', 'N', 'A', 'P', 'P', 'Y',  0,    0,    0,    0,    1, 0, 0,
        0,    1,   0,   0,   0,   7,   0xff, 0xff, 0xff, 0xff, 0x07, 0, 0}; // whose content is 2 GB
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0};
    static const uint8_t window[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0}; // a window of terabytes
    const struct {
        struct view bytes;
        enum compression_codec codec;
    } cases[] = {
        {view_of(bare, sizeof bare), COMPRESSION_SNAPPY},         {view_of(chunk, sizeof chunk), COMPRESSION_SNAPPY},
        {view_of(negative, sizeof negative), COMPRESSION_SNAPPY}, {view_of(inner, sizeof inner), COMPRESSION_SNAPPY},
        {view_of(zstd, sizeof zstd), COMPRESSION_ZSTD},           {view_of(window, sizeof window), COMPRESSION_ZSTD},
    };
    long before = peak_kilobytes();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CU_ASSERT_EQUAL(validate(cases[i].bytes, cases[i].codec, &rules), KAFKA_UNKNOWN_SERVER_ERROR);
    CU_ASSERT_TRUE(peak_kilobytes() - before < GROWTH_KB_MAX);
}

// A record or a count of headers that says more than there is.
static void lengths_inside_a_record_take_no_memory(void)
{
    static const uint8_t value[] = {0x20, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0};      // a value of 2 GB
    static const uint8_t record[] = {0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 1, 0};        // a record of 2 GB
    static const uint8_t headers[] = {0x20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0}; // 2^31-1 headers
    const struct view cases[] = {view_of(value, sizeof value), view_of(record, sizeof record),
                                 view_of(headers, sizeof headers)};
    long before = peak_kilobytes();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int codec = COMPRESSION_NONE; codec < COMPRESSION_CODEC_COUNT; codec++) {
            uint8_t *compressed = NULL;
            size_t size = 0, capacity = 0;
            struct view bytes = cases[i];
            if (codec != COMPRESSION_NONE) {
                CU_ASSERT_EQUAL_FATAL(compression_append((enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT,
                                                         bytes, &compressed, &size, &capacity),
                                      0);
                bytes = view_of(compressed, size);
            }
            enum kafka_error error = validate(bytes, (enum compression_codec)codec, &rules);
            // Like Apache Kafka's, the reader of compressed records does not hold their length against their contents.
            bool is_tolerated = cases[i].data == record && codec != COMPRESSION_NONE;
            CU_ASSERT_EQUAL(error == KAFKA_NONE, is_tolerated);
            free(compressed);
        }
    }
    CU_ASSERT_TRUE(peak_kilobytes() - before < GROWTH_KB_MAX);
}

SUITE_MAIN("log/bomb", {"lengths inside a stream take no memory", lengths_inside_a_stream_take_no_memory},
           {"lengths inside a record take no memory", lengths_inside_a_record_take_no_memory},
           {"batches that expand well are taken", batches_that_expand_well_are_taken},
           {"bombs are not expanded to their end", bombs_are_not_expanded_to_their_end})
