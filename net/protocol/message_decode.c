// SPDX-License-Identifier: Apache-2.0
// The walker that reads. What it allocates is bounded by the bytes that are left: an array has at most as many elements
// as fit in them at their smallest, and unknown tagged fields are skipped without a trace.
#include "net/protocol/codec.h"
#include "net/protocol/message.h"
#include "net/protocol/schema.h"

#include <string.h>

enum { LENGTH_NULL = -1 };

struct decoder {
    struct reader reader;
    struct arena *arena;
    int16_t version;
    bool flexible;
};

static void decode_struct(struct decoder *decoder, const struct message_schema *schema, uint8_t *message);

// A length or count; LENGTH_NULL for null where that may be.
static int32_t decode_length(struct decoder *decoder, const struct message_field *field, bool is_short)
{
    int64_t length;
    if (decoder->flexible && !field->classic)
        length = (int64_t)reader_uvarint(&decoder->reader) - 1;
    else
        length = is_short ? reader_i16(&decoder->reader) : reader_i32(&decoder->reader);
    if (length >= 0 && length <= INT32_MAX)
        return (int32_t)length;
    if (length > 0 || !field_is_nullable(field, decoder->version))
        reader_fail(&decoder->reader, -EBADMSG);
    return LENGTH_NULL;
}

static struct view decode_view(struct decoder *decoder, int32_t length)
{
    const uint8_t *bytes = length == LENGTH_NULL ? NULL : reader_take(&decoder->reader, (size_t)length);
    return bytes != NULL ? view_of(bytes, (size_t)length) : VIEW_NULL;
}

static struct view decode_string(struct decoder *decoder, const struct message_field *field)
{
    int32_t length = decode_length(decoder, field, true);
    if (length > STRING_SIZE_MAX)
        reader_fail(&decoder->reader, -EBADMSG);
    return decode_view(decoder, length);
}

// Memory for count elements that take at least wire_size bytes each, or NULL: for none, or on error.
static void *decode_items(struct decoder *decoder, int32_t count, size_t wire_size, size_t size)
{
    if (count <= 0)
        return NULL;
    if ((size_t)count > reader_left(&decoder->reader) / wire_size) {
        reader_fail(&decoder->reader, -EBADMSG);
        return NULL;
    }
    void *items = arena_alloc_array(decoder->arena, (size_t)count, size);
    if (items == NULL)
        reader_fail(&decoder->reader, -ENOMEM);
    return items;
}

// Of int32 or int64, by size.
static void decode_integers(struct decoder *decoder, const struct message_field *field, size_t size,
                            struct struct_array *array)
{
    int32_t count = decode_length(decoder, field, false);
    void *items = decode_items(decoder, count, size, size);
    const uint8_t *bytes = items ? reader_take(&decoder->reader, (size_t)count * size) : NULL;
    for (int32_t i = 0; bytes != NULL && i < count; i++, bytes += size) {
        if (size == sizeof(int32_t))
            ((int32_t *)items)[i] = big_endian_load_i32(bytes);
        else
            ((int64_t *)items)[i] = big_endian_load_i64(bytes);
    }
    *array = (struct struct_array){items, count};
}

static void decode_string_array(struct decoder *decoder, const struct message_field *field, struct string_array *array)
{
    // Elements are never null, whatever the array may be.
    static const struct message_field element = {.nullable_min = 1, .nullable_max = 0};
    int32_t count = decode_length(decoder, field, false);
    struct view *items = decode_items(decoder, count, decoder->flexible ? 1 : 2, sizeof *items);
    for (int32_t i = 0; items != NULL && i < count && decoder->reader.error == 0; i++)
        items[i] = decode_string(decoder, &element);
    *array = (struct string_array){items, count};
}

static void decode_struct_array(struct decoder *decoder, const struct message_field *field, struct struct_array *array)
{
    const struct message_schema *schema = field->schema;
    int32_t count = decode_length(decoder, field, false);
    uint8_t *items = decode_items(decoder, count, schema->wire_size_min[decoder->version], schema->size);
    for (int32_t i = 0; items != NULL && i < count && decoder->reader.error == 0; i++) {
        uint8_t *item = items + (size_t)i * schema->size;
        message_init(schema, item);
        decode_struct(decoder, schema, item);
    }
    *array = (struct struct_array){items, count};
}

// A struct that may be null has a byte in front, or a varint where it is a tagged field.
static void decode_nested(struct decoder *decoder, const struct message_field *field, uint8_t *message)
{
    bool *is_null = field_has_is_null(field) ? (bool *)(message + field->is_null_offset) : NULL;
    bool null = false;
    if (field_is_nullable(field, decoder->version)) {
        null = field->tag < 0 ? (int8_t)reader_u8(&decoder->reader) < 0 : reader_uvarint(&decoder->reader) == 0;
    }
    if (is_null != NULL)
        *is_null = null;
    // A tagged field may come twice; the last one counts.
    message_init(field->schema, message + field->offset);
    if (!null)
        decode_struct(decoder, field->schema, message + field->offset);
}

