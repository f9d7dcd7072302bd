// SPDX-License-Identifier: Apache-2.0
// What the walkers share among themselves.
#ifndef NET_PROTOCOL_CODEC_H
#define NET_PROTOCOL_CODEC_H

#include "net/protocol/message.h"
#include "net/protocol/primitive.h"
#include "net/protocol/schema.h"

enum { STRING_SIZE_MAX = INT16_MAX };

static inline bool schema_has_version(const struct message_schema *schema, int16_t version)
{
    return version >= schema->version_min && version <= schema->version_max;
}

static inline bool field_is_present(const struct message_field *field, int16_t version)
{
    return version >= field->version_min && version <= field->version_max;
}

static inline bool field_is_nullable(const struct message_field *field, int16_t version)
{
    return version >= field->nullable_min && version <= field->nullable_max;
}

// A struct that some version may send as null has a bool for that beside it.
static inline bool field_has_is_null(const struct message_field *field)
{
    return field->type == FIELD_STRUCT && field->nullable_min <= field->nullable_max;
}

// Arrays whatever their elements are: the arrays of messages all have this layout.
struct struct_array {
    void *items;
    int32_t count;
};

// Whether the field of that message holds the schema's default; a null string counts as an empty one.
bool field_is_default(const struct message_schema *schema, const struct message_field *field, const void *message);

// Reads one message and leaves the reader behind it; the error, if any, is the reader's. The arena may be NULL for a
// message without arrays.
void message_read(const struct message_schema *schema, int16_t version, struct reader *reader, struct arena *arena,
                  void *message);

struct message_part {
    const struct message_schema *schema;
    int16_t version;
    const void *message;
};

// Encodes messages one behind the other, as message_encode does one.
int message_encode_parts(const struct message_part *parts, size_t count, struct arena *arena,
                         struct message_pieces *pieces) __attribute__((warn_unused_result));

#endif
