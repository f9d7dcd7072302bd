// SPDX-License-Identifier: Apache-2.0
// The walker that prints, as Kafka's JSON converters do.
#include "net/protocol/codec.h"
#include "net/protocol/message.h"
#include "net/protocol/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct printer {
    char *buffer;
    size_t size;
    size_t length; // of the whole text, beyond the buffer too
    int16_t version;
};

static void print_struct(struct printer *printer, const struct message_schema *schema, const uint8_t *message);

static void print_char(struct printer *printer, char character)
{
    if (printer->length + 1 < printer->size)
        printer->buffer[printer->length] = character;
    printer->length++;
}

static void print_text(struct printer *printer, const char *text)
{
    while (*text != '\0')
        print_char(printer, *text++);
}

static void print_format(struct printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print_format(struct printer *printer, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_text(printer, text);
}

// Bytes of the UTF-8 character at the beginning, or 0 where there is none.
static size_t utf8_size(const uint8_t *bytes, size_t size)
{
    static const uint32_t values_min[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t needed = bytes[0] < 0x80       ? 1
                    : bytes[0] >> 5 == 6  ? 2
                    : bytes[0] >> 4 == 14 ? 3
                    : bytes[0] >> 3 == 30 ? 4
                                          : 0;
    if (needed <= 1 || needed > size)
        return needed == 1;
    uint32_t value = bytes[0] & (0x7fU >> needed);
    for (size_t i = 1; i < needed; i++) {
        if (bytes[i] >> 6 != 2)
            return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    bool valid = value >= values_min[needed] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    return valid ? needed : 0;
}

static void print_string(struct printer *printer, struct view string)
{
    if (view_is_null(string)) {
        print_text(printer, "null");
        return;
    }
    print_char(printer, '"');
    for (size_t i = 0; i < string.size;) {
        const uint8_t *bytes = string.data + i;
        size_t size = utf8_size(bytes, string.size - i);
        if (size == 0 || bytes[0] < 0x20 || bytes[0] == 0x7f) {
            print_format(printer, "\\u%04x", bytes[0]);
            i++;
            continue;
        }
        if (bytes[0] == '"' || bytes[0] == '\\')
            print_char(printer, '\\');
        for (size_t j = 0; j < size; j++)
            print_char(printer, (char)bytes[j]);
        i += size;
    }
    print_char(printer, '"');
}

static void print_base64(struct printer *printer, struct view bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (view_is_null(bytes)) {
        print_text(printer, "null");
        return;
    }
    print_char(printer, '"');
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        if (printer->length >= printer->size) { // records can be long: only their length counts now
            printer->length += (left + 2) / 3 * 4;
            break;
        }
        uint32_t group = (uint32_t)bytes.data[i] << 16 | (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.data[i + 2] : 0);
        print_char(printer, digits[group >> 18]);
        print_char(printer, digits[group >> 12 & 63]);
        print_char(printer, left > 1 ? digits[group >> 6 & 63] : '=');
        print_char(printer, left > 2 ? digits[group & 63] : '=');
    }
    print_char(printer, '"');
}

static void print_double(struct printer *printer, double value)
{
    if (isfinite(value))
        print_format(printer, "%.17g", value);
    else
        print_text(printer, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void print_item(struct printer *printer, const struct message_field *field, const void *array, int32_t i)
{
    const struct struct_array *structs = array;
    const struct int32_array *ints = array;
    const struct int64_array *longs = array;
    const struct string_array *strings = array;
    if (field->type == FIELD_INT32_ARRAY)
        print_format(printer, "%" PRId32, ints->items[i]);
    else if (field->type == FIELD_INT64_ARRAY)
        print_format(printer, "%" PRId64, longs->items[i]);
    else if (field->type == FIELD_STRING_ARRAY)
        print_string(printer, strings->items[i]);
    else
        print_struct(printer, field->schema, (const uint8_t *)structs->items + (size_t)i * field->schema->size);
}

static void print_array(struct printer *printer, const struct message_field *field, const void *array)
{
    int32_t count = ((const struct struct_array *)array)->count;
    if (count < 0) {
        print_text(printer, "null");
        return;
    }
    print_char(printer, '[');
    for (int32_t i = 0; i < count; i++) {
        if (i > 0)
            print_char(printer, ',');
        print_item(printer, field, array, i);
    }
    print_char(printer, ']');
}

static void print_scalar(struct printer *printer, const struct message_field *field, const void *value)
{
    char uuid[UUID_STRING_SIZE];
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        print_text(printer, *(const bool *)value ? "true" : "false");
        break;
    case FIELD_INT8:
        print_format(printer, "%d", *(const int8_t *)value);
        break;
    case FIELD_INT16:
        print_format(printer, "%d", *(const int16_t *)value);
        break;
    case FIELD_INT32:
        print_format(printer, "%" PRId32, *(const int32_t *)value);
        break;
    case FIELD_INT64:
        print_format(printer, "%" PRId64, *(const int64_t *)value);
        break;
    case FIELD_FLOAT64:
        print_double(printer, *(const double *)value);
        break;
    default:
        uuid_to_string(*(const struct uuid *)value, uuid);
        print_format(printer, "\"%s\"", uuid);
    }
}

static void print_field(struct printer *printer, const struct message_field *field, const uint8_t *message)
{
    const void *value = message + field->offset;
    switch ((enum field_type)field->type) {
    case FIELD_STRING:
        print_string(printer, *(const struct view *)value);
        break;
    case FIELD_BYTES:
        print_base64(printer, *(const struct view *)value);
        break;
    case FIELD_RECORDS:
        print_base64(printer, ((const struct records *)value)->bytes);
        break;
    case FIELD_STRUCT:
        if (field_has_is_null(field) && *(const bool *)(message + field->is_null_offset))
            print_text(printer, "null");
        else
            print_struct(printer, field->schema, value);
        break;
    case FIELD_INT32_ARRAY:
    case FIELD_INT64_ARRAY:
    case FIELD_STRING_ARRAY:
    case FIELD_STRUCT_ARRAY:
        print_array(printer, field, value);
        break;
    default:
        print_scalar(printer, field, value);
    }
}

static void print_struct(struct printer *printer, const struct message_schema *schema, const uint8_t *message)
{
    const char *separator = "";
    print_char(printer, '{');
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct message_field *field = &schema->fields[i];
        bool tagged = i >= schema->untagged_count;
        if (!field_is_present(field, printer->version) || (tagged && field_is_default(schema, field, message)))
            continue;
        print_text(printer, separator);
        print_char(printer, '"');
        print_text(printer, field->name);
        print_text(printer, "\":");
        print_field(printer, field, message);
        separator = ",";
    }
    print_char(printer, '}');
}

size_t message_print(const struct message_schema *schema, int16_t version, const void *message, char *buffer,
                     size_t size)
{
    struct printer printer = {buffer, size, 0, version};
    print_struct(&printer, schema, message);
    if (size > 0)
        buffer[printer.length < size ? printer.length : size - 1] = '\0';
    return printer.length;
}
