// SPDX-License-Identifier: Apache-2.0
#include "log/batch_scanner.h"

#include "base/big_endian.h"
#include "base/file.h"
#include "base/memory.h"
#include "log/crc32c.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

void batch_scanner_init(struct batch_scanner *scanner, int fd, int64_t position, int64_t end, bool check_crc,
                        uint8_t *piece, size_t piece_size)
{
    *scanner = (struct batch_scanner){.fd = fd,
                                      .position = position,
                                      .next_position = position,
                                      .end = end,
                                      .check_crc = check_crc,
                                      .owns_buffer = piece == NULL,
                                      .buffer = piece ? piece : memory_alloc(piece_size),
                                      .capacity = piece_size};
}

void batch_scanner_fini(struct batch_scanner *scanner)
{
    if (scanner->owns_buffer)
        free(scanner->buffer);
    scanner->buffer = NULL;
}

// The bytes at the position that are in memory, at least size of them (at most the piece size) unless the range ends
// before. Returns false when reading fails.
static bool peek(struct batch_scanner *scanner, int64_t position, size_t size, struct view *bytes)
{
    int64_t buffered_end = scanner->buffer_position + (int64_t)scanner->filled;
    if (position < scanner->buffer_position || position + (int64_t)size > buffered_end) {
        int64_t left = scanner->end - position;
        size_t wanted = left < (int64_t)scanner->capacity ? (size_t)left : scanner->capacity;
        ssize_t count = file_read_at(scanner->fd, scanner->buffer, wanted, position);
        scanner->buffer_position = position;
        scanner->filled = count > 0 ? (size_t)count : 0;
        if (count < 0) {
            scanner->failure = (int)count;
            return false;
        }
    }
    size_t skip = (size_t)(position - scanner->buffer_position);
    *bytes = view_of(scanner->buffer + skip, scanner->filled - skip);
    return true;
}

typedef uint32_t update_crc(uint32_t crc, const void *bytes, size_t size);

static uint32_t update_crc32(uint32_t crc, const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(crc, bytes, size);
}

// SCAN_BATCH when the crc of [from, to) is `expected`.
static enum scan_result check_crc(struct batch_scanner *scanner, int64_t from, int64_t to, uint32_t expected,
                                  update_crc *update)
{
    uint32_t crc = 0;
    while (from < to) {
        struct view bytes;
        if (!peek(scanner, from, 1, &bytes))
            return SCAN_FAILED;
        if (bytes.size == 0)
            return SCAN_BROKEN;
        size_t size = (int64_t)bytes.size < to - from ? bytes.size : (size_t)(to - from);
        crc = update(crc, bytes.data, size);
        from += (int64_t)size;
    }
    return crc == expected ? SCAN_BATCH : SCAN_BROKEN;
}

static enum scan_result check_old_message(struct batch_scanner *scanner, struct view bytes,
                                          const struct batch_header *header)
{
    if (!scanner->check_crc)
        return SCAN_OLD_MAGIC;
    enum scan_result result =
        check_crc(scanner, scanner->position + BATCH_MAGIC_OFFSET, scanner->position + batch_size(header),
                  big_endian_load_u32(bytes.data + BATCH_OVERHEAD), update_crc32);
    return result == SCAN_BATCH ? SCAN_OLD_MAGIC : result;
}

enum scan_result batch_scanner_next(struct batch_scanner *scanner, struct batch_header *header)
{
    scanner->position = scanner->next_position;
    int64_t left = scanner->end - scanner->position;
    if (left <= 0)
        return SCAN_END;
    struct view bytes;
    if (!peek(scanner, scanner->position, BATCH_HEADER_SIZE, &bytes))
        return SCAN_FAILED;
    if (bytes.size <= BATCH_MAGIC_OFFSET)
        return SCAN_BROKEN;
    int32_t length = big_endian_load_i32(bytes.data + 8);
    int8_t magic = (int8_t)bytes.data[BATCH_MAGIC_OFFSET];
    int64_t size = (int64_t)length + BATCH_OVERHEAD;
    if (length < BATCH_LENGTH_MIN || magic < 0 || magic > 2 || size > left)
        return SCAN_BROKEN;
    if (magic < 2) {
        *header =
            (struct batch_header){.base_offset = big_endian_load_i64(bytes.data), .length = length, .magic = magic};
        return check_old_message(scanner, bytes, header);
    }
    if (size < BATCH_HEADER_SIZE || bytes.size < BATCH_HEADER_SIZE)
        return SCAN_BROKEN;
    batch_header_decode(bytes.data, header);
    if (header->base_offset < 0 || header->last_offset_delta < 0 ||
        header->base_offset > INT64_MAX - 1 - header->last_offset_delta)
        return SCAN_BROKEN;
    scanner->next_position = scanner->position + size;
    if (!scanner->check_crc)
        return SCAN_BATCH;
    return check_crc(scanner, scanner->position + BATCH_CRC_START, scanner->next_position, header->crc, crc32c_update);
}

uint8_t *batch_scanner_read(struct batch_scanner *scanner, const struct batch_header *header)
{
    size_t size = (size_t)batch_size(header);
    uint8_t *batch = malloc(size);
    ssize_t count = batch ? file_read_at(scanner->fd, batch, size, scanner->position) : -ENOMEM;
    if (count == (ssize_t)size)
        return batch;
    scanner->failure = count < 0 ? (int)count : -EBADMSG;
    free(batch);
    return NULL;
}
