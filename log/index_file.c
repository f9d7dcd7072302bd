// SPDX-License-Identifier: Apache-2.0
#include "log/index_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { RESERVE_SIZE = 4096 };

void index_file_init(struct index_file *file, size_t entry_size)
{
    *file = (struct index_file){.fd = -1, .entry_size = entry_size};
    atomic_init(&file->count, 0);
}

static bool entry_is_zero(const struct index_file *file, size_t index)
{
    const uint8_t *entry = index_file_entry(file, index);
    for (size_t i = 0; i < file->entry_size; i++) {
        if (entry[i] != 0)
            return false;
    }
    return true;
}

// Entries rise, so that those behind the first zero one (the file was extended and never cut) are zeros too.
static size_t count_entries(const struct index_file *file, size_t slots)
{
    if (slots == 0 || !entry_is_zero(file, slots - 1))
        return slots;
    size_t low = 0, high = slots - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_is_zero(file, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// Returns the size of the file or -errno.
static int64_t file_size(int fd)
{
    struct stat status;
    int result = file_calls()->fstat(fd, &status);
    return result != 0 ? result : status.st_size;
}

static int map_file(struct index_file *file, int fd, size_t size)
{
    void *memory = NULL;
    int result = file_calls()->map(fd, size, &memory);
    if (result != 0)
        return result;
    file->memory = memory;
    file->mapped_size = size;
    return 0;
}

int index_file_open(struct index_file *file, const char *path)
{
    int fd = file_calls()->open(path, O_RDWR, 0);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int64_t size = file_size(fd);
    size_t slots = size > 0 ? (size_t)size / file->entry_size : 0;
    int result = size < 0 ? (int)size : 0;
    if (slots > 0)
        result = map_file(file, fd, slots * file->entry_size);
    if (result == 0 && slots > 0)
        atomic_store(&file->count, count_entries(file, slots));
    file_calls()->close(fd); // the mapping keeps the file
    return result;
}

int index_file_open_writable(struct index_file *file, const char *path, int64_t size_max, bool keep)
{
    size_t slots = size_max > 0 ? (size_t)size_max / file->entry_size : 0;
    slots = slots > 0 ? slots : 1;
    file->fd = file_calls()->open(path, O_RDWR | O_CREAT | (keep ? 0 : O_TRUNC), 0644);
    if (file->fd < 0)
        return file->fd;
    int64_t size = file_size(file->fd);
    int result = size < 0 ? (int)size : 0;
    size_t present = size > 0 ? (size_t)size / file->entry_size : 0;
    slots = slots > present ? slots : present + 1; // a sealed time index has used its spare slot
    if (result == 0)
        result = file_calls()->truncate(file->fd, (int64_t)(slots * file->entry_size));
    if (result == 0)
        result = map_file(file, file->fd, slots * file->entry_size);
    if (result != 0) {
        index_file_close(file);
        return result;
    }
    file->slot_count = slots;
    size_t count = count_entries(file, present);
    file->reserved = count * file->entry_size / RESERVE_SIZE * RESERVE_SIZE;
    atomic_store(&file->count, count);
    return 0;
}

// Makes the disk reserve the pages up to `end`. The page that holds entries already is written as it is.
static int reserve(struct index_file *file, size_t end)
{
    size_t size = file->slot_count * file->entry_size;
    while (file->reserved < end) {
        size_t next = file->reserved + RESERVE_SIZE < size ? file->reserved + RESERVE_SIZE : size;
        uint8_t page[RESERVE_SIZE];
        memcpy(page, file->memory + file->reserved, next - file->reserved);
        int result = file_write_bytes_at(file->fd, page, next - file->reserved, (int64_t)file->reserved);
        if (result != 0)
            return result;
        file->reserved = next;
    }
    return 0;
}

uint8_t *index_file_next(struct index_file *file, int *result)
{
    size_t count = index_file_count(file);
    *result = count < file->slot_count ? reserve(file, (count + 1) * file->entry_size) : -ENOSPC;
    return *result == 0 ? file->memory + count * file->entry_size : NULL;
}

void index_file_publish(struct index_file *file)
{
    atomic_fetch_add_explicit(&file->count, 1, memory_order_release);
}

void index_file_truncate(struct index_file *file, size_t count)
{
    size_t present = index_file_count(file);
    if (count >= present)
        return;
    atomic_store_explicit(&file->count, count, memory_order_release);
    memset(file->memory + count * file->entry_size, 0, (present - count) * file->entry_size);
}

int index_file_seal(struct index_file *file)
{
    if (file->fd < 0 || file->slot_count == 0)
        return 0;
    size_t size = index_file_count(file) * file->entry_size;
    file->slot_count = 0;
    return file_calls()->truncate(file->fd, (int64_t)size);
}

int index_file_sync(struct index_file *file)
{
    return file->fd >= 0 ? file_calls()->sync(file->fd) : 0;
}

void index_file_close_descriptor(struct index_file *file)
{
    if (file->fd >= 0)
        file_calls()->close(file->fd);
    file->fd = -1;
}

void index_file_close(struct index_file *file)
{
    if (file->memory != NULL)
        file_calls()->unmap(file->memory, file->mapped_size);
    if (file->fd >= 0)
        file_calls()->close(file->fd);
    index_file_init(file, file->entry_size);
}
