// SPDX-License-Identifier: Apache-2.0
#include "base/properties.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t PROPERTIES_FILE_SIZE_MAX = 16 << 20;

// A logical line under construction: UTF-8 bytes, of key or of value.
struct text {
    ARRAY_OF(char);
};

static void text_append(struct text *text, uint32_t code)
{
    if (code < 0x80) {
        *array_append(text) = (char)code;
    } else if (code < 0x800) {
        *array_append(text) = (char)(0xC0 | code >> 6);
        *array_append(text) = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *array_append(text) = (char)(0xE0 | code >> 12);
        *array_append(text) = (char)(0x80 | (code >> 6 & 0x3F));
        *array_append(text) = (char)(0x80 | (code & 0x3F));
    } else {
        *array_append(text) = (char)(0xF0 | code >> 18);
        *array_append(text) = (char)(0x80 | (code >> 12 & 0x3F));
        *array_append(text) = (char)(0x80 | (code >> 6 & 0x3F));
        *array_append(text) = (char)(0x80 | (code & 0x3F));
    }
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static void reader_skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
}

// After a backslash at the end of a line: past the line's end and the blanks that begin the next one.
static void reader_skip_continuation(struct reader *reader)
{
    uint8_t first = *reader->at++;
    if (first == '\r' && reader->at < reader->end && *reader->at == '\n')
        reader->at++;
    reader_skip_blanks(reader);
}

static void reader_skip_line(struct reader *reader)
{
    while (reader->at < reader->end && !is_line_end(*reader->at))
        reader->at++;
}

// The four digits after \u.
static int reader_hex(struct reader *reader, uint32_t *code)
{
    if (reader->end - reader->at < 4)
        return -EINVAL;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *reader->at++;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return -EINVAL;
    }
    *code = value;
    return 0;
}

// A \uXXXX, joined with a second one when the two are a surrogate pair; half a pair becomes a question mark.
static int reader_unicode(struct reader *reader, struct text *text)
{
    uint32_t code = 0;
    int result = reader_hex(reader, &code);
    if (result < 0)
        return result;
    if (code >= 0xD800 && code < 0xDC00 && reader->end - reader->at >= 6 && memcmp(reader->at, "\\u", 2) == 0) {
        struct reader ahead = {reader->at + 2, reader->end};
        uint32_t low = 0;
        if (reader_hex(&ahead, &low) == 0 && low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            reader->at = ahead.at;
        }
    }
    text_append(text, code >= 0xD800 && code < 0xE000 ? '?' : code);
    return 0;
}

// What follows a backslash.
static int reader_escape(struct reader *reader, struct text *text)
{
    if (reader->at == reader->end)
        return 0;
    if (is_line_end(*reader->at)) {
        reader_skip_continuation(reader);
        return 0;
    }
    uint8_t c = *reader->at++;
    switch (c) {
    case 't':
        text_append(text, '\t');
        return 0;
    case 'n':
        text_append(text, '\n');
        return 0;
    case 'r':
        text_append(text, '\r');
        return 0;
    case 'f':
        text_append(text, '\f');
        return 0;
    case 'u':
        return reader_unicode(reader, text);
    default:
        text_append(text, c);
        return 0;
    }
}

// Reads to the end of the logical line, or, for a key, to its separator.
static int reader_word(struct reader *reader, bool is_key, struct text *text)
{
    while (reader->at < reader->end && !is_line_end(*reader->at)) {
        uint8_t c = *reader->at;
        if (is_key && (is_blank(c) || c == '=' || c == ':'))
            return 0;
        reader->at++;
        if (c != '\\') {
            text_append(text, c);
            continue;
        }
        int result = reader_escape(reader, text);
        if (result < 0)
            return result;
    }
    return 0;
}

// Past the separator: blanks, at most one = or :, blanks; the line may go on below after a backslash.
static void reader_separator(struct reader *reader)
{
    bool seen = false;
    while (reader->at < reader->end) {
        uint8_t c = *reader->at;
        if (c == '\\' && reader->end - reader->at > 1 && is_line_end(reader->at[1])) {
            reader->at++;
            reader_skip_continuation(reader);
        } else if (is_blank(c)) {
            reader->at++;
        } else if ((c == '=' || c == ':') && !seen) {
            seen = true;
            reader->at++;
        } else {
            return;
        }
    }
}

