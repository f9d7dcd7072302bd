// SPDX-License-Identifier: Apache-2.0
// Walks the batches of a file from a position to an end, reading in large pieces and holding one piece only. The bytes
// are hostile: every length is checked against the file before it is used. Confined to one thread.
#ifndef LOG_BATCH_SCANNER_H
#define LOG_BATCH_SCANNER_H

#include "log/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BATCH_SCANNER_HEADERS = 4 * 1024, BATCH_SCANNER_SEQUENTIAL = 256 * 1024 };

struct batch_scanner {
    int fd;
    int64_t position;      // of the batch that batch_scanner_next gave last
    int64_t next_position; // behind it
    int64_t end;           // of the range
    bool check_crc;        // every batch's bytes are read and checked
    bool owns_buffer;
    uint8_t *buffer; // of `capacity` bytes, `filled` of them from buffer_position on
    size_t capacity, filled;
    int64_t buffer_position;
    int failure; // -errno, after SCAN_FAILED
};

enum scan_result {
    SCAN_BATCH,     // *header is filled; with check_crc its crc is right
    SCAN_END,       // the end of the range, exactly behind a batch
    SCAN_BROKEN,    // what is at `position` is no whole batch: short, wrong length, wrong magic, wrong crc
    SCAN_OLD_MAGIC, // a whole message of magic 0 or 1 (with check_crc: and its crc is right)
    SCAN_FAILED     // the file could not be read
};

// piece_size: how much is read at once (BATCH_SCANNER_…), into `piece` if it is given, else into memory of its own. The
// descriptor stays the caller's.
void batch_scanner_init(struct batch_scanner *scanner, int fd, int64_t position, int64_t end, bool check_crc,
                        uint8_t *piece, size_t piece_size);
void batch_scanner_fini(struct batch_scanner *scanner);

enum scan_result batch_scanner_next(struct batch_scanner *scanner, struct batch_header *header);

// The whole batch that batch_scanner_next gave last, as a new buffer of batch_size(header) bytes (free() it), or NULL
// when it could not be read (`failure` says why).
uint8_t *batch_scanner_read(struct batch_scanner *scanner, const struct batch_header *header);

#endif
