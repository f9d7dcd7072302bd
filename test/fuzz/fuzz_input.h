// SPDX-License-Identifier: Apache-2.0
// What the targets share: taking an input apart, and batches made right again where a mutation broke what would only
// keep everything behind it from being read (lengths and checksums).
#ifndef TEST_FUZZ_FUZZ_INPUT_H
#define TEST_FUZZ_FUZZ_INPUT_H

#include "base/view.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The next byte, or 0 at the end.
static inline uint8_t input_byte(struct view *input)
{
    if (input->size == 0)
        return 0;
    uint8_t byte = *input->data++;
    input->size--;
    return byte;
}

// Two bytes of length and as many bytes as it says, or as are left.
static inline struct view input_piece(struct view *input)
{
    size_t high = input_byte(input);
    size_t size = high << 8 | input_byte(input);
    size = size < input->size ? size : input->size;
    struct view piece = view_of(input->data, size);
    *input = view_of(input->data + size, input->size - size);
    return piece;
}

// In place: the batches that follow each other in the bytes get right checksums; one that is longer than what is there
// gets its length.
void fuzz_mend_batches(uint8_t *bytes, size_t size);

// The bytes as a new batch (free() it): their first BATCH_HEADER_SIZE are its header, what follows is its records,
// compressed with the codec (in the attributes then). NULL when there is no whole header.
uint8_t *fuzz_compress_batch(struct view bytes, int codec, size_t *size);

#endif
