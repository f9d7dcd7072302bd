// SPDX-License-Identifier: Apache-2.0
// Decompression: one small state per codec behind a common read. Compression is in log/compressor.c.
#define ZLIB_CONST // zlib takes its input as const
#include "log/compression.h"

#include "base/big_endian.h"
#include "base/memory.h"

#include <errno.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define XERIAL_HEADER_SIZE 16
static const uint8_t xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

// Three bytes of a snappy stream copy at most 64 bytes, so no block expands further; what claims to is refused before
// memory is taken for it.
#define SNAPPY_EXPANSION_MAX 24

// The flag byte of an lz4 frame follows its 4 bytes of magic; bit 5 says that blocks are independent, and bits 6-7 are
// the version, 1.
#define LZ4_HEADER_SIZE_MIN 7
#define LZ4_FLAG_VERSION_MASK 0xc0
#define LZ4_FLAG_VERSION 0x40
#define LZ4_FLAG_INDEPENDENT 0x20
#define LZ4_BLOCK_SIZE(descriptor) ((size_t)1 << (8 + 2 * ((descriptor) >> 4 & 7))) // 64 KiB for 4 to 4 MiB for 7

#define GZIP_MEMORY (48 * 1024) // 32 KiB of window and the tables

struct decompressor {
    enum compression_codec codec;
    struct view input; // what was not read yet
    bool at_end;       // a gzip member, a zstd frame or the lz4 frame is complete
    bool is_broken;
    union {
        z_stream gzip;
        struct {
            LZ4F_dctx *context;
            size_t block_size_max; // of the frames so far: it has room for two
        } lz4;
        ZSTD_DCtx *zstd;
        struct {
            bool is_xerial;
            uint8_t *block; // the block being handed out
            size_t block_size, block_used, block_capacity;
        } snappy;
    };
};

const char *compression_codec_name(enum compression_codec codec)
{
    static const char *const names[COMPRESSION_CODEC_COUNT] = {"none", "gzip", "snappy", "lz4", "zstd"};
    return (int)codec >= 0 && (int)codec < COMPRESSION_CODEC_COUNT ? names[codec] : "unknown";
}

static void snappy_begin(struct decompressor *decompressor)
{
    struct view *input = &decompressor->input;
    bool is_xerial = input->size >= XERIAL_HEADER_SIZE && memcmp(input->data, xerial_magic, sizeof xerial_magic) == 0;
    if (is_xerial)
        *input = view_of(input->data + XERIAL_HEADER_SIZE, input->size - XERIAL_HEADER_SIZE);
    decompressor->snappy.is_xerial = is_xerial;
    decompressor->snappy.block_size = decompressor->snappy.block_used = 0;
}

static void lz4_begin(struct decompressor *decompressor)
{
    struct view input = decompressor->input;
    if (input.size < LZ4_HEADER_SIZE_MIN || (input.data[4] & LZ4_FLAG_VERSION_MASK) != LZ4_FLAG_VERSION ||
        !(input.data[4] & LZ4_FLAG_INDEPENDENT))
        decompressor->is_broken = true;
    else if (LZ4_BLOCK_SIZE(input.data[5]) > decompressor->lz4.block_size_max)
        decompressor->lz4.block_size_max = LZ4_BLOCK_SIZE(input.data[5]);
}

static bool codec_open(struct decompressor *decompressor)
{
    switch (decompressor->codec) {
    case COMPRESSION_NONE:
        return true;
    case COMPRESSION_GZIP:
        return inflateInit2(&decompressor->gzip, 16 + MAX_WBITS) == Z_OK; // 16: a gzip header and trailer
    case COMPRESSION_SNAPPY:
        snappy_begin(decompressor);
        return true;
    case COMPRESSION_LZ4:
        lz4_begin(decompressor);
        return !LZ4F_isError(LZ4F_createDecompressionContext(&decompressor->lz4.context, LZ4F_VERSION));
    case COMPRESSION_ZSTD:
        decompressor->zstd = ZSTD_createDCtx();
        return decompressor->zstd != NULL;
    }
    return false;
}

