// SPDX-License-Identifier: Apache-2.0
// A range of a log file, pinned: the file stays open, and readable through the slice, when retention, truncation or the
// topic's deletion remove it meanwhile. What log_read gives. A plain value without heap memory, for instance in a
// request's arena: it holds one reference to a segment, which log_slice_release gives back. After a truncation the
// range may be shorter than it says: reading it then ends early, or with -EIO when the truncation comes meanwhile.
#ifndef LOG_LOG_SLICE_H
#define LOG_LOG_SLICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct segment;

struct log_slice {
    struct segment *segment; // NULL in an empty slice
    int64_t position;        // in the file
    size_t size;             // bytes; 0 in an empty slice
};

#define LOG_SLICE_EMPTY ((struct log_slice){NULL, 0, 0})

// For sendfile: the descriptor stays the segment's. -1 for an empty slice.
int log_slice_fd(const struct log_slice *slice);

// Sends up to `size` bytes from `offset` inside the slice to a socket by sendfile. Returns how many (0: the file ended
// before the slice does), or -errno (-EAGAIN: the socket is full).
ssize_t log_slice_send(const struct log_slice *slice, size_t offset, int socket_fd, size_t size)
    __attribute__((warn_unused_result));

// Reads up to `size` bytes from `offset` inside the slice. Returns how many (fewer only at the end of the slice or of a
// file that was truncated), or -errno.
ssize_t log_slice_read(const struct log_slice *slice, size_t offset, void *buffer, size_t size)
    __attribute__((warn_unused_result));

// Gives the reference back and leaves the slice empty. From any thread, once per slice.
void log_slice_release(struct log_slice *slice);

#endif
