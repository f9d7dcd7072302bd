// SPDX-License-Identifier: Apache-2.0
// Lines from a file descriptor, ended by \n, \r or \r\n as Java reads them; while none is there the caller waits in
// its own way. Confined to one thread.
#ifndef TOOLS_LINE_INPUT_H
#define TOOLS_LINE_INPUT_H

#include "base/view.h"

#include <stdbool.h>

struct line_input {
    int fd;
    char *buffer;
    size_t start, end, capacity;
    bool after_return; // the last line ended with \r: a \n that follows belongs to it
    bool is_ended;
};

void line_input_init(struct line_input *input, int fd);
void line_input_fini(struct line_input *input);

// The next line among the bytes that are there, without its end, valid until line_input_fill. The last line of the
// input needs no end. Returns false when there is none; then either is_ended is set or line_input_fill gets more.
bool line_input_next(struct line_input *input, struct view *line);

// Reads once. Returns 0 (also at the end of the input) or -errno: -EINTR after a signal.
int line_input_fill(struct line_input *input);

#endif
