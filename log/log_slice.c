// SPDX-License-Identifier: Apache-2.0
#include "log/log_slice.h"

#include "base/file.h"
#include "log/segment.h"

static size_t bytes_left(const struct log_slice *slice, size_t offset, size_t size)
{
    size_t left = offset < slice->size ? slice->size - offset : 0;
    return size < left ? size : left;
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
    return file_calls()->sendfile(socket_fd, slice->segment->fd, &position, size);
}

ssize_t log_slice_read(const struct log_slice *slice, size_t offset, void *buffer, size_t size)
{
    size = bytes_left(slice, offset, size);
    return size > 0 ? file_read_at(slice->segment->fd, buffer, size, slice->position + (int64_t)offset) : 0;
}

void log_slice_release(struct log_slice *slice)
{
    segment_unref(slice->segment);
    *slice = LOG_SLICE_EMPTY;
}
