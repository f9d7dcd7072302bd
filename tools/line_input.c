// SPDX-License-Identifier: Apache-2.0
#include "tools/line_input.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const size_t LINE_INPUT_READ_SIZE = 64 << 10;

void line_input_init(struct line_input *input, int fd)
{
    *input = (struct line_input){.fd = fd};
}

void line_input_fini(struct line_input *input)
{
    free(input->buffer);
    *input = (struct line_input){.fd = -1};
}

bool line_input_next(struct line_input *input, struct view *line)
{
    if (input->after_return && input->start < input->end) {
        input->start += input->buffer[input->start] == '\n';
        input->after_return = false;
    }
    for (size_t at = input->start; at < input->end; at++) {
        if (input->buffer[at] == '\n' || input->buffer[at] == '\r') {
            *line = view_of(input->buffer + input->start, at - input->start);
            input->after_return = input->buffer[at] == '\r';
            input->start = at + 1;
            return true;
        }
    }
    if (!input->is_ended || input->start == input->end)
        return false;
    *line = view_of(input->buffer + input->start, input->end - input->start);
    input->start = input->end;
    return true;
}

int line_input_fill(struct line_input *input)
{
    if (input->start > 0) {
        memmove(input->buffer, input->buffer + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->capacity - input->end < LINE_INPUT_READ_SIZE) {
        input->capacity = input->end * 2 + LINE_INPUT_READ_SIZE;
        input->buffer = memory_resize(input->buffer, input->capacity, 1);
    }
    ssize_t size = read(input->fd, input->buffer + input->end, input->capacity - input->end);
    if (size < 0)
        return -errno;
    input->end += (size_t)size;
    input->is_ended = size == 0;
    return 0;
}
