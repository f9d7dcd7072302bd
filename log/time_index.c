// SPDX-License-Identifier: Apache-2.0
#include "log/time_index.h"

#include "base/big_endian.h"

static struct time_entry entry_at(const struct index_file *index, int64_t base_offset, size_t at)
{
    const uint8_t *entry = index_file_entry(index, at);
    return (struct time_entry){big_endian_load_i64(entry), base_offset + big_endian_load_i32(entry + 8)};
}

struct time_entry time_index_lookup(struct index_file *index, int64_t base_offset, int64_t timestamp)
{
    size_t low = 0, high = index_file_count(index);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_at(index, base_offset, middle).timestamp <= timestamp)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? entry_at(index, base_offset, low - 1) : (struct time_entry){-1, base_offset};
}

struct time_entry time_index_last(struct index_file *index, int64_t base_offset)
{
    size_t count = index_file_count(index);
    return count > 0 ? entry_at(index, base_offset, count - 1) : (struct time_entry){-1, base_offset};
}

bool time_index_is_full(struct index_file *index)
{
    return index_file_count(index) + 1 >= index->slot_count;
}

int time_index_append(struct index_file *index, int64_t base_offset, struct time_entry entry, bool at_end)
{
    struct time_entry last = time_index_last(index, base_offset);
    if (entry.timestamp <= last.timestamp || entry.offset < last.offset)
        return 0;
    if (!at_end && time_index_is_full(index))
        return 0;
    int result;
    uint8_t *bytes = index_file_next(index, &result);
    if (bytes == NULL)
        return result;
    big_endian_store_64(bytes, (uint64_t)entry.timestamp);
    big_endian_store_32(bytes + 8, (uint32_t)(entry.offset - base_offset));
    index_file_publish(index);
    return 0;
}

void time_index_truncate(struct index_file *index, int64_t base_offset, int64_t offset)
{
    size_t count = index_file_count(index);
    while (count > 0 && entry_at(index, base_offset, count - 1).offset >= offset)
        count--;
    index_file_truncate(index, count);
}
