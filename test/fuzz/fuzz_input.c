// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/fuzz_input.h"

#include "base/big_endian.h"
#include "base/memory.h"
#include "log/batch.h"
#include "log/compression.h"
#include "log/crc32c.h"

#include <stdlib.h>

enum { ATTRIBUTES_OFFSET = 21, LENGTH_OFFSET = 8, CRC_OFFSET = 17, MAGIC = 2 };

static void mend(uint8_t *batch, size_t size)
{
    big_endian_store_32(batch + LENGTH_OFFSET, (uint32_t)(size - BATCH_OVERHEAD));
    big_endian_store_32(batch + CRC_OFFSET, crc32c_update(0, batch + BATCH_CRC_START, size - BATCH_CRC_START));
}

void fuzz_mend_batches(uint8_t *bytes, size_t size)
{
    while (size >= BATCH_HEADER_SIZE && bytes[BATCH_MAGIC_OFFSET] == MAGIC) {
        int64_t length = batch_length(bytes);
        size_t batch_size = size;
        if (length >= BATCH_HEADER_SIZE - BATCH_OVERHEAD && (uint64_t)length <= size - BATCH_OVERHEAD)
            batch_size = (size_t)length + BATCH_OVERHEAD;
        mend(bytes, batch_size);
        bytes += batch_size;
        size -= batch_size;
    }
}

uint8_t *fuzz_compress_batch(struct view bytes, int codec, size_t *size)
{
    if (bytes.size < BATCH_HEADER_SIZE)
        return NULL;
    size_t capacity = bytes.size;
    uint8_t *batch = memory_alloc(capacity);
    memcpy(batch, bytes.data, BATCH_HEADER_SIZE);
    *size = BATCH_HEADER_SIZE;
    batch[ATTRIBUTES_OFFSET + 1] = (uint8_t)((batch[ATTRIBUTES_OFFSET + 1] & ~BATCH_CODEC_MASK) | codec);
    struct view records = view_of(bytes.data + BATCH_HEADER_SIZE, bytes.size - BATCH_HEADER_SIZE);
    if (compression_append((enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT, records, &batch, size,
                           &capacity) != 0)
        abort();
    mend(batch, *size);
    return batch;
}
