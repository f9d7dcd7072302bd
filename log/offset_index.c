// SPDX-License-Identifier: Apache-2.0
#include "log/offset_index.h"

#include "base/big_endian.h"

static int64_t entry_offset(const struct index_file *index, int64_t base_offset, size_t at)
{
    return base_offset + big_endian_load_i32(index_file_entry(index, at));
}

// How many entries are at or below the offset.
static size_t count_up_to(struct index_file *index, int64_t base_offset, int64_t offset)
{
    size_t low = 0, high = index_file_count(index);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_offset(index, base_offset, middle) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t offset_index_lookup(struct index_file *index, int64_t base_offset, int64_t offset)
{
    size_t count = count_up_to(index, base_offset, offset);
    return count > 0 ? big_endian_load_i32(index_file_entry(index, count - 1) + 4) : 0;
}

int64_t offset_index_last_position(struct index_file *index)
{
    size_t count = index_file_count(index);
    return count > 0 ? big_endian_load_i32(index_file_entry(index, count - 1) + 4) : 0;
}

int offset_index_append(struct index_file *index, int64_t base_offset, int64_t last_offset, int64_t position)
{
    size_t count = index_file_count(index);
    if (count > 0 && entry_offset(index, base_offset, count - 1) >= last_offset)
        return 0;
    int result;
    uint8_t *entry = index_file_next(index, &result);
    if (entry == NULL)
        return result;
    big_endian_store_32(entry, (uint32_t)(last_offset - base_offset));
    big_endian_store_32(entry + 4, (uint32_t)position);
    index_file_publish(index);
    return 0;
}

void offset_index_truncate(struct index_file *index, int64_t base_offset, int64_t offset)
{
    index_file_truncate(index, count_up_to(index, base_offset, offset - 1));
}
