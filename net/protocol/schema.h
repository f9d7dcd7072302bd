// SPDX-License-Identifier: Apache-2.0
// The tables that the generator makes of the schema files and that the walkers read. Constant, shared by all threads.
#ifndef NET_PROTOCOL_SCHEMA_H
#define NET_PROTOCOL_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

enum field_type {
    FIELD_BOOL,
    FIELD_INT8,
    FIELD_INT16,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_FLOAT64,
    FIELD_UUID,
    FIELD_STRING,
    FIELD_BYTES,
    FIELD_RECORDS,
    FIELD_STRUCT,
    FIELD_INT32_ARRAY,
    FIELD_INT64_ARRAY,
    FIELD_STRING_ARRAY,
    FIELD_STRUCT_ARRAY,
};

struct message_field {
    const char *name;                    // as in Kafka's JSON form: "topicName"
    const struct message_schema *schema; // of a struct, or of the elements of an array of structs
    uint16_t offset;                     // in the C struct
    uint16_t is_null_offset;             // FIELD_STRUCT that can be null: where the bool is
    uint8_t type;                        // enum field_type
    int8_t tag;                          // -1: not tagged
    uint8_t version_min, version_max;    // on the wire in these
    uint8_t nullable_min, nullable_max;  // min > max: never
    bool ignorable;                      // dropped outside its versions, whatever it holds
    bool classic;                        // never in the compact form
};

struct message_schema {
    const char *name; // of the C struct
    const struct message_field *fields;
    const void *defaults;          // a struct with every field at its default
    const uint16_t *wire_size_min; // by version, up to version_max: no encoding is smaller
    uint32_t size;                 // of the C struct
    uint16_t untagged_count;       // these fields come first, in wire order
    uint16_t field_count;          // then the tagged ones, by tag
    int16_t version_min, version_max;
    int16_t flexible_min; // above version_max: never
};

// All messages, headers and the contents of bytes included; NULL at the end.
extern const struct message_schema *const message_schemas[];

#endif
