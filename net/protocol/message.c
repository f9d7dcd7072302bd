// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/message.h"

#include "net/protocol/codec.h"
#include "net/protocol/schema.h"

#include <string.h>

void message_init(const struct message_schema *schema, void *message)
{
    memcpy(message, schema->defaults, schema->size);
}

void *message_alloc_array(struct arena *arena, const struct message_schema *schema, int32_t count)
{
    uint8_t *items = count < 0 ? NULL : arena_alloc_array(arena, (size_t)count, schema->size);
    for (int32_t i = 0; items != NULL && i < count; i++)
        memcpy(items + (size_t)i * schema->size, schema->defaults, schema->size);
    return items;
}

static bool arrays_equal(const void *a, int32_t a_count, const void *b, int32_t b_count, size_t item_size)
{
    return a_count == b_count && (a_count <= 0 || memcmp(a, b, (size_t)a_count * item_size) == 0);
}

static bool string_arrays_equal(const struct string_array *a, const struct string_array *b)
{
    if (a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->count; i++) {
        if (!view_equal(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

static bool struct_arrays_equal(const struct message_schema *schema, const struct struct_array *a,
                                const struct struct_array *b)
{
    if (a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->count; i++) {
        size_t offset = (size_t)i * schema->size;
        if (!message_equal(schema, (const uint8_t *)a->items + offset, (const uint8_t *)b->items + offset))
            return false;
    }
    return true;
}

static bool records_equal(const struct records *a, const struct records *b)
{
    if (a->source != NULL || b->source != NULL)
        return a->source == b->source && a->source_size == b->source_size;
    return view_equal(a->bytes, b->bytes);
}

static size_t scalar_size(const struct message_field *field)
{
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
    case FIELD_INT8:
        return 1;
    case FIELD_INT16:
        return 2;
    case FIELD_INT32:
        return 4;
    case FIELD_INT64:
    case FIELD_FLOAT64:
        return 8;
    default:
        return sizeof(struct uuid);
    }
}

static bool fields_equal(const struct message_field *field, const uint8_t *a_message, const uint8_t *b_message)
{
    const void *a = a_message + field->offset, *b = b_message + field->offset;
    const struct int32_array *a_ints = a, *b_ints = b;
    const struct int64_array *a_longs = a, *b_longs = b;
    const struct view *a_view = a, *b_view = b;
    switch ((enum field_type)field->type) {
    case FIELD_STRING:
    case FIELD_BYTES:
        return view_equal(*a_view, *b_view);
    case FIELD_RECORDS:
        return records_equal(a, b);
    case FIELD_STRUCT:
        if (field_has_is_null(field)) {
            const bool *a_null = (const bool *)(a_message + field->is_null_offset);
            const bool *b_null = (const bool *)(b_message + field->is_null_offset);
            if (*a_null || *b_null)
                return *a_null == *b_null;
        }
        return message_equal(field->schema, a, b);
    case FIELD_INT32_ARRAY:
        return arrays_equal(a_ints->items, a_ints->count, b_ints->items, b_ints->count, sizeof(int32_t));
    case FIELD_INT64_ARRAY:
        return arrays_equal(a_longs->items, a_longs->count, b_longs->items, b_longs->count, sizeof(int64_t));
    case FIELD_STRING_ARRAY:
        return string_arrays_equal(a, b);
    case FIELD_STRUCT_ARRAY:
        return struct_arrays_equal(field->schema, a, b);
    default:
        return memcmp(a, b, scalar_size(field)) == 0;
    }
}

bool message_equal(const struct message_schema *schema, const void *a, const void *b)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (!fields_equal(&schema->fields[i], a, b))
            return false;
    }
    return true;
}

bool field_is_default(const struct message_schema *schema, const struct message_field *field, const void *message)
{
    if (field->type == FIELD_STRING || field->type == FIELD_BYTES) {
        const struct view *view = (const void *)((const uint8_t *)message + field->offset);
        if (view_is_null(*view))
            return true;
    }
    // Most structs are copies of their default that nobody touched.
    if (field->type == FIELD_STRUCT && !field_has_is_null(field)) {
        const uint8_t *value = (const uint8_t *)message + field->offset;
        if (memcmp(value, field->schema->defaults, field->schema->size) == 0)
            return true;
    }
    return fields_equal(field, message, schema->defaults);
}
