// SPDX-License-Identifier: Apache-2.0
// The walker that writes. It goes over a message twice: first without memory, to check what this version can carry and
// to count bytes, then into memory of just that size.
#include "net/protocol/codec.h"
#include "net/protocol/message.h"
#include "net/protocol/schema.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// Shorter records are copied: a piece of their own costs more.
enum { PIECE_SIZE_MIN = 1024 };

struct encoder {
    int16_t version;
    bool flexible;
    bool flat;       // everything goes into one piece
    uint8_t *out;    // where the next byte goes; NULL: only count
    uint8_t *limit;  // the end of that memory
    size_t size;     // bytes so far, those of outside pieces excluded
    size_t outside;  // bytes of outside pieces
    size_t outsides; // outside pieces so far
    uint8_t *piece;  // where the open piece of copied bytes began
    struct message_pieces *pieces;
    const struct message_field *wrong; // what this version cannot carry
};

static void encode_struct(struct encoder *encoder, const struct message_schema *schema, const uint8_t *message);

static void encode_field(struct encoder *encoder, const struct message_field *field, const uint8_t *message);

// Memory for size bytes, or NULL while counting.
static uint8_t *encode_reserve(struct encoder *encoder, size_t size)
{
    uint8_t *out = encoder->out;
    encoder->size += size;
    if (out == NULL)
        return NULL;
    assert(size <= (size_t)(encoder->limit - out)); // the message has not changed since it was counted
    encoder->out += size;
    return out;
}

static void encode_u8(struct encoder *encoder, uint8_t value)
{
    uint8_t *out = encode_reserve(encoder, 1);
    if (out != NULL)
        *out = value;
}

static void encode_u16(struct encoder *encoder, uint16_t value)
{
    uint8_t *out = encode_reserve(encoder, 2);
    if (out != NULL)
        big_endian_store_16(out, value);
}

static void encode_u32(struct encoder *encoder, uint32_t value)
{
    uint8_t *out = encode_reserve(encoder, 4);
    if (out != NULL)
        big_endian_store_32(out, value);
}

static void encode_u64(struct encoder *encoder, uint64_t value)
{
    uint8_t *out = encode_reserve(encoder, 8);
    if (out != NULL)
        big_endian_store_64(out, value);
}

static void encode_bytes(struct encoder *encoder, const void *bytes, size_t size)
{
    uint8_t *out = encode_reserve(encoder, size);
    if (out != NULL && size > 0)
        memcpy(out, bytes, size);
}

static void encode_uvarint(struct encoder *encoder, uint32_t value)
{
    uint8_t *out = encode_reserve(encoder, uvarint_size(value));
    if (out != NULL)
        uvarint_store(out, value);
}

static void encode_wrong(struct encoder *encoder, const struct message_field *field)
{
    if (encoder->wrong == NULL)
        encoder->wrong = field;
}

// -1: null.
static void encode_length(struct encoder *encoder, const struct message_field *field, int64_t length,
                          int64_t length_max)
{
    if (length > length_max || (length < 0 && !field_is_nullable(field, encoder->version)))
        encode_wrong(encoder, field);
    if (encoder->flexible && !field->classic)
        encode_uvarint(encoder, length < 0 ? 0 : (uint32_t)length + 1);
    else if (length_max == STRING_SIZE_MAX)
        encode_u16(encoder, (uint16_t)length);
    else
        encode_u32(encoder, length < 0 ? UINT32_MAX : (uint32_t)length);
}

static void encode_view(struct encoder *encoder, const struct message_field *field, struct view view, int64_t size_max)
{
    bool null = view_is_null(view) && field_is_nullable(field, encoder->version);
    encode_length(encoder, field, null ? -1 : (int64_t)view.size, size_max);
    encode_bytes(encoder, view.data, view.size);
}

static void add_piece(struct encoder *encoder, const uint8_t *bytes, void *source, size_t size)
{
    encoder->pieces->items[encoder->pieces->count++] = (struct message_piece){bytes, source, size};
    encoder->pieces->size += size;
}

// Ends the piece of copied bytes, if there are any.
static void close_piece(struct encoder *encoder)
{
    if (encoder->out > encoder->piece)
        add_piece(encoder, encoder->piece, NULL, (size_t)(encoder->out - encoder->piece));
    encoder->piece = encoder->out;
}

