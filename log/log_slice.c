// SPDX-License-Identifier: Apache-2.0
#include "log/log_slice.h"

#include "base/file.h"
#include "log/segment.h"

#include <errno.h>

// How many of the bytes are still there. A truncation shortens the segment before its file, in which other bytes may
// take the place of those that were cut.
static size_t bytes_left(const struct log_slice *slice, size_t offset, size_t size)
{
    size_t left = offset < slice->size ? slice->size - offset : 0;
    if (left == 0)
        return 0;
    int64_t present = segment_size(slice->segment) - slice->position - (int64_t)offset;
    if (present < (int64_t)left)
        left = present > 0 ? (size_t)present : 0;
    return size < left ? size : left;
}

// What was sent or read of `size` bytes: an error if some were cut meanwhile.
static ssize_t checked(const struct log_slice *slice, size_t offset, ssize_t count)
{
    return count <= 0 || bytes_left(slice, offset, (size_t)count) == (size_t)count ? count : -EIO;
}

int log_slice_fd(const struct log_slice *slice)
{
    return slice->segment ? slice->segment->fd : -1;
}

ssize_t log_slice_send(const struct log_slice *slice, size_t offset, int socket_fd, size_t size)
{
    size = bytes_left(slice, offset, size);
    if (size == 0)
        return 0;
    int64_t position = slice->position + (int64_t)offset;
    return checked(slice, offset, file_calls()->sendfile(socket_fd, slice->segment->fd, &position, size));
}

ssize_t log_slice_read(const struct log_slice *slice, size_t offset, void *buffer, size_t size)
{
    size = bytes_left(slice, offset, size);
    if (size == 0)
        return 0;
    return checked(slice, offset, file_read_at(slice->segment->fd, buffer, size, slice->position + (int64_t)offset));
}

void log_slice_release(struct log_slice *slice)
{
    segment_unref(slice->segment);
    *slice = LOG_SLICE_EMPTY;
}