int properties_parse(struct properties *properties, struct view text)
{
    struct reader reader = {text.data, text.data + text.size};
    struct text key = {0}, value = {0};
    int result = 0;
    while (result == 0 && reader.at < reader.end) {
        reader_skip_blanks(&reader);
        if (reader.at == reader.end)
            break;
        if (is_line_end(*reader.at)) {
            reader.at++;
            continue;
        }
        if (*reader.at == '#' || *reader.at == '!') {
            reader_skip_line(&reader);
            continue;
        }
        key.count = value.count = 0;
        result = reader_word(&reader, true, &key);
        if (result == 0) {
            reader_separator(&reader);
            result = reader_word(&reader, false, &value);
        }
        if (result == 0) {
            *array_append(&key) = '\0';
            *array_append(&value) = '\0';
            properties_set(properties, key.items, value.items);
        }
    }
    array_fini(&key);
    array_fini(&value);
    return result;
}

int properties_load(struct properties *properties, const char *path)
{
    char *bytes;
    size_t size;
    int result = file_read_stream(path, PROPERTIES_FILE_SIZE_MAX, &bytes, &size);
    if (result < 0)
        return result;
    result = properties_parse(properties, view_of(bytes, size));
    free(bytes);
    return result;
}

static struct property *properties_find(const struct properties *properties, const char *key)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].key, key) == 0)
            return &properties->items[i];
    }
    return NULL;
}

const char *properties_get(const struct properties *properties, const char *key)
{
    const struct property *property = properties_find(properties, key);
    return property ? property->value : NULL;
}

void properties_set(struct properties *properties, const char *key, const char *value)
{
    struct property *property = properties_find(properties, key);
    if (property) {
        char *replaced = property->value;
        property->value = memory_copy_string(value);
        free(replaced);
    } else {
        *array_append(properties) = (struct property){memory_copy_string(key), memory_copy_string(value)};
    }
}

bool properties_remove(struct properties *properties, const char *key)
{
    struct property *property = properties_find(properties, key);
    if (!property)
        return false;
    free(property->key);
    free(property->value);
    size_t index = (size_t)(property - properties->items);
    memmove(property, property + 1, (properties->count - index - 1) * sizeof *property);
    properties->count--;
    return true;
}

void properties_fini(struct properties *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        free(properties->items[i].key);
        free(properties->items[i].value);
    }
    array_fini(properties);
}

// The next character of a text that should be UTF-8; a byte that begins none stands for itself.
static uint32_t next_code(const char **text)
{
    const uint8_t *at = (const uint8_t *)*text;
    int more = at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : at[0] < 0xF5 ? 3 : 0;
    uint32_t code = more == 0 ? at[0] : at[0] & (0x3FU >> more);
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80) { // the end of the string, too
            *text += 1;
            return at[0];
        }
        code = code << 6 | (at[i] & 0x3F);
    }
    *text += more + 1;
    return code;
}

static void escape_code(FILE *out, uint32_t code, bool is_first)
{
    static const char plain[] = "\t\n\r\f", letters[] = "tnrf";
    const char *special = code < 0x80 && code > 0 ? strchr(plain, (int)code) : NULL;
    if (special != NULL)
        fprintf(out, "\\%c", letters[special - plain]);
    else if (code >= 0x10000)
        fprintf(out, "\\u%04X\\u%04X", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF));
    else if (code < 0x20 || code > 0x7E)
        fprintf(out, "\\u%04X", code);
    else if (strchr("=:#!\\", (int)code) != NULL || (code == ' ' && is_first))
        fprintf(out, "\\%c", (int)code);
    else
        fputc((int)code, out);
}

char *properties_escape(const char *value)
{
    char *escaped = NULL;
    size_t size;
    FILE *out = open_memstream(&escaped, &size);
    bool is_first = true;
    if (out == NULL)
        return memory_copy_string(value);
    while (*value != 0) {
        escape_code(out, next_code(&value), is_first);
        is_first = false;
    }
    fclose(out);
    return escaped;
}