static void encode_records(struct encoder *encoder, const struct message_field *field, const struct records *records)
{
    size_t size = records->source != NULL ? records->source_size : records->bytes.size;
    if (encoder->flat && records->source != NULL)
        encode_wrong(encoder, field);
    if (encoder->flat || (records->source == NULL && size < PIECE_SIZE_MIN)) {
        encode_view(encoder, field, records->bytes, INT32_MAX);
        return;
    }
    encode_length(encoder, field, (int64_t)size, INT32_MAX);
    encoder->outsides++;
    encoder->outside += size;
    if (encoder->out != NULL && size > 0) {
        close_piece(encoder);
        add_piece(encoder, records->source != NULL ? NULL : records->bytes.data, records->source, size);
    }
}

// Of int32 or int64, by size.
static void encode_integers(struct encoder *encoder, const struct message_field *field, size_t size,
                            const struct struct_array *array)
{
    encode_length(encoder, field, array->count, INT32_MAX);
    size_t count = array->count > 0 ? (size_t)array->count : 0;
    uint8_t *out = encode_reserve(encoder, count * size);
    for (size_t i = 0; out != NULL && i < count; i++, out += size) {
        if (size == sizeof(int32_t))
            big_endian_store_32(out, ((const uint32_t *)array->items)[i]);
        else
            big_endian_store_64(out, ((const uint64_t *)array->items)[i]);
    }
}

static void encode_string_array(struct encoder *encoder, const struct message_field *field,
                                const struct string_array *array)
{
    static const struct message_field element = {.nullable_min = 1, .nullable_max = 0};
    encode_length(encoder, field, array->count, INT32_MAX);
    for (int32_t i = 0; i < array->count; i++) {
        if (array->items[i].size > STRING_SIZE_MAX)
            encode_wrong(encoder, field);
        encode_view(encoder, &element, array->items[i], STRING_SIZE_MAX);
    }
}

static void encode_struct_array(struct encoder *encoder, const struct message_field *field,
                                const struct struct_array *array)
{
    const uint8_t *items = array->items;
    encode_length(encoder, field, array->count, INT32_MAX);
    for (int32_t i = 0; i < array->count; i++)
        encode_struct(encoder, field->schema, items + (size_t)i * field->schema->size);
}

static void encode_nested(struct encoder *encoder, const struct message_field *field, const uint8_t *message)
{
    bool null = field_has_is_null(field) && *(const bool *)(message + field->is_null_offset);
    if (field_is_nullable(field, encoder->version)) {
        if (field->tag >= 0)
            encode_uvarint(encoder, null ? 0 : 1);
        else
            encode_u8(encoder, null ? 0xff : 1);
    } else if (null) {
        encode_wrong(encoder, field);
    }
    if (!null)
        encode_struct(encoder, field->schema, message + field->offset);
}

static void encode_field(struct encoder *encoder, const struct message_field *field, const uint8_t *message)
{
    const void *value = message + field->offset;
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        encode_u8(encoder, *(const bool *)value);
        break;
    case FIELD_INT8:
        encode_u8(encoder, *(const uint8_t *)value);
        break;
    case FIELD_INT16:
        encode_u16(encoder, *(const uint16_t *)value);
        break;
    case FIELD_INT32:
        encode_u32(encoder, *(const uint32_t *)value);
        break;
    case FIELD_INT64:
    case FIELD_FLOAT64:
        encode_u64(encoder, *(const uint64_t *)value);
        break;
    case FIELD_UUID:
        encode_bytes(encoder, value, sizeof(struct uuid));
        break;
    case FIELD_STRING:
        encode_view(encoder, field, *(const struct view *)value, STRING_SIZE_MAX);
        break;
    case FIELD_BYTES:
        encode_view(encoder, field, *(const struct view *)value, INT32_MAX);
        break;
    case FIELD_RECORDS:
        encode_records(encoder, field, value);
        break;
    case FIELD_STRUCT:
        encode_nested(encoder, field, message);
        break;
    case FIELD_INT32_ARRAY:
        encode_integers(encoder, field, sizeof(int32_t), value);
        break;
    case FIELD_INT64_ARRAY:
        encode_integers(encoder, field, sizeof(int64_t), value);
        break;
    case FIELD_STRING_ARRAY:
        encode_string_array(encoder, field, value);
        break;
    case FIELD_STRUCT_ARRAY:
        encode_struct_array(encoder, field, value);
        break;
    }
}