struct decompressor *decompressor_create(int codec, struct view input)
{
    if (codec < 0 || codec >= COMPRESSION_CODEC_COUNT)
        return NULL;
    struct decompressor *decompressor = memory_alloc(sizeof *decompressor);
    decompressor->codec = (enum compression_codec)codec;
    decompressor->input = input;
    if (!codec_open(decompressor)) {
        free(decompressor);
        return NULL;
    }
    return decompressor;
}

void decompressor_destroy(struct decompressor *decompressor)
{
    if (decompressor == NULL)
        return;
    switch (decompressor->codec) {
    case COMPRESSION_NONE:
        break;
    case COMPRESSION_GZIP:
        inflateEnd(&decompressor->gzip);
        break;
    case COMPRESSION_SNAPPY:
        free(decompressor->snappy.block);
        break;
    case COMPRESSION_LZ4:
        LZ4F_freeDecompressionContext(decompressor->lz4.context);
        break;
    case COMPRESSION_ZSTD:
        ZSTD_freeDCtx(decompressor->zstd);
        break;
    }
    free(decompressor);
}

bool decompressor_restart(struct decompressor *decompressor, struct view input)
{
    decompressor->input = input;
    decompressor->at_end = false;
    decompressor->is_broken = false;
    switch (decompressor->codec) {
    case COMPRESSION_NONE:
        return true;
    case COMPRESSION_GZIP:
        return inflateReset(&decompressor->gzip) == Z_OK;
    case COMPRESSION_SNAPPY:
        snappy_begin(decompressor);
        return true;
    case COMPRESSION_LZ4:
        lz4_begin(decompressor);
        LZ4F_resetDecompressionContext(decompressor->lz4.context);
        return true;
    case COMPRESSION_ZSTD:
        return !ZSTD_isError(ZSTD_DCtx_reset(decompressor->zstd, ZSTD_reset_session_only));
    }
    return false;
}

size_t decompressor_memory(const struct decompressor *decompressor)
{
    switch (decompressor->codec) {
    case COMPRESSION_NONE:
        return 0;
    case COMPRESSION_GZIP:
        return GZIP_MEMORY;
    case COMPRESSION_SNAPPY:
        return decompressor->snappy.block_capacity;
    case COMPRESSION_LZ4:
        return 2 * decompressor->lz4.block_size_max;
    case COMPRESSION_ZSTD:
        return ZSTD_sizeof_DCtx(decompressor->zstd);
    }
    return 0;
}

static void input_skip(struct decompressor *decompressor, size_t size)
{
    decompressor->input.data += size;
    decompressor->input.size -= size;
}

static ssize_t none_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    if (size > decompressor->input.size)
        size = decompressor->input.size;
    memcpy(buffer, decompressor->input.data, size);
    input_skip(decompressor, size);
    return (ssize_t)size;
}

static ssize_t gzip_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    z_stream *stream = &decompressor->gzip;
    uInt room = size < UINT32_MAX ? (uInt)size : UINT32_MAX;
    stream->next_out = buffer;
    stream->avail_out = room;
    while (stream->avail_out == room) {
        if (decompressor->at_end) {
            if (decompressor->input.size == 0)
                return 0;
            if (inflateReset(stream) != Z_OK) // another member follows
                return -EBADMSG;
            decompressor->at_end = false;
        }
        uInt given = decompressor->input.size < UINT32_MAX ? (uInt)decompressor->input.size : UINT32_MAX;
        stream->next_in = decompressor->input.data;
        stream->avail_in = given;
        int result = inflate(stream, Z_NO_FLUSH);
        input_skip(decompressor, given - stream->avail_in);
        if (result == Z_STREAM_END)
            decompressor->at_end = true;
        else if (result != Z_OK)
            return -EBADMSG;
    }
    return (ssize_t)(room - stream->avail_out);
}

