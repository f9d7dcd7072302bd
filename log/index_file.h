// SPDX-License-Identifier: Apache-2.0
// What .index and .timeindex have in common: a file of entries of one size, mapped into memory.
//
//   size        state
//   entries     sealed: exactly its entries
//   slots       writable: extended with zeros to segment.index.bytes, rounded down to whole entries
//
// Invariants: 1. Entries below `count` never change while a reader may look (only truncation, which first lowers the
// count). 2. Space for an entry is reserved on disk (a page of zeros is written) before it is stored through the
// mapping, so a full disk is an error and not a signal. 3. Zero entries at the end of a file are no entries.
//
// One writer at a time (the log's append lock); readers in any number beside it, up to the count that they loaded.
#ifndef LOG_INDEX_FILE_H
#define LOG_INDEX_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_file {
    int fd;              // -1: read only or closed
    uint8_t *memory;     // NULL when nothing is mapped
    size_t mapped_size;  // bytes
    size_t entry_size;   // bytes
    size_t slot_count;   // how many entries fit; 0 when not writable
    size_t reserved;     // bytes from the start for which the disk has space
    atomic_size_t count; // entries
};

void index_file_init(struct index_file *file, size_t entry_size);

// Maps what is in the file for reading. A file that is not there is empty. Returns 0 or -errno.
int index_file_open(struct index_file *file, const char *path) __attribute__((warn_unused_result));

// Makes it writable with room for size_max bytes (at least one entry); makes the file if needed. Entries in it stay
// when keep is set. The file must not be open yet. Returns 0 or -errno.
int index_file_open_writable(struct index_file *file, const char *path, int64_t size_max, bool keep)
    __attribute__((warn_unused_result));

// Room for one more entry, zeroed or not; index_file_publish makes it visible. NULL with *result -ENOSPC when full, or
// another -errno.
uint8_t *index_file_next(struct index_file *file, int *result);
void index_file_publish(struct index_file *file);

static inline size_t index_file_count(struct index_file *file)
{
    return atomic_load_explicit(&file->count, memory_order_acquire);
}

static inline const uint8_t *index_file_entry(const struct index_file *file, size_t index)
{
    return file->memory + index * file->entry_size;
}

static inline bool index_file_is_full(struct index_file *file)
{
    return index_file_count(file) >= file->slot_count;
}

// Drops the entries from `count` on.
void index_file_truncate(struct index_file *file, size_t count);

// Cuts the file to its entries; it stays readable. Returns 0 or -errno.
int index_file_seal(struct index_file *file) __attribute__((warn_unused_result));

// fsync, when it is open for writing. Returns 0 or -errno.
int index_file_sync(struct index_file *file) __attribute__((warn_unused_result));

// Closes the descriptor of a sealed file, which stays readable.
void index_file_close_descriptor(struct index_file *file);

void index_file_close(struct index_file *file);

#endif