// Those that differ from their defaults, by tag.
static void encode_tagged_fields(struct encoder *encoder, const struct message_schema *schema, const uint8_t *message)
{
    const struct message_field *fields = schema->fields;
    uint64_t sent = 0; // a bit per field; the generator sees to it that they suffice
    uint32_t count = 0;
    for (unsigned i = schema->untagged_count; i < schema->field_count; i++) {
        if (field_is_present(&fields[i], encoder->version) && !field_is_default(schema, &fields[i], message)) {
            sent |= UINT64_C(1) << i;
            count++;
        }
    }
    encode_uvarint(encoder, count);
    for (unsigned i = schema->untagged_count; sent >> i != 0; i++) {
        const struct message_field *field = &fields[i];
        if ((sent >> i & 1) == 0)
            continue;
        struct encoder counter = {.version = encoder->version, .flexible = true, .flat = true};
        encode_field(&counter, field, message);
        encode_uvarint(encoder, (uint32_t)field->tag);
        encode_uvarint(encoder, (uint32_t)counter.size);
        encode_field(encoder, field, message);
    }
}

static void encode_struct(struct encoder *encoder, const struct message_schema *schema, const uint8_t *message)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct message_field *field = &schema->fields[i];
        if (!field_is_present(field, encoder->version)) {
            if (encoder->out == NULL && !field->ignorable && !field_is_default(schema, field, message))
                encode_wrong(encoder, field);
        } else if (i < schema->untagged_count) {
            encode_field(encoder, field, message);
        }
    }
    if (encoder->flexible)
        encode_tagged_fields(encoder, schema, message);
}

// Counts, or encodes into the memory that the encoder has.
static int encode_parts(struct encoder *encoder, const struct message_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!schema_has_version(parts[i].schema, parts[i].version))
            return -EOPNOTSUPP;
        encoder->version = parts[i].version;
        encoder->flexible = parts[i].version >= parts[i].schema->flexible_min;
        encode_struct(encoder, parts[i].schema, parts[i].message);
    }
    if (encoder->wrong != NULL)
        return -EINVAL;
    return encoder->size > INT32_MAX || encoder->outside > INT32_MAX - encoder->size ? -EMSGSIZE : 0;
}

int message_encode_parts(const struct message_part *parts, size_t count, struct arena *arena,
                         struct message_pieces *pieces)
{
    struct encoder counter = {0};
    int error = encode_parts(&counter, parts, count);
    if (error != 0)
        return error;
    struct message_pieces made = {0};
    // Between outside pieces, in front of and behind them are copied bytes.
    made.items = arena_alloc_array(arena, 2 * counter.outsides + 1, sizeof *made.items);
    uint8_t *memory = arena_alloc(arena, counter.size);
    if (made.items == NULL || memory == NULL)
        return -ENOMEM;
    struct encoder encoder = {.out = memory, .limit = memory + counter.size, .piece = memory, .pieces = &made};
    error = encode_parts(&encoder, parts, count);
    if (error != 0)
        return error;
    assert(encoder.out == encoder.limit && encoder.outside == counter.outside);
    close_piece(&encoder);
    *pieces = made;
    return 0;
}

int message_encode(const struct message_schema *schema, int16_t version, const void *message, struct arena *arena,
                   struct message_pieces *pieces)
{
    struct message_part part = {schema, version, message};
    return message_encode_parts(&part, 1, arena, pieces);
}

int message_size(const struct message_schema *schema, int16_t version, const void *message, size_t *size)
{
    struct encoder counter = {0};
    struct message_part part = {schema, version, message};
    int error = encode_parts(&counter, &part, 1);
    if (error == 0)
        *size = counter.size + counter.outside;
    return error;
}

int message_encode_bytes(const struct message_schema *schema, int16_t version, const void *message, struct arena *arena,
                         bool with_version, struct view *bytes)
{
    struct message_part part = {schema, version, message};
    struct encoder encoder = {.flat = true, .size = with_version ? sizeof version : 0};
    int error = encode_parts(&encoder, &part, 1);
    if (error != 0)
        return error;
    size_t size = encoder.size;
    uint8_t *memory = arena_alloc(arena, size);
    if (memory == NULL)
        return -ENOMEM;
    encoder = (struct encoder){.flat = true, .out = memory, .limit = memory + size};
    if (with_version)
        encode_u16(&encoder, (uint16_t)version);
    error = encode_parts(&encoder, &part, 1);
    if (error != 0)
        return error;
    assert(encoder.out == encoder.limit);
    *bytes = view_of(memory, size);
    return 0;
}

const char *message_why(const struct message_schema *schema, int16_t version, const void *message)
{
    struct encoder counter = {0};
    struct message_part part = {schema, version, message};
    (void)encode_parts(&counter, &part, 1);
    return counter.wrong != NULL ? counter.wrong->name : NULL;
}