// Decompresses the next block whole. Returns 0, or 1 at the end of the input.
static int snappy_next_block(struct decompressor *decompressor)
{
    struct view *input = &decompressor->input;
    if (input->size == 0)
        return 1;
    size_t compressed_size = input->size;
    if (decompressor->snappy.is_xerial) {
        if (input->size < 4)
            return -EBADMSG;
        compressed_size = big_endian_load_u32(input->data);
        input_skip(decompressor, 4);
        if (compressed_size > input->size)
            return -EBADMSG;
    }
    const char *compressed = (const char *)input->data;
    size_t block_size;
    if (snappy_uncompressed_length(compressed, compressed_size, &block_size) != SNAPPY_OK ||
        block_size / SNAPPY_EXPANSION_MAX > compressed_size)
        return -EBADMSG;
    if (block_size > decompressor->snappy.block_capacity) {
        free(decompressor->snappy.block);
        decompressor->snappy.block = memory_resize(NULL, block_size, 1);
        decompressor->snappy.block_capacity = block_size;
    }
    if (snappy_uncompress(compressed, compressed_size, (char *)decompressor->snappy.block, &block_size) != SNAPPY_OK)
        return -EBADMSG;
    decompressor->snappy.block_size = block_size;
    decompressor->snappy.block_used = 0;
    input_skip(decompressor, compressed_size);
    return 0;
}

static ssize_t snappy_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    while (decompressor->snappy.block_used == decompressor->snappy.block_size) {
        int result = snappy_next_block(decompressor);
        if (result != 0)
            return result > 0 ? 0 : result;
    }
    size_t left = decompressor->snappy.block_size - decompressor->snappy.block_used;
    if (size > left)
        size = left;
    memcpy(buffer, decompressor->snappy.block + decompressor->snappy.block_used, size);
    decompressor->snappy.block_used += size;
    return (ssize_t)size;
}

static ssize_t lz4_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    while (!decompressor->at_end) {
        size_t given = decompressor->input.size, room = size;
        size_t hint = LZ4F_decompress(decompressor->lz4.context, buffer, &room, decompressor->input.data, &given, NULL);
        if (LZ4F_isError(hint))
            return -EBADMSG;
        input_skip(decompressor, given);
        decompressor->at_end = hint == 0;
        if (room > 0)
            return (ssize_t)room;
        if (given == 0 && !decompressor->at_end)
            return -EBADMSG; // the input ends inside the frame
    }
    return 0;
}

static ssize_t zstd_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    ZSTD_outBuffer out = {buffer, size, 0};
    while (out.pos == 0) {
        if (decompressor->at_end && decompressor->input.size == 0)
            return 0;
        ZSTD_inBuffer in = {decompressor->input.data, decompressor->input.size, 0};
        size_t hint = ZSTD_decompressStream(decompressor->zstd, &out, &in);
        if (ZSTD_isError(hint))
            return -EBADMSG;
        input_skip(decompressor, in.pos);
        decompressor->at_end = hint == 0;
        if (out.pos == 0 && in.pos == 0 && !decompressor->at_end)
            return -EBADMSG; // the input ends inside the frame
    }
    return (ssize_t)out.pos;
}

ssize_t decompressor_read(struct decompressor *decompressor, void *buffer, size_t size)
{
    if (decompressor->is_broken)
        return -EBADMSG;
    ssize_t result = -EBADMSG;
    switch (decompressor->codec) {
    case COMPRESSION_NONE:
        result = none_read(decompressor, buffer, size);
        break;
    case COMPRESSION_GZIP:
        result = gzip_read(decompressor, buffer, size);
        break;
    case COMPRESSION_SNAPPY:
        result = snappy_read(decompressor, buffer, size);
        break;
    case COMPRESSION_LZ4:
        result = lz4_read(decompressor, buffer, size);
        break;
    case COMPRESSION_ZSTD:
        result = zstd_read(decompressor, buffer, size);
        break;
    }
    decompressor->is_broken = result < 0;
    return result;
}
