// SPDX-License-Identifier: Apache-2.0
// Makes records of lines, as the console producer's LineMessageReader does: with or without headers and key in front
// of the value, each set off by a configurable separator. Confined to one thread.
#ifndef TOOLS_LINE_READER_H
#define TOOLS_LINE_READER_H

#include "base/array.h"
#include "base/properties.h"
#include "base/view.h"

#include <stdbool.h>

struct line_header {
    struct view name;
    struct view value; // may be null
};

struct line_record {
    ARRAY_OF(struct line_header); // the headers
    struct view key;              // may be null
    struct view value;            // may be null
};

// The strings belong to the properties that the reader was made of, or are constants.
struct line_reader {
    bool parse_key, parse_headers, ignore_error;
    const char *key_separator, *headers_delimiter, *headers_separator, *headers_key_separator;
    const char *null_marker; // or NULL
    long line_number;
};

// Returns false with a message in error, to be freed, when two separators are equal.
bool line_reader_init(struct line_reader *reader, const struct properties *properties, char **error)
    __attribute__((warn_unused_result));

// Cuts the line into a record of views of it. Returns false with a message in error for a line that does not fit.
// The record may be used again and is freed with line_record_fini.
bool line_reader_read(struct line_reader *reader, struct view line, struct line_record *record, char **error)
    __attribute__((warn_unused_result));
void line_record_fini(struct line_record *record);

#endif
