// SPDX-License-Identifier: Apache-2.0
#include "tools/line_reader.h"

#include "tools/command.h"

#include <string.h>

bool line_reader_init(struct line_reader *reader, const struct properties *properties, char **error)
{
    *reader = (struct line_reader){
        .parse_key = command_flag_property(properties, "parse.key", false),
        .parse_headers = command_flag_property(properties, "parse.headers", false),
        .ignore_error = command_flag_property(properties, "ignore.error", false),
        .key_separator = command_text_property(properties, "key.separator", "\t"),
        .headers_delimiter = command_text_property(properties, "headers.delimiter", "\t"),
        .headers_separator = command_text_property(properties, "headers.separator", ","),
        .headers_key_separator = command_text_property(properties, "headers.key.separator", ":"),
        .null_marker = properties_get(properties, "null.marker"),
    };
    const struct {
        const char *name, *value, *other_name, *other_value;
    } distinct[] = {
        {"headers.delimiter", reader->headers_delimiter, "headers.separator", reader->headers_separator},
        {"headers.delimiter", reader->headers_delimiter, "headers.key.separator", reader->headers_key_separator},
        {"headers.separator", reader->headers_separator, "headers.key.separator", reader->headers_key_separator},
        {"null.marker", reader->null_marker, "key.separator", reader->key_separator},
        {"null.marker", reader->null_marker, "headers.separator", reader->headers_separator},
        {"null.marker", reader->null_marker, "headers.delimiter", reader->headers_delimiter},
        {"null.marker", reader->null_marker, "headers.key.separator", reader->headers_key_separator},
    };
    for (size_t i = 0; i < sizeof distinct / sizeof distinct[0]; i++) {
        if (distinct[i].value && strcmp(distinct[i].value, distinct[i].other_value) == 0) {
            *error = memory_format("%s and %s may not be equal", distinct[i].name, distinct[i].other_name);
            return false;
        }
    }
    return true;
}

// Cuts off what stands before the separator. Returns false when there is none.
static bool cut(struct view *rest, const char *separator, struct view *before)
{
    size_t size = strlen(separator);
    const uint8_t *found = size == 0 ? rest->data : memmem(rest->data, rest->size, separator, size);
    if (!found)
        return false;
    *before = view_of(rest->data, (size_t)(found - rest->data));
    *rest = view_of(found + size, rest->size - before->size - size);
    return true;
}

static bool is_null(const struct line_reader *reader, struct view v)
{
    return reader->null_marker && view_equal_string(v, reader->null_marker);
}

static bool cut_headers(const struct line_reader *reader, struct view headers, struct line_record *record, char **error)
{
    bool more = true;
    while (more) {
        struct line_header header = {0};
        struct view pair = headers;
        more = headers.size > 0 && cut(&headers, reader->headers_separator, &pair);
        if (!more && pair.size == 0 && record->count > 0)
            break; // a separator at the end separates nothing
        struct view value = pair;
        if (cut(&value, reader->headers_key_separator, &header.name)) {
            header.value = is_null(reader, value) ? VIEW_NULL : value;
        } else if (reader->ignore_error) {
            header.name = pair;
        } else {
            *error = memory_format("No header key separator found in pair '%.*s' on line number %ld", VIEW_ARGS(pair),
                                   reader->line_number);
            return false;
        }
        if (is_null(reader, header.name)) {
            *error = memory_format("Header keys should not be equal to the null marker '%s' as they can't be null",
                                   reader->null_marker);
            return false;
        }
        *array_append(record) = header;
    }
    return true;
}

bool line_reader_read(struct line_reader *reader, struct view line, struct line_record *record, char **error)
{
    reader->line_number++;
    record->count = 0;
    record->key = VIEW_NULL;
    struct view rest = line, headers = VIEW_NULL;
    const char *missing = NULL;
    if (reader->parse_headers && !cut(&rest, reader->headers_delimiter, &headers))
        missing = "headers delimiter";
    if ((!missing || reader->ignore_error) && reader->parse_key && !cut(&rest, reader->key_separator, &record->key))
        missing = "key separator";
    if (missing && !reader->ignore_error) {
        *error = memory_format("No %s found on line number %ld: '%.*s'", missing, reader->line_number, VIEW_ARGS(line));
        return false;
    }
    record->value = is_null(reader, rest) ? VIEW_NULL : rest;
    if (is_null(reader, record->key))
        record->key = VIEW_NULL;
    if (view_is_null(headers) || is_null(reader, headers))
        return true;
    return cut_headers(reader, headers, record, error);
}

void line_record_fini(struct line_record *record)
{
    array_fini(record);
}
