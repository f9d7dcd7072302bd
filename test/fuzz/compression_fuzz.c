// SPDX-License-Identifier: Apache-2.0
// The codecs. The first byte names one and how much is read at once; the rest is decompressed, up to a bound, and then
// compressed with the same codec, which must give it back.
#include "log/compression.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <stdlib.h>

enum { PIECE_MAX = 8192, READ_MAX = 4 << 20 };

// Returns how much came out, or -EBADMSG.
static ssize_t decompress(int codec, struct view input, size_t piece_size, uint8_t *out, size_t out_size)
{
    uint8_t piece[PIECE_MAX];
    size_t total = 0;
    ssize_t count;
    struct decompressor *decompressor = decompressor_create(codec, input);
    if (decompressor == NULL)
        return -1;
    while ((count = decompressor_read(decompressor, piece, piece_size)) > 0 && total < READ_MAX) {
        assert((size_t)count <= piece_size);
        if (out != NULL && total + (size_t)count <= out_size)
            memcpy(out + total, piece, (size_t)count);
        total += (size_t)count;
    }
    if (count < 0) // what is broken stays so
        assert(decompressor_read(decompressor, piece, piece_size) == count);
    decompressor_destroy(decompressor);
    return count < 0 ? count : (ssize_t)total;
}

static void come_back(int codec, struct view input, size_t piece_size)
{
    uint8_t *compressed = NULL, *again = malloc(input.size + 1);
    size_t size = 0, capacity = 0;
    int result = compression_append((enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT, input, &compressed, &size,
                                    &capacity);
    assert(again != NULL && result == 0);
    (void)result;
    ssize_t count = decompress(codec, view_of(compressed, size), piece_size, again, input.size);
    assert(count == (ssize_t)input.size && memcmp(again, input.data, input.size) == 0);
    (void)count;
    free(compressed);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t piece_sizes[] = {1, 7, 512, PIECE_MAX};
    struct view input = view_of(data, size);
    uint8_t how = input_byte(&input);
    int codec = how % 8;
    size_t piece_size = piece_sizes[how >> 6];
    if (decompress(codec, input, piece_size, NULL, 0) >= 0 || codec < COMPRESSION_CODEC_COUNT)
        come_back(codec, input, piece_size);
    return 0;
}