static void decode_field(struct decoder *decoder, const struct message_field *field, uint8_t *message)
{
    struct reader *reader = &decoder->reader;
    void *value = message + field->offset;
    const uint8_t *bytes;
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        *(bool *)value = reader_u8(reader) != 0;
        break;
    case FIELD_INT8:
        *(int8_t *)value = (int8_t)reader_u8(reader);
        break;
    case FIELD_INT16:
        *(int16_t *)value = reader_i16(reader);
        break;
    case FIELD_INT32:
        *(int32_t *)value = reader_i32(reader);
        break;
    case FIELD_INT64:
    case FIELD_FLOAT64:
        *(int64_t *)value = reader_i64(reader);
        break;
    case FIELD_UUID:
        bytes = reader_take(reader, sizeof(struct uuid));
        if (bytes != NULL)
            memcpy(value, bytes, sizeof(struct uuid));
        break;
    case FIELD_STRING:
        *(struct view *)value = decode_string(decoder, field);
        break;
    case FIELD_BYTES:
        *(struct view *)value = decode_view(decoder, decode_length(decoder, field, false));
        break;
    case FIELD_RECORDS:
        *(struct records *)value =
            (struct records){.bytes = decode_view(decoder, decode_length(decoder, field, false))};
        break;
    case FIELD_STRUCT:
        decode_nested(decoder, field, message);
        break;
    case FIELD_INT32_ARRAY:
        decode_integers(decoder, field, sizeof(int32_t), value);
        break;
    case FIELD_INT64_ARRAY:
        decode_integers(decoder, field, sizeof(int64_t), value);
        break;
    case FIELD_STRING_ARRAY:
        decode_string_array(decoder, field, value);
        break;
    case FIELD_STRUCT_ARRAY:
        decode_struct_array(decoder, field, value);
        break;
    }
}

static const struct message_field *find_tag(const struct message_schema *schema, uint32_t tag, int16_t version)
{
    for (unsigned i = schema->untagged_count; i < schema->field_count; i++) {
        const struct message_field *field = &schema->fields[i];
        if ((uint32_t)field->tag == tag && field_is_present(field, version))
            return field;
    }
    return NULL;
}

static void decode_tagged_fields(struct decoder *decoder, const struct message_schema *schema, uint8_t *message)
{
    struct reader *reader = &decoder->reader;
    uint32_t count = reader_uvarint(reader);
    for (uint32_t i = 0; i < count && reader->error == 0; i++) {
        uint32_t tag = reader_uvarint(reader);
        const uint8_t *bytes = reader_take(reader, reader_uvarint(reader));
        const struct message_field *field = find_tag(schema, tag, decoder->version);
        if (bytes == NULL || field == NULL)
            continue;
        // The field is read within its own size and must fill it.
        const uint8_t *next = reader->next, *end = reader->end;
        reader->next = bytes;
        reader->end = next;
        decode_field(decoder, field, message);
        if (reader->next != next)
            reader_fail(reader, -EBADMSG);
        reader->end = end;
    }
    // After an error inside a field the reader stands at that field's end.
    if (reader->error != 0)
        reader_fail(reader, reader->error);
}

static void decode_struct(struct decoder *decoder, const struct message_schema *schema, uint8_t *message)
{
    int16_t version = decoder->version;
    const struct message_field *field = schema->fields, *end = field + schema->untagged_count;
    for (; field < end; field++) {
        if (field_is_present(field, version))
            decode_field(decoder, field, message);
    }
    if (decoder->flexible)
        decode_tagged_fields(decoder, schema, message);
}

void message_read(const struct message_schema *schema, int16_t version, struct reader *reader, struct arena *arena,
                  void *message)
{
    struct decoder decoder = {*reader, arena, version, version >= schema->flexible_min};
    message_init(schema, message);
    decode_struct(&decoder, schema, message);
    *reader = decoder.reader;
}

int message_decode(const struct message_schema *schema, int16_t version, struct view bytes, struct arena *arena,
                   void *message)
{
    if (!schema_has_version(schema, version))
        return -EOPNOTSUPP;
    struct reader reader = reader_of(bytes);
    message_read(schema, version, &reader, arena, message);
    return reader.error;
}

int message_decode_versioned(const struct message_schema *schema, struct view bytes, struct arena *arena,
                             int16_t *version, void *message)
{
    struct reader reader = reader_of(bytes);
    int16_t found = reader_i16(&reader);
    if (reader.error != 0)
        return reader.error;
    *version = found;
    return message_decode(schema, found, view_of(reader.next, reader_left(&reader)), arena, message);
}
