// SPDX-License-Identifier: Apache-2.0
// Compression of whole buffers, in the forms that Kafka's clients write.
#define ZLIB_CONST // zlib takes its input as const
#include "base/big_endian.h"
#include "base/memory.h"
#include "log/compression.h"

#include <errno.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#define SNAPPY_BLOCK_SIZE (32 * 1024)

struct output {
    uint8_t **bytes;
    size_t *size, *capacity;
};

// Room for `size` bytes behind what is there.
static uint8_t *output_reserve(struct output *output, size_t size)
{
    size_t needed = *output->size + size;
    if (*output->bytes == NULL || needed > *output->capacity) {
        size_t capacity = *output->capacity * 2 + 1;
        *output->capacity = capacity > needed ? capacity : needed;
        *output->bytes = memory_resize(*output->bytes, *output->capacity, 1);
    }
    return *output->bytes + *output->size;
}

static int gzip_append(int32_t level, struct view bytes, struct output *output)
{
    z_stream stream = {0};
    int gzip_level = level == COMPRESSION_LEVEL_DEFAULT ? Z_DEFAULT_COMPRESSION : level;
    if (bytes.size > UINT32_MAX / 2 ||
        deflateInit2(&stream, gzip_level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    uLong bound = deflateBound(&stream, (uLong)bytes.size);
    stream.next_in = bytes.data;
    stream.avail_in = (uInt)bytes.size;
    stream.next_out = output_reserve(output, bound);
    stream.avail_out = (uInt)bound;
    int result = deflate(&stream, Z_FINISH);
    *output->size += stream.total_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? 0 : -ENOMEM;
}

static int snappy_append(struct view bytes, struct output *output)
{
    static const uint8_t header[16] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
    memcpy(output_reserve(output, sizeof header), header, sizeof header);
    *output->size += sizeof header;
    for (size_t at = 0; at < bytes.size; at += SNAPPY_BLOCK_SIZE) {
        size_t block_size = bytes.size - at < SNAPPY_BLOCK_SIZE ? bytes.size - at : SNAPPY_BLOCK_SIZE;
        size_t compressed_size = snappy_max_compressed_length(block_size);
        uint8_t *room = output_reserve(output, 4 + compressed_size);
        if (snappy_compress((const char *)bytes.data + at, block_size, (char *)room + 4, &compressed_size) != SNAPPY_OK)
            return -ENOMEM;
        big_endian_store_32(room, (uint32_t)compressed_size);
        *output->size += 4 + compressed_size;
    }
    return 0;
}

static int lz4_append(int32_t level, struct view bytes, struct output *output)
{
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level == COMPRESSION_LEVEL_DEFAULT ? 9 : level,
    };
    size_t bound = LZ4F_compressFrameBound(bytes.size, &preferences);
    size_t size = LZ4F_compressFrame(output_reserve(output, bound), bound, bytes.data, bytes.size, &preferences);
    if (LZ4F_isError(size))
        return -ENOMEM;
    *output->size += size;
    return 0;
}

static int zstd_append(int32_t level, struct view bytes, struct output *output)
{
    size_t bound = ZSTD_compressBound(bytes.size);
    size_t size = ZSTD_compress(output_reserve(output, bound), bound, bytes.data, bytes.size,
                                level == COMPRESSION_LEVEL_DEFAULT ? ZSTD_CLEVEL_DEFAULT : level);
    if (ZSTD_isError(size))
        return -ENOMEM;
    *output->size += size;
    return 0;
}

int compression_append(enum compression_codec codec, int32_t level, struct view bytes, uint8_t **out, size_t *out_size,
                       size_t *out_capacity)
{
    struct output output = {out, out_size, out_capacity};
    switch (codec) {
    case COMPRESSION_NONE:
        memcpy(output_reserve(&output, bytes.size), bytes.data, bytes.size);
        *out_size += bytes.size;
        return 0;
    case COMPRESSION_GZIP:
        return gzip_append(level, bytes, &output);
    case COMPRESSION_SNAPPY:
        return snappy_append(bytes, &output);
    case COMPRESSION_LZ4:
        return lz4_append(level, bytes, &output);
    case COMPRESSION_ZSTD:
        return zstd_append(level, bytes, &output);
    }
    return -ENOMEM;
}
