// SPDX-License-Identifier: Apache-2.0
// The codecs of record batches. Decompression is a stream, so that what a batch expands to is never held whole: a
// reader asks for as much as it can use, and a bomb costs its reader nothing but the time until it stops asking.
#ifndef LOG_COMPRESSION_H
#define LOG_COMPRESSION_H

#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The ids in a batch's attributes.
enum compression_codec {
    COMPRESSION_NONE = 0,
    COMPRESSION_GZIP = 1,
    COMPRESSION_SNAPPY = 2,
    COMPRESSION_LZ4 = 3,
    COMPRESSION_ZSTD = 4
};
#define COMPRESSION_CODEC_COUNT 5
#define COMPRESSION_LEVEL_DEFAULT INT32_MIN

// "none", "gzip", "snappy", "lz4", "zstd".
const char *compression_codec_name(enum compression_codec codec);

struct decompressor;

// Starts reading a compressed stream; the input stays the caller's and must outlive the decompressor. NULL when the
// codec is unknown or its library has no memory. Snappy: the xerial framing or one bare block. lz4: one frame of
// independent blocks with a right descriptor checksum, as Kafka reads it. gzip members and zstd frames may follow each
// other.
struct decompressor *decompressor_create(int codec, struct view input) __attribute__((warn_unused_result));
void decompressor_destroy(struct decompressor *decompressor);

// Starts reading another stream of the same codec, as decompressor_create, in the memory that is there already. False
// when the library refuses; then it can only be destroyed.
bool decompressor_restart(struct decompressor *decompressor, struct view input) __attribute__((warn_unused_result));

// The bytes of memory that it holds, in round figures.
size_t decompressor_memory(const struct decompressor *decompressor);

// Up to `size` (at least 1) bytes of content. Returns how many, 0 at the end of a stream that is complete, or -EBADMSG
// when it is not decompressible or ends early.
ssize_t decompressor_read(struct decompressor *decompressor, void *buffer, size_t size)
    __attribute__((warn_unused_result));

// Compresses bytes as Kafka writes them (snappy in the xerial framing with 32 KiB blocks, lz4 in 64 KiB independent
// blocks). level: of gzip, lz4 and zstd, or COMPRESSION_LEVEL_DEFAULT. Appends to *out (memory_alloc'd, *out_capacity
// bytes, *out_size used), which grows. Returns 0 or -ENOMEM.
int compression_append(enum compression_codec codec, int32_t level, struct view bytes, uint8_t **out, size_t *out_size,
                       size_t *out_capacity) __attribute__((warn_unused_result));

#endif
